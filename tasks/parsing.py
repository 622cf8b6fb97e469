"""From plain values, as YAML and the command line give them, to frozen dataclasses, and back.

A dataclass says all: its fields are the options, their annotations the types that are allowed, their defaults what is
taken where a file leaves one out, and `__post_init__` the ranges. The options of a field made by `spread` stand beside
the others, not under its name.
"""

import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from data.errors import InputError
from data.sizes import Size

Config = TypeVar("Config")
Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]

WORDS: Mapping[object, str] = {
    int: "an integer",
    float: "a number",
    str: "a string",
    bool: "true or false",
    Path: "a path",
    Size: "[height, width]",
    type(None): "null",
}
SPREAD, HIDDEN = "spread", "hidden"
NO_KINDS: Mapping[str, type] = {}


def spread() -> Any:
    """Return a field whose own fields stand beside those of the dataclass that has it."""
    return field(metadata={SPREAD: True})


def hidden(default: object) -> Any:
    """Return a field that is no option: plain values neither hold nor get it."""
    return field(default=default, metadata={HIDDEN: True})


@dataclass(frozen=True)
class Partial(Generic[Config]):
    """Changes to a dataclass: options of which null means that nothing is changed.

    Attributes:
        given: the plain values.
        changes: the fields that change, and their values.
    """

    given: Mapping[str, object]
    changes: Mapping[str, object]


def parse(
    config: type[Config],
    values: Mapping[str, object],
    name: str = "",
    *,
    kinds: Mapping[str, type] = NO_KINDS,
    known_only: bool = False,
) -> Config:
    """Build a dataclass from plain values.

    Args:
        config: the dataclass.
        values: of its fields.
        name: of the option that they are under; "" for the options of a command.
        kinds: types of fields that depend on the task, in place of those annotated.
        known_only: whether values that no field has the name of are left out, and not refused.

    Raises:
        InputError: naming the option that is missing, unknown, or of the wrong type or range.
    """
    return _Parser(kinds, known_only=known_only).build(config, values, name)


class _Parser:
    """Parses with the same `kinds`, and the same eye for unknown values, at every depth."""

    def __init__(self, kinds: Mapping[str, type], *, known_only: bool = False) -> None:
        self.kinds = kinds
        self.known_only = known_only

    def build(self, config: type[Config], values: Mapping[str, object], name: str) -> Config:
        """Build a dataclass from all of its values."""
        unknown = [key for key in values if key not in list_options(config, self.kinds)]
        if unknown and not self.known_only:
            raise InputError(f"{join(name, str(unknown[0]))}: there is no such option")
        return self._construct(config, values, name)

    def _construct(self, config: type[Config], values: Mapping[str, object], name: str) -> Config:
        given: dict[str, object] = {}
        for own, kind in typed_fields(config, self.kinds):
            if own.metadata.get(SPREAD):
                given[own.name] = self._construct(kind, values, name)
            elif own.name in values:
                given[own.name] = self.convert(values[own.name], kind, join(name, own.name))
            elif own.default is MISSING and own.default_factory is MISSING:
                raise InputError(f"{join(name, own.name)}: none given; expected {join(name, own.name)}=VALUE")
        try:
            return config(**given)
        except ValueError as error:
            raise InputError(prefix(str(error), name, given)) from error

    def _build_partial(self, config: type[Config], values: Mapping[str, object], name: str) -> "Partial[Config]":
        options = list_options(config, self.kinds)
        unknown = [key for key in values if key not in options]
        if unknown:
            raise InputError(f"{join(name, unknown[0])}: there is no such option")
        given = {key: value for key, value in values.items() if value is not None}
        changes = {key: self.convert(value, options[key], join(name, key)) for key, value in given.items()}
        return Partial(values, changes)

    def convert(self, value: object, kind: object, name: str) -> object:
        """Turn a plain value into one of an annotated type.

        Raises:
            InputError: naming the option, what it held and what is expected.
        """
        for choice in choices(kind):
            found = self._try(value, choice, name)
            if found is not MISSING:
                return found
        names = [str(word) for choice in choices(kind) for word in get_args(choice) if get_origin(choice) is Literal]
        if names:
            raise InputError(f"{name}: unknown {value!r}; choose from {', '.join(names)}")
        raise InputError(f"{name}: {value!r}; expected {describe(kind, name)}")

    def _try(self, value: object, kind: object, name: str) -> object:
        """Return the value as a type, MISSING if it is of another."""
        if get_origin(kind) is Partial:
            (whole,) = get_args(kind)
            return self._build_partial(whole, value, name) if isinstance(value, Mapping) else MISSING
        if is_dataclass(kind) and isinstance(kind, type):
            return self.build(kind, value, name) if isinstance(value, Mapping) else MISSING
        origin, arguments = get_origin(kind), get_args(kind)
        if origin is Literal:
            return value if any(type(value) is type(word) and value == word for word in arguments) else MISSING
        if origin is tuple:
            return self._try_tuple(value, arguments, name)
        if origin is Sequence:
            return self._try_tuple(value, (*arguments, ...), name)
        if origin in (dict, Mapping):
            if not isinstance(value, Mapping):
                return MISSING
            keys = {key: self.convert(key, arguments[0], f"{name}, the name {key!r}") for key in value}
            return {keys[key]: self.convert(value[key], arguments[1], join(name, str(key))) for key in value}
        if kind is float and type(value) is int:
            return value  # as typed: messages and config.yaml show it
        if kind is Path and isinstance(value, str):
            return Path(value)
        return value if type(value) is kind else MISSING

    def _try_tuple(self, value: object, kinds: tuple[Any, ...], name: str) -> object:
        if not isinstance(value, list | tuple):
            return MISSING
        expected = kinds[:1] * len(value) if kinds[-1] is ... else kinds
        if len(expected) != len(value):
            return MISSING
        try:
            return tuple(self.convert(entry, kind, name) for entry, kind in zip(value, expected, strict=True))
        except InputError:
            return MISSING


def prefix(message: str, name: str, own: Mapping[str, object]) -> str:
    """Say under which option a dataclass stands that refused its values; its message begins with a field, or not."""
    if not name or message.startswith((f"{name}.", f"{name}:")):
        return message
    return f"{name}.{message}" if message.partition(":")[0] in own else f"{name}: {message}"


def join(name: str, key: str) -> str:
    """Return the dotted name of an option."""
    return f"{name}.{key}" if name else key


def choices(kind: object) -> tuple[Any, ...]:
    """Return the types that an annotation allows."""
    return get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)


def typed_fields(config: type, kinds: Mapping[str, type] = NO_KINDS) -> Iterator[tuple[Field[Any], Any]]:
    """Yield the fields of a dataclass with their types."""
    hints = get_type_hints(config)
    for own in fields(config):
        if not own.metadata.get(HIDDEN):
            yield own, kinds.get(own.name, hints[own.name])


def list_options(config: type, kinds: Mapping[str, type] = NO_KINDS) -> dict[str, Any]:
    """Return the options of a dataclass and their types, those of its spread fields among them."""
    options: dict[str, Any] = {}
    for own, kind in typed_fields(config, kinds):
        options |= list_options(kind, kinds) if own.metadata.get(SPREAD) else {own.name: kind}
    return options


def describe(kind: object, name: str = "") -> str:
    """Say what an annotation allows for the option `name`: "an integer or null"."""
    return " or ".join(dict.fromkeys(_describe(choice, name) for choice in choices(kind)))


def _describe(kind: object, name: str) -> str:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in WORDS:
        return WORDS[kind]
    if is_list(kind):
        return f"a list of {_describe_many(arguments[0])}"
    if origin is tuple:
        return f"[{', '.join(describe(each) for each in arguments)}]"
    group = arguments[0] if origin is Partial else kind
    if not (is_dataclass(group) and isinstance(group, type)):
        return "options by name"
    return f"options by name, such as {join(name, next(iter(list_options(group))))}=VALUE"


def _describe_many(kind: object) -> str:
    """Say the same in the plural."""
    if is_list(kind):
        return f"lists of {_describe_many(get_args(kind)[0])}"
    if get_origin(kind) is tuple:
        return describe(kind)
    return " or ".join(f"{describe(choice).removeprefix('an ').removeprefix('a ')}s" for choice in choices(kind))


def is_list(kind: object) -> bool:
    """Tell whether an annotation is of any number of values of one type."""
    return get_origin(kind) is Sequence or (get_origin(kind) is tuple and get_args(kind)[-1] is ...)


def flatten(values: Mapping[str, object], name: str = "") -> dict[str, object]:
    """Return plain values by their dotted names; an empty dictionary is a value like all others."""
    flat: dict[str, object] = {}
    for key, value in values.items():
        below = isinstance(value, Mapping) and value
        flat |= flatten(value, join(name, key)) if below else {join(name, key): value}  # type: ignore[arg-type]
    return flat


def write_value(value: object) -> str:
    """Write a plain value as an option on the command line takes it, a number in as few digits as say it exactly."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list | tuple):
        return f"[{','.join(map(write_value, value))}]"
    short = f"{value:g}" if isinstance(value, float) else str(value)
    return repr(value) if isinstance(value, float) and float(short) != value else short


def to_plain(config: object) -> dict[str, Any]:
    """Return the options of a dataclass as `parse` takes them."""
    values: dict[str, Any] = {}
    for own in fields(config):  # type: ignore[arg-type]
        value = getattr(config, own.name)
        if own.metadata.get(SPREAD):
            values |= to_plain(value)
        elif not own.metadata.get(HIDDEN):
            values[own.name] = _to_plain(value)
    return values


def _to_plain(value: object) -> Plain:
    if isinstance(value, Partial):
        return _to_plain(value.given)
    if is_dataclass(value):
        return to_plain(value)
    if isinstance(value, Mapping):
        return {str(key): _to_plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_to_plain(entry) for entry in value]
    return str(value) if isinstance(value, Path) else value  # type: ignore[return-value]

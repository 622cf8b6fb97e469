"""From what Hydra composed to a command's configuration; and options that stay the text that was typed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import QuotedString
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from data.errors import InputError
from tasks.models.architecture import OWN_TABLE
from tasks.models.table_file import SUFFIXES, fill_in
from tasks.parsing import SPREAD, Partial, choices, parse, typed_fields
from tasks.task import check_serves, find_task

Config = TypeVar("Config")
BLANK = "\\ "  # behind a name in {}, where Hydra takes no quotes, makes text of it


def read_options(kind: type[Config], cfg: DictConfig) -> Config:
    """Return the configuration of a command, checked.

    Args:
        kind: its dataclass.
        cfg: as Hydra composed it.

    Raises:
        InputError: naming the option that is missing, cannot be resolved, or is of the wrong type or range.
    """
    try:
        check_pairing(cfg)
        values: Any = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    except MissingMandatoryValue as error:
        raise InputError(f"{error.full_key}: none given; expected {error.full_key}=VALUE") from error
    except OmegaConfBaseException as error:
        raise InputError(f"option {error.full_key}: {str(error).splitlines()[0]}") from error
    return replace(parse_command(kind, _strip_keys(values)), typed=tuple(given_options()))  # type: ignore[type-var]


def check_pairing(cfg: DictConfig) -> None:
    """Check that a recipe learns from the data set; one for another task lacks options that the recipe refers to.

    Raises:
        InputError: naming the data sets that serve the recipe's task.
    """
    head, dataset = (OmegaConf.select(cfg, name) for name in ("model.head", "dataset.name"))
    if head is not None and dataset is not None:
        check_serves(find_task(str(head)), str(dataset))


def parse_command(kind: type[Config], values: Mapping[str, Any]) -> Config:
    """Build the configuration of a command from plain values; a recipe's head says which task it is for.

    A file of rows, model.table, is read here.

    Raises:
        InputError: naming the option that is missing, unknown, or of the wrong type or range.
    """
    if not has_recipe(kind):
        return parse(kind, values)
    values = fill_in(values)
    model = values.get("model")
    head = model.get("head") if isinstance(model, Mapping) else None
    return parse(kind, values, kinds={"own": find_task(str(head)).options})


def has_recipe(kind: type) -> bool:
    """Tell whether a command has the options of a recipe, of its own or beside those of a part of it."""
    return any(
        own.name == "recipe" or (bool(own.metadata.get(SPREAD)) and has_recipe(choices(annotated)[0]))
        for own, annotated in typed_fields(kind)
    )


def given_options() -> list[str]:
    """Return the options of the command line as they were typed; none where there is no command line."""
    return list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []


def keep_text(argument: str, kind: type) -> str:
    """Quote what Hydra would take for something else where an option is a string, such as the number out=2024_05_18.

    Args:
        argument: of the command line.
        kind: dataclass of the command's options.
    """
    name, equals, value = argument.partition("=")
    option = find_option(kind, name.lstrip("+"))
    if not equals or option is None:
        return argument
    quoted = _quote(value, option)
    return argument if quoted == value else f"{name}={quoted}"


def name_table(argument: str) -> list[str]:
    """Return backbone=FILE.yaml as the options that it is short for; all else as it is."""
    name, _, value = argument.partition("=")
    if name != "backbone" or not value.endswith(SUFFIXES):
        return [argument]
    return [f"backbone={OWN_TABLE}", f"model.table={_quote_text(value, nullable=False)}"]


def find_option(kind: type, name: str) -> Any:
    """Return the type of an option by its dotted name; None where a dataclass has none of that name."""
    first, _, rest = name.partition(".")
    for own, annotated in typed_fields(kind):
        found = None
        if own.metadata.get(SPREAD):
            found = next(filter(None, (find_option(choice, name) for choice in choices(annotated))), None)
        elif own.name == first:
            found = _look_inside(annotated, rest) if rest else annotated
        if found is not None:
            return found
    return None


def _look_inside(annotated: Any, name: str) -> Any:
    """Return the type of what has a name inside a dataclass, changes to one, or a dictionary."""
    for choice in choices(annotated):
        origin, arguments = get_origin(choice), get_args(choice)
        if origin in (dict, Mapping):
            return arguments[1]
        inner = arguments[0] if origin is Partial else choice
        if is_dataclass(inner):
            return find_option(inner, name)  # type: ignore[arg-type]
    return None


def _quote(value: str, kind: object) -> str:
    """Quote a value, or what it lists, where its type is a string."""
    kinds = choices(kind)
    listed = next((choice for choice in kinds if get_origin(choice) in (tuple, Sequence)), None)
    named = next((choice for choice in kinds if get_origin(choice) in (dict, Mapping)), None)
    if value.startswith("[") and value.endswith("]") and listed is not None:
        (entry, *_) = get_args(listed)
        return f"[{','.join(_quote(part, entry) for part in _split(value[1:-1]))}]"
    if value.startswith("{") and value.endswith("}") and named is not None:
        key_kind, entry = get_args(named)
        pairs = [part.partition(":") for part in _split(value[1:-1])]
        quoted = [f"{_mark_key(key.strip(), key_kind)}:{_quote(rest.strip(), entry)}" for key, _, rest in pairs]
        return f"{{{','.join(quoted)}}}"
    return _quote_text(value, nullable=type(None) in kinds) if _is_text(kinds) else value


def _is_text(kinds: Collection[object]) -> bool:
    return bool({str, Path} & set(kinds)) and not {int, float, bool} & set(kinds)


def _quote_text(value: str, *, nullable: bool) -> str:
    stripped = value.strip()
    if not stripped or (nullable and stripped == "null"):
        return value
    if isinstance(_read(stripped), str | QuotedString | list | dict):
        return value
    escaped = stripped.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _mark_key(key: str, kind: object) -> str:
    found = _read(f"{{{key}:0}}")
    plain = not isinstance(found, dict) or all(isinstance(name, str) for name in found)
    return key if plain or not _is_text(choices(kind)) else f"{key}{BLANK}"


def _strip_keys(values: object) -> Any:
    """Take what `_mark_key` has put there off the names in plain values."""
    if isinstance(values, dict):
        return {name.strip() if isinstance(name, str) else name: _strip_keys(each) for name, each in values.items()}
    return [_strip_keys(each) for each in values] if isinstance(values, list) else values


def _read(value: str) -> object:
    """Return what Hydra makes of a value; one that it cannot read stays text."""
    try:
        return OverridesParser.create().parse_override(f"x={value}").value()
    except HydraException:
        return value


def _split(text: str) -> list[str]:
    """Split at the commas that stand in no brackets and no quotes."""
    parts, depth, quote = [""], 0, ""
    for index, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote and text[index - 1] != "\\" else quote
        elif sign in "'\"":
            quote = sign
        depth += 0 if quote else (sign in "[{(") - (sign in "]})")
        if sign == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += sign
    return parts if text.strip() else []

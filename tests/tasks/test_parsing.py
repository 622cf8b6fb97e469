"""From plain values to dataclasses and back: each kind of annotation, and the message where a value is of another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, make_dataclass
from pathlib import Path
from typing import Literal

import pytest

from data.errors import InputError
from tasks.parsing import Partial, describe, hidden, parse, spread, to_plain
from tasks.task import find_task
from tests.support.runs import KINDS, REQUIRED, load_config

Size = tuple[int, int]
Shapes = tuple[tuple[tuple[float, float], ...], ...]


@dataclass(frozen=True)
class Loss:
    """Options with a range, a default, and a rule for two of them together."""

    weight: float
    power: int = 2

    def __post_init__(self) -> None:
        if self.weight < 0:
            raise ValueError(f"weight: {self.weight}; expected a number from 0")
        if self.weight and not self.power:
            raise ValueError("a weight without a power")


@dataclass(frozen=True)
class Boundary(Loss):
    """Another loss."""

    width: int = 1


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command of which one part stands under its name, and another beside its own options."""

    loss: Loss
    recipe: "Recipe" = spread()
    out: Path
    names: Sequence[str] | None = None
    typed: tuple[str, ...] = hidden(("a=1",))


@dataclass(frozen=True)
class Recipe:
    """What is spread."""

    size: Size | int
    loss_at: dict[str, Loss] = field(default_factory=dict)


VALUES = {
    "loss": {"weight": 0.5, "power": 3},
    "size": [64, 96],
    "loss_at": {"C4": {"weight": 1.0, "power": 1}},
    "out": "a/b",
}


def convert(kind: object, value: object) -> object:
    """Parse the value of one option, group.x."""
    one = make_dataclass("One", [("x", kind)])
    return parse(one, {"x": value}, "group").x  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (int, 3, 3),
        (float, 0.5, 0.5),
        (float, 3, 3),
        (str, "3", "3"),
        (bool, True, True),
        (Path, "a/b", Path("a/b")),
        (int | None, None, None),
        (Size | int, 320, 320),
        (Size | int, [192, 288], (192, 288)),
        (Literal["jpg", "none"], "none", "none"),
        (Literal[3, 6], 6, 6),
        (tuple[int, float], [1, 2], (1, 2)),
        (tuple[str, ...], [], ()),
        (str | tuple[str, ...], ["csv", "wandb"], ("csv", "wandb")),
        (Sequence[int], [1, 2], (1, 2)),
        (Shapes | str, [[[0.2, 1], [0.3, 2]], [[0.5, 1]]], (((0.2, 1), (0.3, 2)), ((0.5, 1),))),
        (dict[str, int | None], {"a": 1, "b": None}, {"a": 1, "b": None}),
        (Mapping[str, int | Sequence[int]], {"road": [1, 2, 3], "car": 4}, {"road": (1, 2, 3), "car": 4}),
        (dict[Literal["train", "val"], Path], {"val": "b"}, {"val": Path("b")}),
        (Loss, {"weight": 1}, Loss(1)),
        (Loss | None, None, None),
    ],
)
def test_a_value_becomes_what_its_annotation_says(kind: object, value: object, expected: object) -> None:
    found = convert(kind, value)
    assert (found, repr(found)) == (expected, repr(expected))  # as typed: 3 == 3.0, but they are written apart


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (int, 2.5, ": 2.5; expected an integer"),
        (int, 3.0, ": 3.0; expected an integer"),
        (int, True, ": True; expected an integer"),
        (int, "3", ": '3'; expected an integer"),
        (int, None, ": None; expected an integer"),
        (int | None, "x", ": 'x'; expected an integer or null"),
        (float, "high", ": 'high'; expected a number"),
        (float, False, ": False; expected a number"),
        (str, 3, ": 3; expected a string"),
        (bool, 1, ": 1; expected true or false"),
        (Path, 3, ": 3; expected a path"),
        (Size | int, [320], ": [320]; expected [height, width] or an integer"),
        (Size | int, [320, 0.5], ": [320, 0.5]; expected [height, width] or an integer"),
        (Literal["jpg", "png"], "gif", ": unknown 'gif'; choose from jpg, png"),
        (Literal["jpg", "png"] | None, 3, ": unknown 3; choose from jpg, png"),
        (Literal[1, 6], True, ": unknown True; choose from 1, 6"),
        (tuple[str, ...], "a", ": 'a'; expected a list of strings"),
        (tuple[float, ...] | None, [1, "x"], ": [1, 'x']; expected a list of numbers or null"),
        (Sequence[int], {"a": 1}, ": {'a': 1}; expected a list of integers"),
        (Shapes | None, [[1, 2]], ": [[1, 2]]; expected a list of lists of [a number, a number] or null"),
        (dict[str, int], [1], ": [1]; expected options by name"),
        (dict[str, int], {"a": "x"}, ".a: 'x'; expected an integer"),
        (dict[Literal["train", "val"], int], {"test": 1}, ", the name 'test': unknown 'test'; choose from train, val"),
        (Loss, 3, ": 3; expected options by name, such as group.x.weight=VALUE"),
        (Loss, {}, ".weight: none given; expected group.x.weight=VALUE"),
        (Loss, {"weight": 1, "wieght": 2}, ".wieght: there is no such option"),
        (Loss, {"weight": -1}, ".weight: -1; expected a number from 0"),
        (Loss, {"weight": 1, "power": 0}, ": a weight without a power"),
        (Partial[Loss], [1], ": [1]; expected options by name, such as group.x.weight=VALUE"),
        (Partial[Loss], {"weight": "x"}, ".weight: 'x'; expected a number"),
        (Partial[Loss], {"wieght": None}, ".wieght: there is no such option"),
    ],
)
def test_a_value_of_another_kind_is_refused_by_its_options_name(kind: object, value: object, message: str) -> None:
    with pytest.raises(InputError) as refused:
        convert(kind, value)
    assert str(refused.value) == f"group.x{message}"


def test_a_message_that_names_its_group_already_is_left_as_it_is() -> None:
    @dataclass
    class Group:
        lr: float

        def __post_init__(self) -> None:
            raise ValueError(f"group.lr: {self.lr}; expected more")

    with pytest.raises(InputError, match=r"^group\.lr: 1; expected more$"):
        parse(Group, {"lr": 1}, "group")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": "x"}, "size: 'x'; expected"),
        ({"sise": 32}, "sise: there is no such option"),
        ({"loss": {}}, r"loss\.weight: none given"),
    ],
)
def test_options_of_a_command_are_named_without_a_group(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}"):
        parse(Command, {**VALUES, **change})


def test_spread_options_stand_beside_the_others_and_hidden_ones_nowhere() -> None:
    command = parse(Command, VALUES)
    assert command == Command(
        loss=Loss(0.5, 3), recipe=Recipe((64, 96), {"C4": Loss(1.0, 1)}), out=Path("a/b"), names=None, typed=("a=1",)
    )
    for name in ("recipe", "typed"):
        with pytest.raises(InputError, match=rf"^{name}: there is no such option$"):
            parse(Command, {**VALUES, name: {"size": 32}})


def test_a_field_takes_another_type_where_the_task_decides_it() -> None:
    values = {**VALUES, "loss": {"weight": 1, "width": 3}}
    assert parse(Command, values, kinds={"loss": Boundary}).loss == Boundary(1.0, 2, 3)
    with pytest.raises(InputError, match=r"^loss\.width: there is no such option$"):
        parse(Command, values)


def test_partial_options_change_what_is_given_and_nothing_for_null() -> None:
    given = {"weight": None, "power": 4}
    found = convert(Partial[Loss], given)
    assert isinstance(found, Partial)
    assert (found.given, found.changes) == (given, {"power": 4})


def test_partial_options_are_checked_by_type_and_not_by_range() -> None:
    found = convert(Partial[Loss], {"weight": -1})
    assert isinstance(found, Partial)
    assert found.changes == {"weight": -1.0}


def test_plain_values_are_those_that_were_parsed() -> None:
    assert to_plain(parse(Command, VALUES)) == {**VALUES, "names": None}
    one = make_dataclass("One", [("x", Partial[Loss])])
    assert to_plain(parse(one, {"x": {"weight": None, "power": 4}})) == {"x": {"weight": None, "power": 4}}


def test_parsing_plain_values_gives_the_same_configuration() -> None:
    command = parse(Command, {**VALUES, "names": ["0", "1"]})
    assert parse(Command, to_plain(command)) == command


@pytest.mark.parametrize("name", KINDS)
def test_every_commands_configuration_is_plain_values_and_back(name: str) -> None:
    config = load_config(name, *REQUIRED.get(name, ()))
    plain = to_plain(config)
    kinds = {"own": find_task(plain["model"]["head"]).options} if "model" in plain else {}
    assert parse(KINDS[name], plain, kinds=kinds) == config


def test_a_choice_that_several_types_allow_is_described_once() -> None:
    assert describe(tuple[int, ...] | Sequence[int] | None) == "a list of integers or null"

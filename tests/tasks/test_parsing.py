"""Plain values become dataclasses whose fields say what is allowed, and whose errors name the option."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from data.errors import InputError
from data.sizes import Size
from tasks.parsing import Partial, hidden, parse, spread, to_plain


@dataclass(frozen=True)
class Layers:
    width: float
    names: tuple[str, ...] = ()
    shapes: tuple[tuple[float, float], ...] | None = None

    def __post_init__(self):
        if self.width <= 0:
            raise ValueError(f"width: {self.width}; expected a number above 0")


@dataclass(frozen=True)
class Entry:
    size: Size | int
    rule: Literal["area", "bilinear"] = "area"
    deep: Layers | None = None


@dataclass(frozen=True, kw_only=True)
class Options:
    layers: Layers = spread()
    entry: Entry
    out: Path | None = None
    scenes: dict[str, int] | None = None
    typed: tuple[str, ...] = hidden(())


@dataclass(frozen=True)
class Change:
    entry: Partial[Entry]


VALUES = {"width": 2, "names": ["a", "b"], "entry": {"size": [64, 96]}, "out": "runs/1", "scenes": {"train": 6}}
OPTIONS = Options(
    layers=Layers(2, ("a", "b")), entry=Entry((64, 96)), out=Path("runs/1"), scenes={"train": 6}, typed=("lr=1",)
)


def test_plain_values_become_what_the_fields_say():
    found = parse(Options, VALUES)
    assert found == Options(
        layers=Layers(2, ("a", "b")), entry=Entry((64, 96)), out=Path("runs/1"), scenes={"train": 6}
    )
    assert type(found.layers.width) is int  # as typed


def test_and_back_with_what_was_left_out():
    defaults = {"shapes": None, "entry": {"size": [64, 96], "rule": "area", "deep": None}}
    assert to_plain(OPTIONS) == VALUES | defaults


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": None}, "width: None; expected a number"),
        ({"width": True}, "width: True; expected a number"),
        ({"width": "2"}, "width: '2'; expected a number"),
        ({"width": 0}, "width: 0; expected a number above 0"),
        ({"names": "ab"}, "names: 'ab'; expected a list of strings"),
        ({"names": ["a", 1]}, "names: ['a', 1]; expected a list of strings"),
        ({"shapes": [[1, 2, 3]]}, "shapes: [[1, 2, 3]]; expected a list of [a number, a number] or null"),
        ({"out": 3}, "out: 3; expected a path or null"),
        ({"scenes": {"train": "six"}}, "scenes.train: 'six'; expected an integer"),
        ({"scenes": {3: 6}}, "scenes, the name 3: 3; expected a string"),
        ({"entry": 64}, "entry: 64; expected options by name, such as entry.size=VALUE"),
        ({"entry": {}}, "entry.size: none given; expected entry.size=VALUE"),
        ({"entry": {"size": [64]}}, "entry.size: [64]; expected [height, width] or an integer"),
        ({"entry": {"size": 64, "rule": "cubic"}}, "entry.rule: unknown 'cubic'; choose from area, bilinear"),
        ({"entry": {"size": 64, "deep": {"width": -1}}}, "entry.deep.width: -1; expected a number above 0"),
        ({"entry": {"size": 64, "depth": 3}}, "entry.depth: there is no such option"),
        ({"layers": {"width": 2}}, "layers: there is no such option"),
        ({"typed": ["lr=1"]}, "typed: there is no such option"),
    ],
)
def test_what_a_field_does_not_allow_is_refused_by_the_name_of_the_option(changes, message):
    with pytest.raises(InputError) as refused:
        parse(Options, VALUES | changes)
    assert str(refused.value) == message


def test_an_option_without_a_default_is_asked_for():
    with pytest.raises(InputError, match=r"^width: none given; expected width=VALUE$"):
        parse(Options, {"entry": {"size": 64}})


def test_a_change_is_what_is_given_and_not_null():
    given = {"size": None, "rule": "bilinear"}
    found = parse(Change, {"entry": given})
    assert found.entry.changes == {"rule": "bilinear"}
    assert to_plain(found) == {"entry": given}
    for wrong, message in ({"size": "a"}, "entry.size: 'a'"), ({"depth": None}, "entry.depth: there is no such"):
        with pytest.raises(InputError, match=f"^{message}"):
            parse(Change, {"entry": wrong})


def test_the_type_of_a_field_may_depend_on_the_task():
    found = parse(Change, {"entry": {"width": 3}}, kinds={"entry": Layers})
    assert found.entry == Layers(3)

import json
import random

import msgspec
import pytest

from data.bounded import json_values
from data.bounded.json_values import MOST_LEVELS, count_levels, parse_json, parse_typed, read_json
from data.errors import InputError


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ('{"a": [1, {"b": []}]}', 4),
        ('"[[["', 0),
        (r'["\"[[", "\\"]', 1),
        (r'["a\\", [["b"]]]', 3),
        ("7", 0),
        ("[][][]", 1),
    ],
)
def test_levels_are_counted_outside_of_strings(text, levels):
    assert count_levels(text.encode()) == levels


@pytest.mark.parametrize("piece", [1, 2, 3, 7])
def test_levels_are_the_same_wherever_the_text_is_cut(monkeypatch, piece):
    generator = random.Random(0)
    texts = [bytes(generator.choices(b'[]{}"\\a', k=generator.randint(0, 30))) for _ in range(500)]
    whole = [count_levels(text) for text in texts]
    monkeypatch.setattr(json_values, "PIECE", piece)
    assert [count_levels(text) for text in texts] == whole


class Entry(msgspec.Struct):
    number: int
    rest: msgspec.Raw = msgspec.Raw()


BROKEN = [
    '"\x01"',
    '"\n"',
    r'"\q"',
    r'"\u12"',
    "01",
    "1.",
    ".5",
    "+1",
    "tru",
    "[1,]",
    "{,}",
    '"',
    "NaN",
    "1 2",
    "[" * 60 + "]" * 60,
]


@pytest.mark.parametrize("value", [*(text.encode() for text in BROKEN), b'"\xff"', b'"\xed\xa0\x80"', b'"\xc3'])
@pytest.mark.parametrize("key", ["rest", "skipped"])
def test_json_that_is_none_is_refused_where_it_is_not_looked_at_too(key, value):
    with pytest.raises(ValueError):  # noqa: PT011  # of many kinds
        parse_typed(b'{"number": 1, "' + key.encode() + b'": ' + value + b"}", Entry)


@pytest.mark.parametrize("text", ['{"number": 1, "number": 2}', '{"n\\u0075mber": 2, "ü": "ü"}', '\ufeff{"number": 2}'])
def test_what_is_parsed_into_types_means_the_same(text):
    assert parse_typed(text.encode(), Entry).number == 2
    assert parse_typed(text.removeprefix("\ufeff").encode("utf-16"), Entry).number == 2
    assert parse_json(text.encode())["number"] == 2


def test_a_part_that_was_not_parsed_yet_is_parsed_later():
    entry = parse_typed(b'{"number": 1, "rest": [1, 2]}', Entry)
    assert parse_typed(entry.rest, list[int]) == json.loads(bytes(entry.rest)) == [1, 2]


def test_what_is_nested_deep_is_refused_and_a_little_is_read():
    assert parse_json(b"[" * MOST_LEVELS + b"]" * MOST_LEVELS)
    with pytest.raises(ValueError, match=r"nested 51 levels deep; expected at most 50"):
        parse_json(b"[" * 51 + b"]" * 51)
    with pytest.raises(ValueError, match="nested"):
        parse_json(b"[" * 10**6)


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "1e999", "9" * 19, "9" * 5000])
def test_numbers_that_nothing_can_be_computed_of_are_refused(text):
    with pytest.raises(ValueError, match="number"):
        parse_json(text.encode())


def test_labels_may_hold_nan_and_any_text(tmp_path):
    assert parse_json(b"[NaN]", finite=False)[0] != 0
    assert parse_json('\ufeff["ü"]'.encode()) == ["ü"]
    assert parse_json('["ü"]'.encode("utf-16")) == ["ü"]
    (tmp_path / "a.json").write_bytes(b'{"a": \xff}')
    with pytest.raises(InputError, match=r"a\.json: not readable as JSON .*; expected numbers"):
        read_json(tmp_path / "a.json", expected="expected numbers")

import pytest

from data.bounded.json_values import MOST_LEVELS, count_levels, parse_json, read_json
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

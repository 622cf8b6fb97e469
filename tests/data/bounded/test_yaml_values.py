import time

import pytest
import yaml
from omegaconf import OmegaConf

from data.bounded.yaml_values import count_nodes, parse_yaml
from tests.hostile.case import ALIASES


def test_values_are_those_that_omegaconf_writes(tmp_path):
    values = {
        "a": 1,
        "b": [1.5, 1e-05, -3, True, None],
        "c": {"d": "1", "e": "yes", "f": "null", "g": ""},
        "h": 3e10,
        "i": "~",
    }
    OmegaConf.save(OmegaConf.create(values), tmp_path / "a.yaml")
    assert parse_yaml((tmp_path / "a.yaml").read_bytes()) == values
    assert parse_yaml(yaml.safe_dump(values).encode()) == values


def test_nothing_is_resolved_and_odd_numbers_stay_texts():
    found = parse_yaml(b"a: ${oc.env:HOME}\nb: 0x1F\nc: 12:30\nd: 2020-01-01\ne: 1e999\nf: 100000000000000000000\n")
    assert found == {
        "a": "${oc.env:HOME}",
        "b": "0x1F",
        "c": "12:30",
        "d": "2020-01-01",
        "e": "1e999",
        "f": 1e20,
    }


def test_aliases_count_as_what_they_stand_for_before_anything_is_built():
    assert count_nodes(b"a: &x [1, 2]\nb: *x\n") == 9
    start = time.monotonic()
    with pytest.raises(ValueError, match="stands for more than 200,000 values"):
        parse_yaml(ALIASES.encode())
    assert time.monotonic() - start < 5
    with pytest.raises(ValueError, match=r"alias \*x stands inside of what it names"):
        parse_yaml(b"a: &x [*x]")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"!!python/object/apply:os.system [ls]", "tag 'tag:yaml.org,2002:python"),
        (b"a: !!int 3", "tag"),
        (b"a: 1\na: 2", "key 'a' appears twice"),
        (b"? [a]\n: b", "a key is no text"),
        (b"[" * 31, "nested more than 30 levels deep"),
        (b"[" * 10**5, "nest"),
        (b"a: \xff", "UTF-8|unacceptable|invalid"),
    ],
)
def test_what_is_no_plain_value_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parse_yaml(text)

"""YAML that may be anything: plain values alone, no tags, and no more of them than the file is long."""

import math
import re
from collections import Counter
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from data.bounded.content import BoundError, read_content
from data.errors import InputError

MOST_BYTES = 2**21  # some ten thousand class names take a tenth
MOST_LEVELS = 30  # of lists and dicts inside one another
MOST_NODES = 200_000  # values, each alias counted as what it stands for
PLAIN_TAGS = tuple(f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map"))
INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
FLOAT = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,4})?|[-+]?\.(?:inf|Inf|INF)")
WORDS = {
    **dict.fromkeys(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
}


class _Texts(getattr(yaml, "CBaseLoader", yaml.BaseLoader)):  # type: ignore[misc]
    """Gives every scalar as a string, and refuses tags, which ask for objects, and a key that stands twice."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Return a string, a list or a dict.

        Raises:
            ConstructorError: if the node asks for anything else.
        """
        if node.tag not in PLAIN_TAGS:
            raise yaml.constructor.ConstructorError(None, None, f"tag {node.tag!r}", node.start_mark)
        return super().construct_object(node, deep=deep)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return a mapping.

        Raises:
            ConstructorError: if a key stands twice, of which one would be lost, or is no scalar.
        """
        keys = [key.value if isinstance(key, yaml.ScalarNode) else None for key, _ in node.value]
        if None in keys:
            raise yaml.constructor.ConstructorError(None, None, "a key is no text", node.start_mark)
        twice = next((key for key, count in Counter(keys).items() if count > 1), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(None, None, f"key {twice!r} appears twice", node.start_mark)
        return dict(super().construct_mapping(node, deep=deep))


class _Values(_Texts):
    """Gives numbers, booleans and null for what is written plainly, everything else as `_Texts`."""

    def construct_scalar(self, node: yaml.ScalarNode) -> Any:
        """Return a plain value."""
        return node.value if node.style else to_value(node.value)


def to_value(text: str) -> Any:
    """Return what a plain scalar means; a number that is written in no usual way stays a string."""
    if text in WORDS:
        return WORDS[text]
    if INTEGER.fullmatch(text):
        return int(text)
    if FLOAT.fullmatch(text):
        value = float(text.lower().replace(".inf", "inf"))
        return value if math.isfinite(value) or "inf" in text.lower() else text
    return text


def parse_yaml(content: bytes, *, as_written: bool = False) -> Any:
    """Parse YAML.

    Args:
        content: of a file.
        as_written: whether every value stays the text that it is.

    Raises:
        ValueError: if it is none, asks for objects, or holds too much.
    """
    try:
        count_nodes(content)
        return yaml.load(content, Loader=_Texts if as_written else _Values)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(" ".join(str(error).split())[:300]) from error


def count_nodes(content: bytes) -> int:
    """Return how many values a YAML text stands for, aliases included; nothing is built.

    Raises:
        BoundError: if they are too many, nested too deep, or one holds itself.
    """
    sizes: dict[Hashable, int] = {}  # of what an anchor names
    stack: list[tuple[str | None, int]] = [(None, 0)]  # what is open: its anchor, and its values so far
    for event in yaml.parse(content, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader)):
        if isinstance(event, yaml.CollectionStartEvent):
            stack.append((event.anchor, 1))
            if len(stack) > MOST_LEVELS:
                raise BoundError(f"nested more than {MOST_LEVELS} levels deep; expected at most as many")
            continue
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, size = stack.pop()
        elif isinstance(event, yaml.ScalarEvent):
            anchor, size = event.anchor, 1
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise BoundError(f"alias *{event.anchor} stands inside of what it names, or before it")
            anchor, size = None, sizes[event.anchor]
        else:
            continue
        if anchor is not None:
            sizes[anchor] = size
        above, count = stack.pop()
        stack.append((above, count + size))
        if count + size > MOST_NODES:
            raise BoundError(f"stands for more than {MOST_NODES:,} values; expected at most as many")
    return stack[0][1]


def read_yaml(path: Path, *, expected: str, as_written: bool = False) -> Any:
    """Read a YAML file.

    Raises:
        InputError: naming the file, and saying what was expected.
    """
    try:
        return parse_yaml(read_content(path, most=MOST_BYTES), as_written=as_written)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable as YAML ({error}); {expected}") from error

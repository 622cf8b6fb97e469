"""XML that may be anything: no document type, which alone can define entities, and a bounded size."""

import re
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from data.bounded.content import BoundError, read_content

MOST_BYTES = 2**23  # of the labels of one image; of a tree in memory 30 times as many
MOST_LEVELS = 100  # of elements inside one another
ENCODING = re.compile(rb"<\?xml[^>]*?encoding=[\"']([\w.-]+)")  # expat itself knows few: not GB 2312, nor Shift JIS


class _Tree(TreeBuilder):
    """Builds a tree, and refuses a document type: nothing else can define entities, which may grow without end."""

    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        """Refuse it.

        Raises:
            ParseError: always.
        """
        raise ParseError("it has a DOCTYPE")


def read_tree(path: Path) -> Element:
    """Read an XML file.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it is none, or holds too much.
    """
    content = read_content(path, most=MOST_BYTES)
    parser = XMLParser(target=_Tree())
    declared = ENCODING.match(content)
    try:
        parser.feed(content.decode(declared[1].decode()) if declared else content)
        return parser.close()
    except (ParseError, LookupError) as error:
        raise ValueError(str(error)) from error


def check_levels(content: bytes) -> None:
    """Check that a file for a reader of another program, which may follow elements by its own stack, is no trap.

    Raises:
        ValueError: if it is no XML, has a document type, or is nested too deep.
    """
    level = 0

    class Levels:
        def start(self, tag: str, attributes: dict[str, str]) -> None:
            nonlocal level
            level += 1
            if level > MOST_LEVELS:
                raise BoundError(f"nested more than {MOST_LEVELS} levels deep; expected at most as many")

        def end(self, tag: str) -> None:
            nonlocal level
            level -= 1

        def doctype(self, name: str, public: str | None, system: str | None) -> None:
            raise BoundError("it has a DOCTYPE")

        def close(self) -> None: ...

    parser = XMLParser(target=Levels())
    try:
        parser.feed(content)
        parser.close()
    except ParseError as error:
        raise ValueError(str(error)) from error

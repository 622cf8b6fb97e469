r"""What goes to the terminal: names out of files stand in it, and a terminal obeys what is written to it.

Control characters are shown as Python writes them, \x1b, so that no name clears the screen, hides a line or turns it
around. Everything passes here: what is printed or logged through `guarded`, tables and bars through `SafeConsole`.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from data.escapes import escape

# All controls but tab and newline; the ends of lines of Unicode; what changes the direction of reading.
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
START = "\r"  # with which a bar of another package begins, to be drawn over the last one


def show_controls(text: str) -> str:
    """Return a text with its control characters as they are written in Python."""
    return CONTROLS.sub(lambda found: escape(found[0]), text)


class GuardedStream:
    """A stream to a terminal or a file, that shows control characters in place of obeying them.

    Attributes:
        rich_proxied_file: the stream itself, where rich writes what it draws; `SafeConsole` has guarded that.
    """

    def __init__(self, stream: TextIO) -> None:
        self.rich_proxied_file = stream

    def write(self, text: str) -> int:
        """Write a text; a carriage return at the beginning of what is no whole line is a bar's."""
        bar = text.startswith(START) and not text.endswith("\n")
        return self.rich_proxied_file.write(START + show_controls(text[1:]) if bar else show_controls(text))

    def writelines(self, lines: Any) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rich_proxied_file, name)


@contextmanager
def guarded() -> Iterator[None]:
    """Guard what is written to standard output and error meanwhile."""
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = GuardedStream(sys.stdout), GuardedStream(sys.stderr)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams


class SafeConsole(Console):
    """Rich's console, in whose texts control characters are shown; those that rich itself draws with stay."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """Yield the parts of what is drawn."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=show_controls(segment.text))

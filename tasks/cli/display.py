"""A bar at the bottom of a terminal, with the lines of the log above it; nothing where there is no terminal."""

import logging
import sys
from collections.abc import Iterable
from datetime import timedelta

from rich.console import RenderableType
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from tasks.cli.terminal import GuardedStream, SafeConsole


class Display:
    """Bars, one for each thing that goes on, and a line of numbers under them.

    Args:
        wanted: False shows nothing.
    """

    def __init__(self, *, wanted: bool) -> None:
        console = SafeConsole(stderr=True)
        self.shown = wanted and console.is_terminal
        self._bars = _Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f} %  {task.fields[left]}"),
            console=console,
            expand=True,
            transient=True,
            disable=not self.shown,
        )
        self._tasks: dict[str, TaskID] = {}
        self._moved: list[logging.StreamHandler] = []

    def start(self) -> None:
        """Show the bars, and have what is logged appear above them."""
        before = sys.stderr
        self._bars.start()
        if sys.stderr is not before:
            handlers = [h for h in logging.getLogger().handlers if isinstance(h, logging.StreamHandler)]
            self._moved = [handler for handler in handlers if handler.stream is before]
            for handler in self._moved:
                handler.setStream(GuardedStream(sys.stderr))

    def stop(self) -> None:
        """Take the bars away."""
        self._bars.stop()
        for handler in self._moved:
            handler.setStream(sys.stderr)
        self._moved = []

    def update(self, name: str, done: int, total: int, *, text: str = "", left: str = "") -> None:
        """Move a bar; it appears with its first step."""
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(text or name, total=total, left=left)
        self._bars.update(self._tasks[name], completed=done, total=total, description=text or name, left=left)

    def remove(self, name: str) -> None:
        """Take one bar away."""
        if name in self._tasks:
            self._bars.remove_task(self._tasks.pop(name))

    def say(self, numbers: str) -> None:
        """Change the line under the bars."""
        self._bars.numbers = numbers


class _Bars(Progress):
    """Rich's bars with a line under them."""

    numbers = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield from super().get_renderables()
        if self.numbers:
            yield Text(self.numbers, no_wrap=True, overflow="ellipsis", style="dim")


def format_time(seconds: float) -> str:
    """Return hours, minutes and seconds: "0:01:40"."""
    return str(timedelta(seconds=round(seconds)))

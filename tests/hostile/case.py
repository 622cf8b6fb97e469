"""One hostile file, and the command that a user would give it to."""

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

CANARY = Path(os.environ.get("HOSTILE_CANARY", "/tmp/hostile_canary"))  # made by code that runs; to stay away
SECRET = "HOSTILE_SECRET"  # name of a variable of the environment, whose value no output may hold
ESCAPES = "\x1b[2J\x1b]0;owned\x07\u202egnp"  # clears the screen, renames the window, turns the text around


class Case(NamedTuple):
    """A hostile file.

    In the words of the command {here} is the case's own folder, {base} that of sound files; "report" and "open" are
    not commands but what commands do at their end or start: the page of a run, the model of the demo.
    """

    name: str
    build: Callable[[Path, Path], object]  # writes into {here}, given {base}
    words: tuple[str, ...]


class Evil:
    """An object whose pickle calls a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def evil() -> Evil:
    """Return an object whose pickle makes the canary."""
    return Evil(os.system, f"touch {CANARY}")


def write_archive(path: Path, content: bytes, *, compressed: bool = False, **more: bytes) -> None:
    """Write an archive as torch.save does, of any pickle."""
    kind = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", kind) as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/byteorder", "little")
        archive.writestr("archive/version", "3\n")
        for name, value in more.items():
            archive.writestr(f"archive/{name}", value)


def dump(values: Any, protocol: int = 2) -> bytes:
    """Pickle values."""
    buffer = io.BytesIO()
    pickle.Pickler(buffer, protocol).dump(values)
    return buffer.getvalue()


def pipe(path: Path) -> None:
    """Make a pipe that nobody writes to."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(path)


Text = str | Callable[[], str]  # a long one is made when it is needed


def text(path: Path, content: Text) -> None:
    """Write a text, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = content if isinstance(content, str) else content()
    path.write_text(content, encoding="utf-8", errors="surrogateescape")


ALIASES = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30)
)
DEEP = "[" * 100_000 + "]" * 100_000
NESTED = "[" * 900 + "]" * 900  # as deep as Python's parser follows

"""Files with an image's name that cannot be read, or hardly: each is written beside good ones."""

import os
from pathlib import Path

from PIL import Image


def write_damaged(path: Path) -> None:
    """Cut a PNG off."""
    whole = path.with_suffix(".png")
    Image.effect_noise((200, 200), 50).save(whole)
    content = whole.read_bytes()
    whole.write_bytes(content[: len(content) // 2])


def write_text(path: Path) -> None:
    """Write no image at all."""
    path.with_suffix(".jpg").write_text("no image")


def write_folder(path: Path) -> None:
    """Make a folder."""
    path.with_suffix(".jpg").mkdir()


def write_pipe(path: Path) -> None:
    """Make a pipe that nobody writes to."""
    os.mkfifo(path.with_suffix(".jpg"))


def write_long(path: Path) -> None:
    """Write more pixels in a row than JPEG can hold."""
    Image.new("RGB", (100_000, 1)).save(path.with_suffix(".png"))

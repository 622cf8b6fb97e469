"""Which images and videos a source names, and a name for each that is good for what is written of it."""

import glob
import logging
from collections import Counter
from pathlib import Path

from data.errors import InputError
from data.escapes import to_utf8
from data.images import EXTENSIONS
from data.streams.videos import VIDEOS

logger = logging.getLogger(__name__)

EXPECTED = "expected an image, a video, a folder of them, a pattern or the number of a camera"
SIDE_FILES = (".csv", ".json", ".md", ".txt", ".xml", ".yaml", ".yml")  # labels and notes that lie beside images
MOST_LISTED = 5  # names in a message
LONGEST_NAME = 240  # bytes: file systems allow 255, and what is written adds a suffix to it


def find_files(source: str) -> list[Path]:
    """Return what `source` names: a file, the images and videos in a folder, or the files of a pattern.

    Raises:
        InputError: if there are none.
    """
    path = Path(source)
    if path.is_file():
        return [path]
    if path.is_dir():
        found = list_folder(path)
    else:
        pattern = f"{glob.escape(str(path.parent))}/{path.name}" if path.parent.is_dir() else source
        found = sorted(file for name in glob.glob(pattern, recursive=True) if is_regular(file := Path(name)))  # noqa: PTH207
    if not found:
        raise InputError(f"source: nothing found at {source}; {EXPECTED}")
    return found


def list_folder(folder: Path) -> list[Path]:
    """Return the images and videos in a folder, sorted, and log what else is there but for labels beside them."""
    shown = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    found = [path for path in shown if path.suffix.lower() in (*EXTENSIONS, *VIDEOS) and is_regular(path)]
    taken = set(found)
    others = [path for path in shown if path not in taken and path.suffix.lower() not in SIDE_FILES]
    if others:
        names = [f"{path.name}/" if path.is_dir() else path.name for path in others[:MOST_LISTED]]
        listed = ", ".join(names) + (", ..." if len(others) > MOST_LISTED else "")
        advice = f"; '{folder}/**/*.jpg' looks into folders" if any(path.is_dir() for path in others) else ""
        logger.warning("%s: %d left out, not read as images or videos: %s%s", folder, len(others), listed, advice)
    return found


def is_regular(path: Path) -> bool:
    """Tell files from folders, and from pipes and devices, which may be waited for without end.

    A link to nothing counts as a file: as one that cannot be read it is named.
    """
    return path.is_file() or not path.exists()


def is_video(path: Path) -> bool:
    """Tell by its suffix whether a file is a video."""
    return path.suffix.lower() in VIDEOS


def unique_names(paths: list[Path]) -> list[str]:
    """Return each file's stem, or its whole name with its dot as an underscore where several share the stem.

    What is still taken, by another file or by the frames of a video, gets its place in the list before it. What is not
    UTF-8 is escaped, and a name is cut where no file system would take it.
    """
    stems = Counter(path.stem for path in paths)
    names = [path.stem if stems[path.stem] == 1 else path.name.replace(".", "_") for path in paths]
    names = [_fit(to_utf8(name)) for name in names]
    while True:
        counts = Counter(names)
        videos = {name for path, name in zip(paths, names, strict=True) if is_video(path)}
        taken = [counts[name] > 1 or _is_of_frame(name, videos) for name in names]
        if not any(taken):
            return names
        names = [_fit(f"{index:06d}_{name}") if taken[index - 1] else name for index, name in enumerate(names, start=1)]


def _fit(name: str) -> str:
    return name.encode()[:LONGEST_NAME].decode(errors="ignore")


def _is_of_frame(name: str, videos: set[str]) -> bool:
    """Tell whether a frame of one of the videos may have this name, see `read_video`."""
    video, _, number = name.rpartition("_")
    return video in videos and len(number) >= 6 and number.isdecimal()

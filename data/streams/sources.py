"""Where images come from: files, folders, patterns, videos, cameras, arrays; as a stream that is never held whole."""

import glob
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from data.errors import InputError
from data.images import EXTENSIONS, load_image, read_size
from data.streams.videos import VIDEOS, Capture, open_camera, open_video

Arrays = Iterable[np.ndarray]
Source = str | Path | int | np.ndarray | Arrays
EXPECTED = "expected an image, a video, a folder of them, a pattern or the number of a camera"


@dataclass(frozen=True)
class Timestamp:
    """Where a frame stands in its video.

    Attributes:
        video: its name, unique in the source.
        rate: frames a second, of those that are taken.
        number: of the frame, from 0, skipped ones counted.
        seconds: since the beginning.
    """

    video: str
    rate: float
    number: int
    seconds: float


@dataclass(frozen=True)
class Frame:
    """One image of a source.

    Attributes:
        image: (H, W, 3) uint8, RGB.
        name: unique in the source; good as the stem of a file.
        file: that it is from; "" for arrays.
        timestamp: in its video; None for an image.
    """

    image: np.ndarray
    name: str
    file: str = ""
    timestamp: Timestamp | None = None


Read = Callable[[], Frame]  # raises InputError where there is no readable image


def open_source(source: Source, *, every: int = 1) -> Iterator[Read]:
    """Find what a source names, and return what reads its images, one after the other.

    Args:
        source: a file, folder or pattern of images and videos, the number of a camera, an image (H, W, 3) uint8 RGB, or
            an iterable of such images.
        every: N takes each Nth frame of a video.

    Raises:
        InputError: if there is nothing, or the one thing that is named cannot be read.
    """
    if isinstance(source, int):
        return read_video(open_camera(source), f"camera{source}", file=f"camera {source}", every=every)
    if isinstance(source, np.ndarray):
        return iter([partial(check_array, source, "image")])
    if not isinstance(source, str | Path):
        return (partial(check_array, image, f"{number:06d}") for number, image in enumerate(source, start=1))
    paths = find_files(str(source))
    if len(paths) == 1:
        check_file(paths[0])
    return read_files(paths, every=every)


def find_files(source: str) -> list[Path]:
    """Return what `source` names: a file, the images and videos in a folder, or the files of a pattern.

    Raises:
        InputError: if there are none.
    """
    path = Path(source)
    if path.is_file():
        return [path]
    if path.is_dir():
        kinds = (*EXTENSIONS, *VIDEOS)
        found = [file for file in path.iterdir() if file.suffix.lower() in kinds and not file.name.startswith(".")]
    else:
        found = [Path(name) for name in glob.glob(source, recursive=True) if Path(name).is_file()]  # noqa: PTH207
    if not found:
        raise InputError(f"source: nothing found at {source}; {EXPECTED}")
    return sorted(found)


def check_file(path: Path) -> None:
    """Check that a file is an image or a video, from its header.

    Raises:
        InputError: if it is not.
    """
    if is_video(path):
        open_video(path).close()
    else:
        read_size(path)


def is_video(path: Path) -> bool:
    """Tell by its suffix whether a file is a video."""
    return path.suffix.lower() in VIDEOS


def read_files(paths: list[Path], *, every: int) -> Iterator[Read]:
    """Give what reads each image, and each frame of each video."""
    for path, name in zip(paths, unique_names(paths), strict=True):
        if not is_video(path):
            yield partial(read_image, path, name)
            continue
        try:
            capture = open_video(path)
        except InputError as error:
            yield partial(refuse, error)
        else:
            yield from read_video(capture, name, file=str(path), every=every)


def read_image(path: Path, name: str) -> Frame:
    """Read an image file."""
    return Frame(load_image(path), name, str(path))


def read_video(capture: Capture, name: str, *, file: str, every: int) -> Iterator[Read]:
    """Give each taken frame, which is read by now: a video is read in its order."""
    start = time.monotonic()
    with capture:
        for number, seconds, image in capture.frames(every):
            timestamp = Timestamp(
                name, capture.rate / every, number, time.monotonic() - start if seconds is None else seconds
            )
            yield partial(Frame, image, f"{name}_{number:06d}", file, timestamp)
        if capture.cut_off is not None:
            yield partial(refuse, InputError(f"{file}: {capture.cut_off}"))


def refuse(error: InputError) -> Frame:
    """Raise an error where a frame was to be read."""
    raise error


def check_array(image: np.ndarray, name: str) -> Frame:
    """Check that an array is an image.

    Raises:
        InputError: if it is not (H, W, 3) uint8.
    """
    if not (isinstance(image, np.ndarray) and image.ndim == 3 and image.shape[2] == 3 and image.dtype == np.uint8):
        found = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise InputError(f"source: image {name} is {found}; expected an array (H, W, 3) of uint8, RGB")
    if not image.size:
        raise InputError(f"source: image {name} has no pixels: {image.shape}")
    return Frame(image, name)


def unique_names(paths: list[Path]) -> list[str]:
    """Return each file's stem, or its whole name with its dot as an underscore where several share the stem.

    What is still taken, by another file or by the frames of a video, gets its place in the list before it.
    """
    stems = Counter(path.stem for path in paths)
    names = [path.stem if stems[path.stem] == 1 else path.name.replace(".", "_") for path in paths]
    while True:
        counts = Counter(names)
        videos = {name for path, name in zip(paths, names, strict=True) if is_video(path)}
        taken = [counts[name] > 1 or _is_of_frame(name, videos) for name in names]
        if not any(taken):
            return names
        names = [f"{index:06d}_{name}" if taken[index - 1] else name for index, name in enumerate(names, start=1)]


def _is_of_frame(name: str, videos: set[str]) -> bool:
    """Tell whether a frame of one of the videos may have this name, see `read_video`."""
    video, _, number = name.rpartition("_")
    return video in videos and len(number) >= 6 and number.isdecimal()

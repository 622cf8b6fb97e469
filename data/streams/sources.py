"""Where images come from: files, folders, patterns, videos, cameras, arrays; as a stream that is never held whole."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from data.bounded.content import Content
from data.dealing import ALONE, Share
from data.errors import InputError, first_line
from data.escapes import to_utf8
from data.image_headers import Header, describe_size
from data.images import EXPECTED_IMAGE, inspect_image, load_image
from data.sizes import MOST_PIXELS
from data.streams.files import find_files, is_video, unique_names
from data.streams.videos import Capture, open_camera, open_video

logger = logging.getLogger(__name__)


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
        name: unique in the source; good as the stem of a file, in UTF-8 always.
        file: that it is from, as the system names it; "" for arrays.
        timestamp: in its video; None for an image.
        group: see `group_files`; images of one follow each other.
    """

    image: np.ndarray
    name: str
    file: str = ""
    timestamp: Timestamp | None = None
    group: int = 0

    @property
    def place(self) -> list[str | int | float | None]:
        """Its file, and of a video's frame its number and time in seconds: how a row of results begins."""
        when = [None, None] if self.timestamp is None else [self.timestamp.number, round(self.timestamp.seconds, 3)]
        return [to_utf8(self.file or self.name), *when]


@dataclass(frozen=True)
class Read:
    """What reads one image when it is called.

    Attributes:
        load: reads it.
        file: that it is from, for messages.
        pixels: that it will hold, as far as a look at its header tells.
        group: see `Frame`.
    """

    load: Callable[[], Frame]
    file: str = ""
    pixels: int = 0
    group: int = 0

    def __call__(self) -> Frame:
        """Read the image.

        Raises:
            InputError: if there is none that can be read, whatever the reason.
        """
        try:
            return replace(self.load(), group=self.group)
        except InputError:
            raise
        except Exception as error:  # a decoder's, or the memory's: the other images are not to suffer
            raise InputError(f"{self.file}: cannot be read ({first_line(error)}); {EXPECTED_IMAGE}") from error


Arrays = Iterable[np.ndarray | Read]
Source = str | Path | int | np.ndarray | Arrays


def open_source(
    source: Source, *, every: int = 1, most_pixels: int = MOST_PIXELS, together: int = 1, share: Share = ALONE
) -> Iterator[Read]:
    """Find what a source names, and return what reads its images, one after the other.

    Args:
        source: a file, folder or pattern of images and videos, the number of a camera, an image (H, W, 3) uint8 RGB, or
            an iterable of such images, or of what reads them.
        every: N takes each Nth frame of a video.
        most_pixels: larger images and videos are refused by their headers, before they are decoded.
        together: files in a group, see `group_files`.
        share: of this process: groups[rank::world].

    Raises:
        InputError: if there is nothing, the one thing that is named cannot be read, or several processes are to share
            what is no file.
    """
    if share.world > 1 and not isinstance(source, str | Path):
        what = f"camera {source}" if isinstance(source, int) else "arrays"
        raise InputError(f"source: {what} of {share.world} processes; expected files, or one process")
    if isinstance(source, int):
        return read_video(open_camera(source), f"camera{source}", file=f"camera {source}", every=every)
    if isinstance(source, np.ndarray):
        return iter([read_array(source, "image")])
    if not isinstance(source, str | Path):
        return (read_entry(entry, f"{number:06d}") for number, entry in enumerate(source, start=1))
    paths = find_files(str(source))
    if len(paths) == 1:
        check_file(paths[0], most_pixels=most_pixels)
    groups = list(enumerate(group_files(paths, together)))[share.rank :: share.world]
    return (
        replace(read, group=number)
        for number, files in groups
        for read in read_files(files, every=every, most_pixels=most_pixels)
    )


def group_files(paths: list[Path], together: int) -> list[list[tuple[Path, str]]]:
    """Group files, each with its name: a video by itself, images that follow each other `together`, the last fewer."""
    groups: list[list[tuple[Path, str]]] = []
    open_to_more = False
    for path, name in zip(paths, unique_names(paths), strict=True):
        if open_to_more and not is_video(path) and len(groups[-1]) < together:
            groups[-1].append((path, name))
        else:
            groups.append([(path, name)])
            open_to_more = not is_video(path)
    return groups


def check_file(path: Path, *, most_pixels: int) -> None:
    """Check that a file is an image, from its header, or a video with at least one frame.

    Raises:
        InputError: if it is not.
    """
    if not is_video(path):
        check_image(path, most_pixels=most_pixels)
        return
    with open_video(path, most_pixels=most_pixels) as capture:
        if next(capture.frames(1), None) is None:
            raise InputError(f"{path}: {capture.cut_off}")


def check_image(path: Path | Content, *, most_pixels: int) -> Header:
    """Read the header of an image, and check whether it is too large.

    Raises:
        InputError: if it is, or is no image.
    """
    header = inspect_image(path, most_pixels=None)
    height, width = header.upright
    if height * width > most_pixels:
        found = f"size is {describe_size(header.upright)}, {height * width / 1e6:.0f} megapixels"
        most = f"expected at most {most_pixels / 1e6:.0f}"
        raise InputError(f"{path}: {found}; {most}, or max_pixels=N, with tile=N to find small objects too")
    return header


def read_files(files: Sequence[tuple[Path, str]], *, every: int, most_pixels: int) -> Iterator[Read]:
    """Give what reads each image, and each frame of each video, of files with their names."""
    for path, name in files:
        if not is_video(path):
            yield Read(partial(read_image, path, name, most_pixels=most_pixels), str(path), count_pixels(path))
            continue
        try:
            capture = open_video(path, most_pixels=most_pixels)
        except InputError as error:
            yield Read(partial(refuse, error), str(path))
        else:
            yield from read_video(capture, name, file=str(path), every=every)


def read_image(path: Path | Content, name: str, *, most_pixels: int) -> Frame:
    """Read an image file; of one that holds several pictures, as TIFF and GIF may, the first.

    Raises:
        InputError: if it cannot be read, or is too large.
    """
    pictures = check_image(path, most_pixels=most_pixels).pictures
    if pictures > 1:
        logger.warning("%s: holds %d images; only the first is used", path, pictures)
    return Frame(load_image(path, most_pixels=most_pixels), name, str(path))


def count_pixels(path: Path) -> int:
    """Return the pixels of an image by its header; none where it has no readable one, which `read_image` says."""
    try:
        height, width = inspect_image(path, most_pixels=None).raw
    except InputError:
        return 0
    return height * width


def read_video(capture: Capture, name: str, *, file: str, every: int) -> Iterator[Read]:
    """Give each taken frame, which is read by now: a video is read in its order."""
    start = time.monotonic()
    with capture:
        for number, seconds, image in capture.frames(every):
            timestamp = Timestamp(
                name, capture.rate / every, number, time.monotonic() - start if seconds is None else seconds
            )
            frame = partial(Frame, image, f"{name}_{number:06d}", file, timestamp)
            yield Read(frame, file, image.shape[0] * image.shape[1])
        if capture.cut_off is not None:
            yield Read(partial(refuse, InputError(f"{file}: {capture.cut_off}")), file)


def refuse(error: InputError) -> Frame:
    """Raise an error where a frame was to be read."""
    raise error


def read_entry(entry: np.ndarray | Read, name: str) -> Read:
    """Return what reads an entry of an iterable: an array, or what reads an image by itself."""
    return entry if isinstance(entry, Read) else read_array(entry, name)


def read_array(image: np.ndarray, name: str) -> Read:
    """Return what checks an array and gives it."""
    pixels = image.shape[0] * image.shape[1] if isinstance(image, np.ndarray) and image.ndim > 1 else 0
    return Read(partial(check_array, image, name), f"image {name}", pixels)


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

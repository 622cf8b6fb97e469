"""Videos and cameras through OpenCV: frames in, frames out."""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from data.errors import InputError
from data.sizes import MOST_PIXELS
from data.streams.containers import is_container

VIDEOS = (".3gp", ".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ts", ".webm", ".wmv")
CODEC = "mp4v"  # of the videos that are written: MPEG-4, as the usual builds of OpenCV cannot write H.264
USUAL_RATE = 30.0  # frames a second, where a video or camera does not say
MOST_RATE = 1000.0  # what says more says nothing
MOST_COPIES = 60  # of a video's first frame, which may be its only one


class Capture:
    """An open video or camera.

    Args:
        stream: as OpenCV opened it.
        live: whether it is a camera: it has no end, and its time is that of the clock.

    Attributes:
        rate: frames a second.
        cut_off: what is wrong with the end, once it was reached.
    """

    def __init__(self, stream: cv2.VideoCapture, *, live: bool) -> None:
        self.stream = stream
        self.live = live
        rate = stream.get(cv2.CAP_PROP_FPS)
        self.rate = rate if 0 < rate <= MOST_RATE else USUAL_RATE
        self.cut_off: str | None = None

    def __enter__(self) -> "Capture":
        """Return itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Let go of the file or device."""
        self.close()

    def close(self) -> None:
        """Let go of the file or device."""
        self.stream.release()

    def frames(self, every: int) -> Iterator[tuple[int, float | None, np.ndarray]]:
        """Yield number, seconds (None from a camera) and image (H, W, 3) RGB of every Nth frame, N being `every`."""
        number = lost = 0
        while self.stream.grab():
            if number % every == 0:
                read, image = self.stream.retrieve()
                if read:
                    yield number, self._seconds(number), cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
                lost += not read
            number += 1
        self.cut_off = self._look_at_end(number, lost)

    def _seconds(self, number: int) -> float | None:
        """Return the time stamp of the frame just read; by its number where the file has none."""
        if self.live:
            return None
        stamp = self.stream.get(cv2.CAP_PROP_POS_MSEC) / 1000
        return stamp if stamp > 0 else number / self.rate

    def _look_at_end(self, count: int, lost: int) -> str | None:
        if count == 0:
            return "no frames; expected at least one"
        if self.live:
            return f"the camera gave no more images after {count}; expected it to go on"
        promised = int(self.stream.get(cv2.CAP_PROP_FRAME_COUNT))  # some containers know it only roughly
        if count < 0.9 * promised:
            return f"ends after {count} of {promised} frames; expected a complete video"
        return f"{lost} frames cannot be decoded; expected a complete video" if lost else None


def open_video(path: Path, *, most_pixels: int = MOST_PIXELS) -> Capture:
    """Open a video file.

    Raises:
        InputError: if it is none that OpenCV decodes, or its frames are too large.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a video")
    # bytes, as OpenCV crashes at a str whose name is not UTF-8
    stream = _open(os.fsencode(path)) if is_container(path) else None
    if stream is None:
        raise InputError(f"{path}: cannot be decoded; expected a complete video ({', '.join(VIDEOS)})")
    pixels = stream.get(cv2.CAP_PROP_FRAME_WIDTH) * stream.get(cv2.CAP_PROP_FRAME_HEIGHT)
    if pixels > most_pixels:
        stream.release()
        found = f"its frames have {pixels / 1e6:.0f} megapixels"
        raise InputError(f"{path}: {found}; expected at most {most_pixels / 1e6:.0f}, or max_pixels=N")
    return Capture(stream, live=False)


def open_camera(index: int) -> Capture:
    """Open a camera of this machine.

    Raises:
        InputError: if there is none of this number, or it gives no image.
    """
    stream = _open(index)
    if stream is None:
        raise InputError(f"source: no camera {index} on this machine, or it is in use; expected 0 for the first camera")
    return Capture(stream, live=True)


def _open(name: bytes | int) -> cv2.VideoCapture | None:
    with quiet():
        stream = cv2.VideoCapture(name)  # type: ignore[arg-type]  # the stubs know no bytes
    return stream if stream.isOpened() else None


class VideoFile:
    """A video that is written; it can be played once it is closed.

    Args:
        path: NAME.mp4.
        rate: frames a second; where it is less than one, the file holds each of them several times.
    """

    def __init__(self, path: Path, *, rate: float) -> None:
        self.copies = max(1, math.ceil(1 / rate))  # of each frame
        self.path, self.rate = path, rate * self.copies
        self.stream = cv2.VideoWriter()
        self.size = (0, 0)  # (width, height)
        self.begun = 0.0  # seconds
        self.count = 0

    def write(self, image: np.ndarray, seconds: float) -> None:
        """Add a frame, several times where others before it are missing: a camera's, when the network is slow.

        Args:
            image: (H, W, 3) uint8, RGB; the first decides the size of the video.
            seconds: when it is to be seen.

        Raises:
            InputError: if this build of OpenCV does not write such videos.
        """
        height, width = image.shape[:2]
        even = cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)  # as the codec wants
        if not self.stream.isOpened():
            self.size, self.begun = (even.shape[1], even.shape[0]), seconds
            self._open()
        if (even.shape[1], even.shape[0]) != self.size:
            even = cv2.resize(even, self.size, interpolation=cv2.INTER_AREA)
        due = round((seconds - self.begun) * self.rate) + min(self.copies, MOST_COPIES) - self.count
        most = max(round(self.rate), 2 * self.copies)  # a leap in the time stamps stops the picture for a second
        for _ in range(min(max(1, due), most)):
            self.stream.write(cv2.cvtColor(even, cv2.COLOR_RGB2BGR))
            self.count += 1

    def _open(self) -> None:
        self.path.parent.mkdir(exist_ok=True)
        with quiet():
            name = os.fsencode(self.path)  # as in `open_video`
            self.stream.open(name, cv2.VideoWriter.fourcc(*CODEC), self.rate, self.size)  # type: ignore[call-overload]
        if not self.stream.isOpened():
            height, width = self.size[::-1]
            raise InputError(f"videos: OpenCV cannot write {self.path} of {height} x {width} pixels; try videos=frames")

    def close(self) -> None:
        """Finish the file."""
        self.stream.release()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep OpenCV's own complaints off the screen, which name no file."""
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)

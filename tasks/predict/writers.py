"""Predictions as pictures and videos; complete after every image, whatever comes next."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from data.streams.videos import VideoFile
from tasks.drawing.images import save_image

if TYPE_CHECKING:
    from tasks.parts import Prediction


class Pictures:
    """Images with what was found drawn on them, in `folder`; frames of videos too, unless a video is made of them."""

    def __init__(self, folder: Path, suffix: str, *, frames: bool) -> None:
        self.folder, self.suffix, self.frames = folder, suffix, frames

    def write(self, prediction: "Prediction") -> None:
        """Write NAME.jpg or NAME.png; of an image too long for JPEG, see `save_image`, NAME.png always."""
        if prediction.timestamp is None or self.frames:
            self.folder.mkdir(exist_ok=True)
            save_image(prediction.draw(), self.folder / f"{prediction.name}.{self.suffix}")

    def close(self) -> None:
        """Do nothing: each file is closed."""


class Videos:
    """Videos with what was found drawn on them, one for each in the source, with one legend all through."""

    def __init__(self, folder: Path, *, names: Collection[str]) -> None:
        self.folder, self.names = folder, names
        self.video = ""
        self.file: VideoFile | None = None

    def write(self, prediction: "Prediction") -> None:
        """Add a frame to NAME.mp4."""
        timestamp = prediction.timestamp
        if timestamp is None:
            return
        if self.file is None or timestamp.video != self.video:
            self.close()
            self.video = timestamp.video
            self.file = VideoFile(self.folder / f"{timestamp.video}.mp4", rate=timestamp.rate)
        self.file.write(prediction.draw(legend=self.names), timestamp.seconds)

    def close(self) -> None:
        """Finish the last video."""
        if self.file is not None:
            self.file.close()

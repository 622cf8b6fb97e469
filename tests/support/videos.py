"""Small videos."""

from pathlib import Path

import cv2
import numpy as np

GREYS = range(0, 200, 20)  # of the frames, in their order


def write_video(path: Path, *, noise: int = 1, greys: range = GREYS) -> None:
    """Write frames of 48 x 64 pixels, each of one grey and up to so much noise, at 10 a second."""
    rng = np.random.default_rng(0)
    stream = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (64, 48))
    for grey in greys:
        stream.write((grey + rng.integers(0, noise, (48, 64, 3))).astype(np.uint8))
    stream.release()

"""An exported file in its own runtime."""

from typing import Protocol

import numpy as np

from tasks.formats.ports import Port


class Session(Protocol):
    """A file, opened.

    Attributes:
        input: what it takes.
        outputs: what it gives.
    """

    input: Port
    outputs: tuple[Port, ...]

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Run it: outputs by name, as they are stored in the file's own types."""

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


def compute(session: Session, numbers: np.ndarray) -> dict[str, np.ndarray]:
    """Run a file on numbers, and return numbers: outputs by name, whatever integers stand for either in the file."""
    found = session(session.input.store(numbers))
    return {port.name: port.read(found[port.name]) for port in session.outputs}

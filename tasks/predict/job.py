"""One image on its way through the model, in one or many parts; whatever goes wrong with it stays with it."""

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from data.errors import InputError, first_line
from data.streams.sources import Read
from data.streams.tiling import Tile
from tasks.parts import Assembly
from tasks.predict.prefetch import Budget

if TYPE_CHECKING:
    from tasks.parts import Prediction

NO_PIXELS = np.zeros((0, 0, 3), np.uint8)


class Job:
    """One image on its way through the model.

    Args:
        read: reads it.

    Attributes:
        assembly: what is known of it so far, once it was read.
        error: what went wrong with it, if anything did.
    """

    def __init__(self, read: Read) -> None:
        self.read = read
        self.assembly: Assembly | None = None
        self.error: InputError | None = None

    def fail(self, error: Exception) -> None:
        """Note what went wrong; whatever it was, the other images go on."""
        if not isinstance(error, InputError):
            cause = f"{type(error).__name__}: {first_line(error)}"
            failure = InputError(f"{self.read.file}: cannot be predicted ({cause}); the others go on")
            failure.__cause__ = error
            error = failure
        self.error = self.error or error

    def take(
        self, view: "View", output: object, *, classes: Collection[str] | None
    ) -> "Prediction | InputError | None":
        """Take what the model gave for a view; return the prediction, or what went wrong, once it was the last."""
        try:
            if self.assembly is not None and self.error is None:
                self.assembly.add(view.tile, output)
                if view.last:
                    return self.assembly.finish(classes=classes)
        except Exception as error:
            self.fail(error)
        return self.error if view.last else None


class View(NamedTuple):
    """An image, or a tile of it, as the network takes it."""

    job: Job  # of which image
    tile: Tile
    image: np.ndarray  # (h, w, 3); NO_PIXELS where it could not be read
    last: bool  # of its image


def drain(views: deque[View]) -> Iterator[View]:
    """Give the entries of a queue and keep none."""
    while views:
        yield views.popleft()


def admit(reads: Iterable[Read], budget: Budget, *, together: int) -> Iterator[Read | None]:
    """Give each image when there is room for it, and None where no batch may go on: it would wait for what follows.

    Where that is depends on the images alone, so that every image is in the same batch however it is read.

    Args:
        reads: of the images.
        budget: of pixels.
        together: images up to the next None, of one group and of half the budget, at most.
    """
    group = count = pixels = 0
    for read in reads:
        if count and (read.group != group or count == together or pixels + read.pixels > budget.most // 2):
            yield None
            count = pixels = 0
        budget.take(read.pixels)
        group, count, pixels = read.group, count + 1, pixels + read.pixels
        yield read

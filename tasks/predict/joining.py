"""One table of what several processes have found, in the order of the source."""

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from tasks.parts import Writer
from tasks.predict.job import NO_PIXELS
from tasks.processes import count, find_largest, find_share, gather, interleave

if TYPE_CHECKING:
    from tasks.parts import Prediction

ROUNDS = 64  # groups of files that a process hands over at once


class Held:
    """Keeps the predictions of a process, without the images, until all have theirs."""

    def __init__(self) -> None:
        self.groups: dict[int, list[Prediction]] = defaultdict(list)

    def write(self, prediction: "Prediction") -> None:
        """Keep one."""
        self.groups[prediction.group].append(replace(prediction, image=NO_PIXELS))

    def close(self) -> None:
        """Do nothing: there is no file."""

    def hand_over(self, writer: Writer | None) -> None:
        """Have the first process write what all have kept, as a single one would have; the others have no writer."""
        world = count()
        (last,) = find_largest([max(self.groups, default=-1) // world])
        for start in range(0, last + 1, ROUNDS):
            rows = range(start, min(start + ROUNDS, last + 1))
            parts = gather([self._take_row(row) for row in rows])
            for group in interleave(parts):
                for prediction in group:
                    if writer is not None:
                        writer.write(prediction)

    def _take_row(self, row: int) -> "list[Prediction]":
        """Return the predictions of this process's group number `row`, and keep them no longer."""
        rank, world = find_share()
        return self.groups.pop(rank + row * world, [])

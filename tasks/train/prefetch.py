"""The next batch on its way to the GPU while a step runs: the copy takes no time of the steps."""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from tasks.parts import Batch

    Fetched = tuple[Batch, int, int]  # with the positions that Lightning has for it


class Prefetched(Iterator["Fetched"]):
    """Batches that lie on the device when their step is due, if `fetch` was called while the step before it ran.

    On a GPU they are copied from pinned memory by a stream of their own, which the steps' stream waits for; the host
    waits for neither.

    Args:
        batches: of an epoch, in the memory of the host.
        device: of the steps.
    """

    def __init__(self, batches: Iterator["Fetched"], device: torch.device) -> None:
        self._batches = batches
        self._device = device
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._ahead: Fetched | None = None
        self._error: Exception | None = None

    def fetch(self) -> None:
        """Take the next batch and begin to copy it; an error is kept for its step."""
        try:
            batch, position, loader = next(self._batches)
        except Exception as error:  # StopIteration too
            self._error = error
            return
        with nullcontext() if self._stream is None else torch.cuda.stream(self._stream):
            self._ahead = (move(batch, self._device), position, loader)

    def __next__(self) -> "Fetched":
        """Return the next batch, on the device.

        Raises:
            StopIteration: if there is none.
            Exception: what kept it from being loaded.
        """
        if self._ahead is None and self._error is None:
            self.fetch()
        if self._ahead is None:
            error, self._error = self._error, None
            raise error or StopIteration
        found, self._ahead = self._ahead, None
        if self._stream is not None:
            steps = torch.cuda.current_stream(self._device)
            steps.wait_stream(self._stream)
            for value in found[0]:
                if isinstance(value, Tensor):
                    value.record_stream(steps)  # its memory is not given to a later batch before the step is done
        return found


def move(batch: "Batch", device: torch.device) -> "Batch":
    """Copy the tensors of a batch to a device, without waiting where they are in pinned memory."""
    values = (value.to(device, non_blocking=True) if isinstance(value, Tensor) else value for value in batch)
    return type(batch)._make(values)

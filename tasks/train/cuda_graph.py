"""A step as a CUDA graph: recorded once, then launched as a whole instead of kernel by kernel.

See https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs.
"""

import gc
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from tasks.parts import Batch


class Recording:
    """A recorded step, for batches of the shapes of one. Recording it changes no weights.

    Args:
        step: from a batch to losses, all of them float32 scalars; it has been done before, for what is set up then.
        batch: of these shapes, on the GPU.
        sharing: a recording whose memory this one uses too, as they never run at the same time.

    Raises:
        RuntimeError: if something in the step cannot be recorded.
    """

    def __init__(
        self, step: "Callable[[Batch], dict[str, Tensor]]", batch: "Batch", *, sharing: "Recording | None"
    ) -> None:
        self._batch = type(batch)._make(value.clone() if isinstance(value, Tensor) else value for value in batch)
        self._graph = torch.cuda.CUDAGraph()
        pool, stream = None if sharing is None else sharing._graph.pool(), torch.cuda.current_stream()
        gc.collect()  # autograd's nodes of earlier steps belong to another stream
        try:
            # Other threads may go on: one of them pins the memory of the next batches.
            with torch.cuda.graph(self._graph, pool=pool, capture_error_mode="thread_local"):
                losses = step(self._batch)
                self._losses = torch.stack(list(losses.values()))
        except BaseException:
            torch.cuda.set_stream(stream)  # where the graph failed at its end, torch leaves its own
            raise
        self._names = list(losses)

    def replay(self, batch: "Batch") -> dict[str, Tensor]:
        """Do the step with another batch of the same shapes, and return its losses."""
        for own, value in zip(self._batch, batch, strict=True):
            if isinstance(own, Tensor) and isinstance(value, Tensor):
                own.copy_(value)
        self._graph.replay()
        return dict(zip(self._names, self._losses.clone().unbind(), strict=True))  # the next replay writes over its own

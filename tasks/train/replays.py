"""Lightning's step, replaced on a GPU by a recording of it, which spares the host some two thousand launches."""

import gc
import logging
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import lightning as L
import torch
from lightning.pytorch.loops.optimization.automatic import _AutomaticOptimization
from torch import Tensor
from torch.optim import Optimizer

from tasks.processes import count
from tasks.train.callbacks import AveragedWeights
from tasks.train.config import TrainConfig
from tasks.train.cuda_graph import Recording
from tasks.train.static_step import StaticStep

if TYPE_CHECKING:
    from tasks.parts import Batch

logger = logging.getLogger(__name__)

WARM_UP = 3  # ordinary steps before one is recorded: they set up what is set up once
Shapes = tuple[tuple[tuple[int, ...], torch.dtype], ...]


def can_replay(config: TrainConfig, trainer: L.Trainer) -> bool:
    """Tell whether the steps of a run can be replayed: on an NVIDIA GPU, and all alike but for the batch and the rate.

    Not so: several processes, accumulated gradients, float16, whose scaling is up to the host, other networks within
    the step (a teacher, one that rounds), and RMSProp, which takes its rate from the host.
    """
    return (
        trainer.strategy.root_device.type == "cuda"
        and torch.version.hip is None
        and count() == 1
        and config.trainer.graph
        and config.trainer.accumulate_grad_batches == 1
        and getattr(trainer.precision_plugin, "scaler", None) is None
        and config.distill.teacher is None
        and config.quantize is None
        and config.optimizer.name == "sgd"
    )


class Replays(_AutomaticOptimization):
    """The steps of a run: a few ordinary ones, from then on replayed ones, recorded for each shape of batches.

    The first step with images of a size is an ordinary one, which sets up what has to be for them. A recording holds
    the memory of a step for good. So no ordinary steps come beside recordings, which are made anew instead: they would
    need it once more.

    Args:
        trainer: that steps.
        averages: of the weights; None if they are not averaged.
    """

    def __init__(self, trainer: L.Trainer, averages: AveragedWeights | None) -> None:
        super().__init__(trainer)
        self._averages = averages
        self._ordinary = 0
        self._sizes: set[torch.Size] = set()  # of images, that an ordinary step had
        self._recordings: dict[Shapes, Recording] = {}
        self._step: StaticStep | None = None
        self._fails = False

    def run(self, optimizer: Optimizer, batch_idx: int, kwargs: "OrderedDict[str, Any]") -> dict[str, Any]:
        """Do a step and return its losses."""
        batch: Batch = kwargs["batch"]
        recording = self._find_recording(batch)
        if recording is None or self._step is None:
            self._ordinary += 1
            return super().run(optimizer, batch_idx, kwargs)
        progress = self.optim_progress.optimizer.step
        progress.increment_ready()
        self._step.follow_schedule()
        losses = recording.replay(batch)
        progress.increment_completed()
        if self._averages is not None:
            self._averages.mark(self.trainer.global_step)
        return losses

    def forget(self) -> None:
        """Give the memory of recordings back."""
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()  # one may be under way
        self._recordings.clear()
        gc.collect()
        torch.cuda.empty_cache()

    def _find_recording(self, batch: "Batch") -> Recording | None:
        """Return a recording for batches like this one, made where it is time to; None for an ordinary step."""
        if batch.images.shape not in self._sizes:
            self._sizes.add(batch.images.shape)
            if self._recordings:
                self.forget()
            return None
        shapes = tuple((tuple(value.shape), value.dtype) for value in batch if isinstance(value, Tensor))
        if self._ordinary >= WARM_UP and shapes not in self._recordings and not self._fails:
            self._record(shapes, batch)
        return self._recordings.get(shapes)

    def _record(self, shapes: Shapes, batch: "Batch") -> None:
        self._step = self._step or StaticStep(self.trainer, self._averages)
        others = list(self._recordings.values())
        try:
            self._recordings[shapes] = Recording(self._step, batch, sharing=others[0] if others else None)
        except RuntimeError as error:
            self._fails = True
            cause = error.__context__ or error  # CUDA's own error, at the end of a recording, tells of an earlier one
            reason = str(cause).partition("\n")[0]
        if self._fails:  # no longer within the error, whose traceback holds tensors
            self.forget()
            logger.warning("steps are not recorded as a CUDA graph from here on, which is slower: %s", reason)

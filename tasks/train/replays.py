"""Lightning's step, replaced on a GPU by a recording of it, which spares the host some two thousand launches."""

import logging
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Any

import lightning as L
from lightning.pytorch.loops.optimization.automatic import _AutomaticOptimization
from torch import Tensor
from torch.optim import Optimizer

from tasks.train.callbacks import AveragedWeights
from tasks.train.config import TrainConfig
from tasks.train.cuda_graph import Recording
from tasks.train.static_step import StaticStep

if TYPE_CHECKING:
    from tasks.parts import Batch

logger = logging.getLogger(__name__)

WARM_UP = 3  # ordinary steps with batches of some shapes before one is recorded
Shapes = tuple[tuple[int, ...], ...]


def can_replay(config: TrainConfig, trainer: L.Trainer) -> bool:
    """Tell whether the steps of a run can be replayed: on a GPU, and all alike but for the batch and the rate.

    Not so: accumulated gradients, float16, whose scaling is up to the host, other networks within the step (a teacher,
    one that rounds), and RMSProp, which takes its rate from the host.
    """
    return (
        trainer.strategy.root_device.type == "cuda"
        and config.trainer.graph
        and config.trainer.accumulate_grad_batches == 1
        and getattr(trainer.precision_plugin, "scaler", None) is None
        and config.distill.teacher is None
        and config.quantize is None
        and config.optimizer.name == "sgd"
    )


class Replays(_AutomaticOptimization):
    """The steps of a run: ordinary ones with the first batches of each shape, replayed ones from then on.

    Args:
        trainer: that steps.
        averages: of the weights; None if they are not averaged.
    """

    def __init__(self, trainer: L.Trainer, averages: AveragedWeights | None) -> None:
        super().__init__(trainer)
        self._averages = averages
        self._seen: Counter[Shapes] = Counter()
        self._recordings: dict[Shapes, Recording] = {}
        self._step: StaticStep | None = None
        self._fails = False

    def run(self, optimizer: Optimizer, batch_idx: int, kwargs: "OrderedDict[str, Any]") -> dict[str, Any]:
        """Do a step and return its losses."""
        batch: Batch = kwargs["batch"]
        recording = self._find_recording(batch)
        if recording is None or self._step is None:
            return super().run(optimizer, batch_idx, kwargs)
        progress = self.optim_progress.optimizer.step
        progress.increment_ready()
        self._step.follow_schedule()
        losses = recording.replay(batch)
        progress.increment_completed()
        if self._averages is not None:
            self._averages.mark(self.trainer.global_step)
        return losses

    def _find_recording(self, batch: "Batch") -> Recording | None:
        """Return a recording for batches like this one, made where it is time to; None for an ordinary step."""
        shapes = tuple(tuple(value.shape) for value in batch if isinstance(value, Tensor))
        self._seen[shapes] += 1
        if self._seen[shapes] > WARM_UP and shapes not in self._recordings and not self._fails:
            self._record(shapes, batch)
        return self._recordings.get(shapes)

    def _record(self, shapes: Shapes, batch: "Batch") -> None:
        self._step = self._step or StaticStep(self.trainer, self._averages)
        others = list(self._recordings.values())
        try:
            self._recordings[shapes] = Recording(self._step, batch, sharing=others[0] if others else None)
        except RuntimeError as error:
            self._fails = True
            reason = str(error).partition("\n")[0]
            logger.warning("steps are not recorded as a CUDA graph from here on, which is slower: %s", reason)

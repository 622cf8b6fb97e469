"""A whole training step in which the host decides nothing and waits for nothing, so that a GPU can replay it."""

from typing import TYPE_CHECKING, cast

import lightning as L
import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from torch.optim import SGD

from tasks.optimizers import fuse
from tasks.train.callbacks import AveragedWeights

if TYPE_CHECKING:
    from tasks.parts import Batch, Module


class StaticStep:
    """From a batch to changed and averaged weights; what Lightning does in a step, without its hooks.

    The learning rate, the one number that the host chooses anew for each step, is read from tensors.

    Args:
        trainer: of a run that has done a step: momentum and averages are there. Its optimizer is `torch.optim.SGD`.
        averages: of the weights; None if they are not averaged.
    """

    def __init__(self, trainer: L.Trainer, averages: AveragedWeights | None) -> None:
        self.trainer = trainer
        self.averages = averages
        self.optimizer = cast(SGD, trainer.optimizers[0])
        fuse(self.optimizer)  # a checkpoint of a CPU says otherwise; the other kernels want the rate as a number
        self.groups = self.optimizer.param_groups
        self.parameters = [parameter for group in self.groups for parameter in group["params"]]
        self.rates = [torch.zeros((), device=trainer.strategy.root_device) for _ in self.groups]

    def follow_schedule(self) -> None:
        """Take over the learning rates of the next step."""
        for rate, group in zip(self.rates, self.groups, strict=True):
            rate.fill_(group["lr"])

    def __call__(self, batch: "Batch") -> dict[str, Tensor]:
        """Do the step, and return what the module's `training_step` does."""
        module = cast("Module", self.trainer.lightning_module)
        with self.trainer.precision_plugin.train_step_context():
            losses = module.training_step(batch, 0)  # type: ignore[arg-type]  # a batch of its own task
        losses["loss"].backward()
        if self.trainer.gradient_clip_val:
            clip_grad_norm_(self.parameters, self.trainer.gradient_clip_val)
        self._change_weights()
        if self.averages is not None:
            self.averages.update()
        return {name: loss.detach() for name, loss in losses.items()}

    def _change_weights(self) -> None:
        """Step by the rates in the tensors, which then make place for the numbers that the schedule goes on from."""
        numbers = [group["lr"] for group in self.groups]
        self._set_rates(self.rates)
        try:
            self.optimizer.step()
        finally:
            self._set_rates(numbers)

    def _set_rates(self, rates: "list[Tensor] | list[float]") -> None:
        for group, rate in zip(self.groups, rates, strict=True):
            group["lr"] = rate

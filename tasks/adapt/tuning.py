"""A proposal trained for some steps, and judged."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import lightning as L
from torch import Tensor

from tasks.inference.loading import assemble
from tasks.inference.scoring import score
from tasks.loaders import build_train_loader
from tasks.models.architecture import Arch
from tasks.models.description import Description
from tasks.models.pretrained.identification import Weights
from tasks.models.pretrained.loading import load_weights
from tasks.train.config import TrainConfig
from tasks.trainer import make_trainer

if TYPE_CHECKING:
    from tasks.parts import Reader


@dataclass(frozen=True)
class Tuner:
    """Trains and judges networks on the same data.

    Attributes:
        run: the configuration of the run that the checkpoint is of.
        description: of its model.
        reader: of the images to train on.
        judges: of the images to judge by.
        steps: of training.
        lr: learning rate, as a share of the run's.
        accelerator: Lightning's name of the device.
        seed: of all random numbers.
    """

    run: TrainConfig
    description: Description
    reader: "Reader"
    judges: "Reader"
    steps: int
    lr: float
    accelerator: str
    seed: int

    def describe(self, arch: Arch) -> Description:
        """Return the description of a model with these layers."""
        return replace(self.description, arch=arch, thresholds=None)

    def tune(self, arch: Arch, weights: dict[str, Tensor], *, step: int) -> dict[str, Tensor]:
        """Return the weights of a network after some steps of training; those of one step see the same images."""
        recipe, dataset = self.run.recipe, self.run.dataset
        L.seed_everything(self.seed + step, workers=True, verbose=False)
        description = self.describe(arch)
        optimization = replace(self.run.optimization(self.steps), lr=recipe.lr * self.lr)
        module = recipe.task.parts.build_module(
            description, recipe.own, optimization=optimization, teacher=None, reader=self.judges
        )
        known = Weights("checkpoint", arch, weights, description.classes, description.preprocessing)
        load_weights(module.model, known, description)
        loader = build_train_loader(self.reader, recipe, dataset, seed=self.seed + step)
        trainer = make_trainer(
            accelerator=self.accelerator,
            max_epochs=-1,
            max_steps=self.steps,
            gradient_clip_val=self.run.trainer.gradient_clip_val,
            limit_val_batches=0,
            num_sanity_val_steps=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
        )
        trainer.fit(module, loader)
        return {name: value.cpu() for name, value in module.model.state_dict().items()}

    def judge(self, arch: Arch, weights: dict[str, Tensor]) -> float:
        """Return the metric of a network, 0 to 1."""
        model = assemble(self.describe(arch), weights)
        dataset = self.run.dataset
        return score(
            model,
            self.judges,
            workers=dataset.count_workers(),
            timeout=dataset.timeout,
            accelerator=self.accelerator,
        )

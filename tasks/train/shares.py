"""What training by several processes needs beside a process's share of the data, and what is not done by several."""

from typing import TYPE_CHECKING

import lightning as L
import numpy as np
import torch

from data.dealing import count_images
from data.errors import InputError
from tasks.collectives import copy_from_first
from tasks.hardware import choose_device
from tasks.processes import count, find_share
from tasks.train.config import TrainConfig

if TYPE_CHECKING:
    from tasks.parts import Batch


def check_several(config: TrainConfig) -> None:
    """Check that several processes, where there are any, can train what is asked for.

    Raises:
        InputError: naming the option that one process alone can be given.
    """
    settings, world = config.trainer, count()
    on_gpu = choose_device(settings.accelerator).type == "cuda"
    if settings.sync_batchnorm and (world == 1 or not on_gpu):
        raise InputError(
            f"trainer.sync_batchnorm=true: {world} process(es) on {'GPUs' if on_gpu else 'a CPU'}; "
            "expected several, each on a GPU"
        )
    if world == 1:
        return
    lovasz = getattr(config.recipe.own.loss, "lovasz", 0.0)
    if lovasz:
        raise InputError(
            f"loss.lovasz={lovasz}: sorts the scores of all pixels of a batch, which {world} processes cannot without "
            "each having them all; expected one process, or loss.dice, which is summed up"
        )
    if config.find is not None:
        raise InputError(
            f"find={config.find}: of one process, here {world}; expected one. A rate found there is good for the same "
            "batch_size in several processes"
        )


def check_shares(config: TrainConfig, images: int) -> None:
    """Check that every process has what it needs of each batch.

    Args:
        config: of the run.
        images: to train on.

    Raises:
        InputError: if a process has too little.
    """
    share, batch_size = find_share(), config.recipe.batch_size
    least = 1 if config.trainer.sync_batchnorm or config.quantize is not None else 2  # which has no norms
    smallest = count_images(images, batch_size, share._replace(rank=share.world - 1))
    if share.world > 1 and smallest < least:
        raise InputError(
            f"batch_size: {min(batch_size, images)} images for {share.world} processes; batch norm needs at least "
            f"{least} in each: expected {least * share.world} or more, or fewer processes"
        )


class SeededSteps(L.Callback):
    """Gives each process random numbers of its own, and for every step the same ones however often it is begun."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: "Batch", batch_idx: int
    ) -> None:
        """Seed torch by the run, the batch and the process."""
        key = (self.seed, trainer.current_epoch, batch_idx, trainer.global_rank)
        torch.manual_seed(int(np.random.SeedSequence(key).generate_state(1)[0]))


class SharedBuffers(L.Callback):
    """Has all processes evaluate the model of the first: the statistics of norms differ.

    It stands behind `AveragedWeights`, whose weights are in the module by then.
    """

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Allow a process to have no image to evaluate, as `tasks.trainer.Evaluations` does."""
        pl_module.allow_zero_length_dataloader_with_multiple_devices = True

    def on_validation_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Copy what gradients do not keep alike."""
        copy_from_first(list(pl_module.buffers()))

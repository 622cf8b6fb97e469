"""Lightning's trainer for the device of this process, and what of its talk is worth hearing."""

import logging
import os
import warnings
from collections.abc import Sequence
from inspect import signature
from typing import Any

import lightning as L
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.loops.evaluation_loop import _EvaluationLoop
from lightning.pytorch.strategies import DDPStrategy
from lightning.pytorch.trainer.connectors.checkpoint_connector import _CheckpointConnector
from lightning.pytorch.trainer.connectors.signal_connector import _SignalConnector
from lightning.pytorch.trainer.states import RunningStage, TrainerFn
from torch.nn.parallel import DistributedDataParallel

from data.errors import InputError
from tasks.hardware import check_accelerator, choose_device, keep_freed_memory
from tasks.processes import count, local_rank

UNREMARKABLE = (  # warnings of Lightning's about what is meant so
    ".*does not have many workers.*",
    ".*smaller than the logging interval.*",
    ".*but have no `val_dataloader`.*",
    ".*Total length of `list` across ranks is zero.*",
    "Checkpoint directory .* exists and is not empty",  # of a resumed run; `check_new` refuses it elsewhere
    "It is recommended to use `self.log.*sync_dist=True",  # what is logged has been summed over the processes
    "You're resuming from a checkpoint that ended before the epoch ended",  # `tasks.train.resuming` sees to it
    "Be aware that when using `ckpt_path`, callbacks used to create the checkpoint",  # of an earlier version
)


# What DDP sends before each step: what batch norm measured. It has this name from torch 2.13 on.
BUFFERS = next(
    name
    for name in ("forward_sync_buffers", "broadcast_buffers")
    if name in signature(DistributedDataParallel).parameters
)


class OwnCheckpoints(_CheckpointConnector):
    """Lightning's reading of checkpoints without its own search: under SLURM it starts from any hpc_ckpt_1.ckpt."""

    _hpc_resume_path = None  # a property there


class NoSignals(_SignalConnector):
    """Lightning's signals left alone: `tasks.train.signals` has those of a run."""

    def register_signal_handlers(self) -> None:
        """Register none."""


class Evaluations(_EvaluationLoop):
    """Lightning's evaluation, which is not passed over where other processes have all the batches."""

    @property
    def skip(self) -> bool:
        """Tell whether no process has any."""
        return count() == 1 and super().skip


def make_trainer(*, plugins: Sequence[Any] = (), steps_together: bool = False, **settings: Any) -> L.Trainer:
    """Build Lightning's trainer for one device, the same inside and outside of a SLURM job.

    Args:
        plugins: as Lightning takes them.
        steps_together: whether several processes train one network, by Lightning's DDP. Each evaluates for itself: what
            they found is brought together by the metrics.
        **settings: Lightning's own.

    Raises:
        InputError: if Lightning refuses a setting, such as an accelerator that this machine lacks.
    """
    check_accelerator(settings["accelerator"], "accelerator")
    quiet_libraries()
    device = choose_device(settings["accelerator"]).type
    on_gpu = device == "cuda"
    if device == "cpu":
        keep_freed_memory()
    where: dict[str, Any] = {"devices": [local_rank()] if on_gpu else 1}
    environment: ClusterEnvironment = LightningEnvironment()
    if steps_together and count() > 1:
        environment = TorchElasticEnvironment()
        here = int(os.environ["LOCAL_WORLD_SIZE"])
        unsent: dict[str, Any] = {BUFFERS: False}
        # Nothing is sent in an evaluation, in which processes have batches of different numbers.
        where = {"devices": here, "num_nodes": count() // here, "strategy": DDPStrategy(**unsent)}
    try:
        trainer = L.Trainer(
            enable_model_summary=False,
            use_distributed_sampler=False,
            plugins=[environment, *plugins],
            **where,
            **settings,
        )
    except (MisconfigurationException, TypeError, ValueError) as error:
        raise InputError(f"trainer: {error}") from error
    trainer._checkpoint_connector = OwnCheckpoints(trainer)
    trainer._signal_connector = NoSignals(trainer)
    trainer.validate_loop = Evaluations(trainer, TrainerFn.VALIDATING, RunningStage.VALIDATING, verbose=False)
    return trainer


def quiet_libraries() -> None:
    """Keep Lightning's notes and tips off the screen; call it after Lightning is imported, which sets its own level."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="lightning.pytorch.utilities._pytree")
    for message in UNREMARKABLE:
        warnings.filterwarnings("ignore", message=message)

"""Lightning's loop over the steps of an epoch, with a place between two steps where a run can be saved and cut."""

from typing import TYPE_CHECKING

from lightning.pytorch.callbacks import WeightAveraging
from lightning.pytorch.loops.fetchers import _DataFetcher
from lightning.pytorch.loops.training_epoch_loop import _TrainingEpochLoop
from lightning.pytorch.trainer.states import RunningStage, TrainerFn

from tasks.cli.failures import Stopped
from tasks.train.prefetch import Prefetched
from tasks.train.replays import Replays
from tasks.trainer import Evaluations

if TYPE_CHECKING:
    import lightning as L

    from tasks.train.saving import KeepLast


AHEAD = ("cuda",)  # kinds of devices that batches are copied to ahead of their steps


class Steps(_TrainingEpochLoop):
    """The steps of an epoch, and its evaluation.

    Lightning's own hook after a step comes before the step's numbers are logged and its progress is counted: a
    checkpoint from there is not the run between two steps.

    Args:
        trainer: that it is a loop of.
        keeper: saves.
    """

    def __init__(self, trainer: "L.Trainer", keeper: "KeepLast") -> None:
        super().__init__(trainer)
        self.val_loop = Evaluations(
            trainer, TrainerFn.FITTING, RunningStage.VALIDATING, verbose=False, inference_mode=False
        )
        self.keeper = keeper

    def on_run_start(self, data_fetcher: _DataFetcher) -> None:
        """Begin an epoch."""
        super().on_run_start(data_fetcher)
        device, batches = self.trainer.strategy.root_device, data_fetcher.iterator
        if device.type in AHEAD and batches is not None and not isinstance(batches, Prefetched):
            data_fetcher.iterator = Prefetched(batches, device)

    def advance(self, data_fetcher: _DataFetcher) -> None:
        """Do a step; none where a run goes on that was cut between its epoch's last step and the evaluation."""
        self.val_loop.restarting = False  # an evaluation is never gone on with, but begun anew
        if self.restarting and self._num_ready_batches_reached():
            self.val_loop.batch_progress.total.reset()  # of the one that was cut
            return
        super().advance(data_fetcher)
        if isinstance(data_fetcher.iterator, Prefetched) and not self.batch_progress.is_last_batch:
            data_fetcher.iterator.fetch()

    def on_advance_end(self, data_fetcher: _DataFetcher) -> None:
        """Evaluate where it is time to, and have the run saved before that or between two steps."""
        if not self._num_ready_batches_reached():
            super().on_advance_end(data_fetcher)
            if not self._should_accumulate():  # gradients are in no checkpoint
                self.keeper.look(self.trainer)
            return
        if self._should_check_val_fx(data_fetcher):
            self.keeper.look(self.trainer, evaluates=True)
        stop = None
        try:
            super().on_advance_end(data_fetcher)
        except Stopped as error:
            stop = error
        if stop is not None:  # what fails here is not in the course of another error
            self._leave_evaluation()
            self.keeper.keep(self.trainer)
            raise stop

    def teardown(self) -> None:
        """Leave the memory of recorded steps to what comes after the training."""
        super().teardown()
        if isinstance(self.automatic_optimization, Replays):
            self.automatic_optimization.forget()

    def _leave_evaluation(self) -> None:
        """Put everything back to where it was before the evaluation that is under way."""
        for callback in self.trainer.callbacks:
            if isinstance(callback, WeightAveraging):
                callback.on_validation_epoch_end(self.trainer, self.trainer.lightning_module)
        self.trainer.training = True

"""Who works on which trial: the driver that holds the lock of its folder; the system lets go of it when that ends."""

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from optuna.study import Study
from optuna.trial import Trial, TrialState

from data.errors import InputError
from tasks.cli.lock import locked
from tasks.trials.folder import TrialFolder
from tasks.trials.outcome import OPTIONS
from tasks.trials.plan import Plan
from tasks.trials.settings import TrialSettings
from tasks.trials.study import build_sampler, read_trial


@dataclass
class Claim:
    """A trial that this driver works on.

    Attributes:
        trial: as Optuna knows it.
        folder: its own.
        options: of its training, as Hydra takes them.
        held: the lock of its folder.
        adopted: whether another driver, or an earlier start of this one, began it.
    """

    trial: Trial
    folder: TrialFolder
    options: tuple[str, ...]
    held: ExitStack = field(repr=False)
    adopted: bool = False


class Claims:
    """Claims trials one after the other; of several drivers one does so at a time.

    Args:
        study: of the search.
        plan: what is tried.
        settings: of the search.
        out: its folder.
        seed: of what is chosen.
    """

    def __init__(self, study: Study, plan: Plan, settings: TrialSettings, *, out: Path, seed: int) -> None:
        self._study = study
        self._plan = plan
        self._settings = settings
        self._out = out
        self._seed = seed
        self._mine: set[int] = set()
        self.exhausted = False  # whether there was none left when one was last asked for

    def claim(self) -> Claim | None:
        """Return a trial whose driver has ended, else a new one.

        Returns:
            None if none is left, or another driver is claiming one at this moment: `exhausted` says which.
        """
        self.exhausted = False
        with ExitStack() as turn:
            if not try_lock(self._out, turn):
                return None
            claim = self._adopt() or self._begin()
        self.exhausted = claim is None
        return claim

    def release(self, claim: Claim) -> None:
        """Let go of a trial."""
        self._mine.discard(claim.trial.number)
        claim.held.close()

    def _adopt(self) -> Claim | None:
        """Claim a trial that was begun and that no driver holds."""
        for known in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if known.number not in self._mine:
                claim = self._hold(Trial(self._study, known._trial_id), adopted=True)
                if claim is not None:
                    return claim
        return None

    def _begin(self) -> Claim | None:
        """Begin a new trial unless there are as many as there are to be."""
        if len(self._study.get_trials(deepcopy=False)) >= self._settings.trials:
            return None
        return self._hold(self._study.ask(), adopted=False)

    def _hold(self, trial: Trial, *, adopted: bool) -> Claim | None:
        """Claim a trial; None where another driver holds it, or has just finished it."""
        folder = TrialFolder(self._out, trial.number)
        folder.path.mkdir(parents=True, exist_ok=True)
        with ExitStack() as held:  # which lets go of it, whatever happens
            if not try_lock(folder.path, held) or read_trial(self._study, trial.number).state != TrialState.RUNNING:
                return None
            # What a trial tries follows from the seed, its number and what is known by then, whichever driver asks.
            self._study.sampler = build_sampler(self._settings.sampler, self._seed + 1000 * trial.number)
            options = self._plan.draw(trial)
            trial.set_user_attr(OPTIONS, options)
            self._mine.add(trial.number)
            return Claim(trial, folder, options, held.pop_all(), adopted)


def try_lock(folder: Path, held: ExitStack) -> bool:
    """Hold a folder for as long as `held` is open, unless another process does; tell which."""
    try:
        held.enter_context(locked(folder, option="out"))
    except InputError:
        return False
    return True

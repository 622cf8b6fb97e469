"""Trainings that a search starts in a test without a process: each look at one is an epoch of its run."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from optuna.study import Study
from optuna.trial import FrozenTrial, Trial

from tasks.trials.claims import Claims
from tasks.trials.driver import Driver
from tasks.trials.outcome import Outcome, read_outcome
from tasks.trials.place import open_place
from tasks.trials.settings import TrialSettings

EPOCHS = 3


@dataclass(frozen=True)
class LinePlan:
    """A search for the largest x, which is its own metric."""

    metric: str = "mAP"
    definition: Mapping[str, str] = field(default_factory=lambda: {"x": "0 to 1"})

    def draw(self, trial: Trial) -> tuple[str, ...]:
        return (f"x={trial.suggest_float('x', 0, 1)}",)

    def judge(self, metric: float, trial: FrozenTrial) -> float:
        return metric


class Training:
    """A run of `EPOCHS` epochs, whose metric is its option x, or lr, in the end.

    Args:
        options: as the driver gives them.
        log: file of what it says.
        slot: which of those at once it is.
    """

    metric = "mAP"

    def __init__(self, options: Sequence[str], log: Path, slot: int) -> None:
        self.values = dict(option.split("=", 1) for option in options)
        self.out = Path(self.values.get("resume") or self.values["out"])
        self.resumed = "resume" in self.values
        self.slot = slot
        self.log = log
        self.status: int | None = None
        (self.out / "checkpoints").mkdir(parents=True, exist_ok=True)
        (self.out / "config.yaml").write_text(json.dumps(self.values)) if not self.resumed else None
        values = json.loads((self.out / "config.yaml").read_text())
        self.x = float(values.get("x") or values["lr"])
        starts = len(list((self.out / "logs").glob("start_*")))
        self.table = self.out / f"logs/start_{starts}/metrics.csv"
        self.table.parent.mkdir(parents=True)
        self.table.write_text(f"epoch,step,val/{self.metric}\n")
        self.epoch = len(list((self.out / "checkpoints").iterdir()))

    def poll(self) -> int | None:
        """Do an epoch, or end."""
        if self.status is not None:
            return self.status
        if self.epoch == EPOCHS:
            (self.out / "metrics.json").write_text(json.dumps({self.metric: self.x}))
            return self.end(0)
        with self.table.open("a") as file:
            file.write(f"{self.epoch},{self.epoch + 1},{self.x * (self.epoch + 1) / EPOCHS}\n")
        (self.out / f"checkpoints/{self.epoch}.ckpt").touch()
        self.epoch += 1
        return None

    def stop(self) -> None:
        self.end(143)

    def end(self, status: int, said: str = "") -> int:
        if said:
            self.log.write_text(f"{said}\n")
        self.status = status
        return status


@dataclass
class Search:
    """A driver whose trainings are `Training`, and all that is about it."""

    study: Study
    driver: Driver
    out: Path
    plan: LinePlan
    started: list[Training]

    def read(self) -> Outcome:
        return read_outcome(self.study, self.plan.metric, (), self.out)


def open_search(
    out: Path,
    *,
    trials: int = 4,
    kind: Callable[[Sequence[str], Path, int], Training] = Training,
    plan: LinePlan | None = None,
    **settings: object,
) -> Search:
    """Do what a command of a search does before its driver works."""
    plan = plan or LinePlan()
    chosen = TrialSettings(study="line", trials=trials, sampler="random", **settings)  # type: ignore[arg-type]
    study = open_place(chosen, plan, out=out, interval=1, seed=0)
    started: list[Training] = []

    def launch(options: Sequence[str], log: Path, slot: int) -> Training:
        started.append(kind(options, log, slot))
        return started[-1]

    claims = Claims(study, plan, chosen, out=out, seed=0)
    driver = Driver(study, claims, plan, chosen, launch=launch, typed=(), told=lambda: None)
    return Search(study, driver, out, plan, started)


def steps(search: Search, count: int) -> None:
    """Let a driver look at its trials so many times, and no more."""
    for _ in range(count):
        search.driver._step()


def abandon(search: Search) -> None:
    """Leave a driver as SIGKILL does: its trials stay as they are, the system lets go of its locks."""
    for work in search.driver._works:
        with suppress(OSError):
            work.claim.held.close()

"""What a search tries: candidates, rows of their own that are trained briefly; then the best, trained in full."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from backbones.tables import Table
from data.sizes import Size
from heads.ssdlite import scale_extras
from tasks.files import write_text
from tasks.latency.runtimes import choose_clock
from tasks.latency.table import LatencyTable, list_layers, open_table
from tasks.models.architecture import OWN_TABLE, Arch
from tasks.models.table_file import describe, format_table
from tasks.search.blocks import Space
from tasks.search.config import SearchConfig
from tasks.trials.writing import write_option

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial, Trial

LATENCY = "latency"  # of a candidate in milliseconds, in the attributes of its trial
CANDIDATE = "candidate"  # whose training in full a trial is, in its attributes
TABLES = "tables"  # the folder of the candidates' rows
LAYERS = "latency_{}.csv"  # of the layers that were timed, by the runtime and its threads
EPOCHS = "trainer.max_epochs"
NUMBERS = ("target_latency", "device", "device_threads", "epochs")  # that all drivers of a search have in common


def reward(metric: float, latency: float, target: float, power: float) -> float:
    """Return what a network is worth (MnasNet, arXiv:1807.11626, eq. 2): metric x (latency / target)^power."""
    return metric * (latency / target) ** power


@dataclass(frozen=True)
class Network:
    """What all networks of a search have beside their rows.

    Attributes:
        arch: of the network that the space is built around.
        size: (height, width) of its input.
        device: runtime in which layers are timed, or a table of them.
        threads: of that runtime.
        out: folder that the layers timed here are kept in.
    """

    arch: Arch
    size: Size
    device: str
    threads: int | None
    out: Path

    def open_table(self) -> LatencyTable:
        """Return the milliseconds of layers, as they are known by now."""
        clock = choose_clock(self.device, threads=self.threads)
        path = self.out / LAYERS.format(f"{self.device}_{self.threads or 'all'}")
        return open_table(self.device, path, clock=clock)

    def measure(self, arch: Arch) -> float:
        """Return the milliseconds of a network, the sum of its layers; those that are new are timed and kept."""
        return self.open_table().predict(list_layers(arch, self.size))

    def build(self, rows: Table) -> Arch:
        """Return the network of other rows."""
        extras = self.arch.extras or scale_extras(self.arch.width)
        plain = replace(self.arch, width=1.0, minimalistic=False, halving="none", extras=extras)
        return replace(plain, backbone=OWN_TABLE, table=rows)

    def format(self, rows: Table) -> str:
        """Return rows, and the channels of the head, as the text of a file that `backbone=` takes."""
        return format_table(describe(self.build(rows)))


@dataclass(frozen=True)
class CandidatePlan:
    """The candidates, see `tasks.trials.plan.Plan`.

    Attributes:
        config: of the search.
        space: of their rows.
        network: what they have beside these.
        target: milliseconds that they are to take.
    """

    config: SearchConfig
    space: Space
    network: Network
    target: float

    @property
    def metric(self) -> str:
        """The metric that trainings are judged by."""
        return self.config.train.recipe.metric

    @property
    def definition(self) -> Mapping[str, str]:
        """What all drivers of a study must have in common."""
        options = {name: value for name, _, value in (option.partition("=") for option in self.config.shared)}
        own = {name: str(getattr(self.config, name)) for name in NUMBERS}
        rows = sha256(self.network.format(self.space.base).encode()).hexdigest()[:8]
        own |= {"backbone": f"{self.network.arch.backbone}, rows {rows}", "exponent": str(self.config.power)}
        return {**options, **own}

    @property
    def shared(self) -> tuple[str, ...]:
        """The options of all their trainings, as Hydra takes them."""
        others = (option for option in self.config.shared if not option.startswith(f"{EPOCHS}="))
        return (*others, f"{EPOCHS}={self.config.epochs}")

    def draw(self, trial: "Trial") -> tuple[str, ...]:
        """Choose the rows of a candidate, write them into a file and time them."""
        path, rows = self.place(trial.number), self.space.draw(trial)
        path.parent.mkdir(exist_ok=True)
        write_text(path, self.network.format(rows))
        if LATENCY not in trial.user_attrs:
            trial.set_user_attr(LATENCY, self.network.measure(self.network.build(rows)))
        return (write_option("backbone", str(path)),)

    def place(self, number: int) -> Path:
        """Return the file of a candidate's rows."""
        return self.config.out / TABLES / f"{number:04d}.yaml"

    def judge(self, metric: float, trial: "FrozenTrial") -> float:
        """Return the reward."""
        return reward(metric, trial.user_attrs[LATENCY], self.target, self.config.power)


@dataclass(frozen=True)
class FinalPlan:
    """The best candidates, trained in full, see `tasks.trials.plan.Plan`.

    Attributes:
        candidates: where they come from.
        ranking: number and latency of each that came to its end, the best first; another order after more trials.
    """

    candidates: CandidatePlan
    ranking: tuple[tuple[int, float], ...]

    @property
    def metric(self) -> str:
        """The metric that trainings are judged by."""
        return self.candidates.metric

    @property
    def definition(self) -> Mapping[str, str]:
        """What all drivers of a study must have in common."""
        epochs = str(self.candidates.config.train.trainer.max_epochs)
        return {**self.candidates.definition, EPOCHS: epochs}

    def draw(self, trial: "Trial") -> tuple[str, ...]:
        """Take the best candidate that no other trial has."""
        if CANDIDATE not in trial.user_attrs:
            taken = {known.user_attrs.get(CANDIDATE) for known in trial.study.get_trials(deepcopy=False)}
            number, latency = next(pair for pair in self.ranking if pair[0] not in taken)
            trial.set_user_attr(LATENCY, latency)
            trial.set_user_attr(CANDIDATE, number)
        return (write_option("backbone", str(self.candidates.place(trial.user_attrs[CANDIDATE]))),)

    def judge(self, metric: float, trial: "FrozenTrial") -> float:
        """Return the reward."""
        return self.candidates.judge(metric, trial)

"""What an adaptation has done so far, on the disk: it goes on from there whenever it ends."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from data.bounded.json_values import read_json
from data.errors import InputError
from tasks.adapt.widths import change_width, list_groups
from tasks.files import write_json
from tasks.models.architecture import Arch
from tasks.parsing import parse

LOG = "log.json"
WEIGHTS = "weights"  # folder of those of each step's winner, and of the proposals of a step that is not over


@dataclass(frozen=True)
class Proposal:
    """One proposal of a step.

    Attributes:
        group: the name of the channels that it cuts.
        before: how many there are.
        after: how many are left.
        latency: of the network, in milliseconds, as predicted.
        metric: of it after the steps of training, 0 to 1.
    """

    group: str
    before: int
    after: int
    latency: float
    metric: float


@dataclass(frozen=True)
class Step:
    """One step, whose best proposal was taken.

    Attributes:
        proposals: of the step.
        chosen: index of the one that was taken; None while the step goes on.
        measured: milliseconds of its whole network; None where the device is a table.
    """

    proposals: tuple[Proposal, ...] = ()
    chosen: int | None = None
    measured: float | None = None

    @property
    def winner(self) -> Proposal | None:
        """The proposal that was taken."""
        return None if self.chosen is None else self.proposals[self.chosen]


@dataclass(frozen=True)
class Log:
    """An adaptation.

    Attributes:
        latency: of the checkpoint's network, in milliseconds, as predicted.
        factor: that all predictions are multiplied by: measured over added up, of the checkpoint's network.
        measured: milliseconds of that whole network; None where the device is a table.
        metric: of it, 0 to 1.
        target: milliseconds that are to be reached.
        steps: so far.
    """

    latency: float
    factor: float
    measured: float | None
    metric: float
    target: float
    steps: tuple[Step, ...] = ()

    @property
    def state(self) -> tuple[float, float]:
        """Latency and metric of the network as it is now."""
        winners = [step.winner for step in self.steps if step.winner is not None]
        return (winners[-1].latency, winners[-1].metric) if winners else (self.latency, self.metric)

    def with_step(self, number: int, step: Step) -> "Log":
        """Return the log with another step of this number, from 1."""
        return replace(self, steps=(*self.steps[: number - 1], step))

    def rebuild(self, arch: Arch) -> Arch:
        """Return the network that the winners so far made of a seed.

        Raises:
            InputError: if the log is of another network.
        """
        for winner in (step.winner for step in self.steps if step.winner is not None):
            groups = {group.name: group for group in list_groups(arch)}
            smaller = change_width(arch, groups[winner.group], winner.after) if winner.group in groups else None
            if smaller is None:
                raise InputError(f"resume: {LOG}: {winner.group!r} is not of this checkpoint's network")
            arch = smaller
        return arch


def save_log(out: Path, log: Log) -> None:
    """Write the log."""
    write_json(out / LOG, asdict(log))


def load_log(out: Path) -> Log | None:
    """Read the log of a folder; None where there is none yet.

    Raises:
        InputError: if it cannot be used.
    """
    if not (out / LOG).is_file():
        return None
    return parse(Log, read_json(out / LOG, expected="expected what tasks.adapt writes"), str(out / LOG))


def name_weights(out: Path, step: int, proposal: int | None = None) -> Path:
    """Return where the weights of a step's winner are, or those of one of its proposals until it is over."""
    name = f"step_{step:03}" if proposal is None else f"step_{step:03}_proposal_{proposal:03}"
    return out / WEIGHTS / f"{name}.safetensors"

"""The options of tasks.search, conf/search.yaml."""

from dataclasses import dataclass
from pathlib import Path

from tasks.latency.settings import check_device
from tasks.latency.target import check_target
from tasks.models.architecture import OWN_TABLE
from tasks.parsing import hidden, spread
from tasks.train.config import TrainConfig
from tasks.trials.settings import TrialSettings
from tasks.trials.writing import drop_options

BASES = ("large", "small", OWN_TABLE)  # whose rows the space is built around
EXPONENTS = {"small": -0.15}  # of the reward, arXiv:1905.02244, section 4.1
USUAL_EXPONENT = -0.07  # of MnasNet, and of the paper's Large
ROWS = ("backbone", "model.table", "model.width", "model.halving", "model.minimalistic")  # what the rows say


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """One search over the rows of a network.

    Attributes:
        train: what all trainings have in common; its backbone is what the space is built around.
        search: how it goes about its trials.
        target_latency: of the network, a share of the backbone's as it is, or milliseconds.
        device: runtime in which layers are timed, or a table of layers.
        device_threads: of that runtime; None for as many as it takes.
        exponent: of the latency in the reward; None for the paper's.
        epochs: that each candidate is trained for.
        finalists: how many of the best are trained in full.
        out: folder of the search, which several drivers may share.
        debug: whether an error shows its traceback.
        typed: the options of the command line, as they were typed.

    Raises:
        ValueError: naming the field, what it held and what is allowed.
    """

    train: TrainConfig = spread()
    search: TrialSettings = spread()
    target_latency: str
    device: str
    device_threads: int | None
    exponent: float | None
    epochs: int
    finalists: int
    out: Path
    debug: bool = False
    typed: tuple[str, ...] = hidden(())

    def __post_init__(self) -> None:
        check_target(self.target_latency)
        check_device(self.device)
        if self.exponent is not None and not -1 <= self.exponent < 0:
            raise ValueError(f"exponent: {self.exponent!r}; expected a number from -1 to below 0")
        for name in ("epochs", "device_threads"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}: {value}; expected an integer from 1")
        if self.finalists < 0:
            raise ValueError(f"finalists: {self.finalists}; expected an integer from 0")
        if self.train.recipe.own.model.backbone not in BASES:
            found = self.train.recipe.own.model.backbone
            raise ValueError(f"backbone: {found!r} has no rows to search over; expected small, large or FILE.yaml")

    @property
    def power(self) -> float:
        """The exponent of the latency in the reward."""
        usual = EXPONENTS.get(self.train.recipe.own.model.backbone, USUAL_EXPONENT)
        return usual if self.exponent is None else self.exponent

    @property
    def shared(self) -> tuple[str, ...]:
        """The options of the command line that are those of every training."""
        return drop_options(self.typed, SearchConfig, besides=ROWS)

"""MnasNet's factorised hierarchical space (arXiv:1807.11626, section 4.1) around the rows of a network.

The rows fall into stages of equal output; the rows of a stage are alike. Each stage has its own choice of kernel,
expansion, squeeze-and-excite, non-linearity, how many rows there are beside the network's, and its channels as a share
of the network's. A stage that changes no resolution may be left out. Two deviations: MnasNet also chooses the kind of
convolution, which is the paper's row here, and whether there is a residual, which a row has wherever its shapes allow.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product
from typing import TYPE_CHECKING, cast

from backbones.blocks import make_divisible
from backbones.tables import HS, RE, Row, Table

if TYPE_CHECKING:
    from optuna.trial import Trial

Choice = int | float | bool | str
KERNELS = (3, 5)
EXPANSIONS = (2, 3, 4, 6)  # channels after the expansion, of those that enter the row
LAYERS = (-1, 0, 1)  # beside the network's own
WIDTHS = (0.75, 1.0, 1.25)  # of the network's own


@dataclass(frozen=True)
class Stage:
    """Rows of equal output.

    Attributes:
        number: from 1.
        layers: how many there are.
        out: channels that they give.
        s: stride of the first; the others have 1.
    """

    number: int
    layers: int
    out: int
    s: int

    @property
    def least(self) -> int:
        """How many layers it has at least; 0 where it may be left out."""
        return max(self.layers + min(LAYERS), 1 if self.s > 1 else 0)

    @property
    def choices(self) -> dict[str, tuple[Choice, ...]]:
        """What there is to choose, the cheapest first."""
        return {
            f"stage{self.number}.kernel": KERNELS,
            f"stage{self.number}.expansion": EXPANSIONS,
            f"stage{self.number}.SE": (False, True),
            f"stage{self.number}.NL": (RE, HS),
            f"stage{self.number}.layers": tuple(n for change in LAYERS if (n := self.layers + change) >= self.least),
            f"stage{self.number}.width": WIDTHS,
        }

    def build(self, chosen: Mapping[str, Choice], channels: int) -> Iterator[Row]:
        """Yield the rows that some choices make, behind so many channels."""
        kernel, expansion, gate, act, layers, width = (chosen[name] for name in self.choices)
        out = make_divisible(self.out * float(width))
        for index in range(int(layers)):
            exp_size = make_divisible(channels * float(expansion))
            yield Row(int(kernel), exp_size, out, bool(gate), str(act), self.s if index == 0 else 1)
            channels = out


def list_entries(before: Sequence[Stage]) -> Iterator[dict[str, Choice]]:
    """Yield choices of the stages before one by which all numbers of channels that may enter it do, the stem's too."""
    for stage in reversed(before):
        for width in WIDTHS:
            yield {f"stage{stage.number}.layers": max(1, stage.least), f"stage{stage.number}.width": width}
        if stage.least > 0:
            return
    yield {}


@dataclass(frozen=True)
class Space:
    """All networks around one.

    Attributes:
        base: its rows.
    """

    base: Table

    @property
    def stages(self) -> list[Stage]:
        """The stages of the network; one that changes the resolution begins with the row that does."""
        starts = [0, *(n for n, (a, b) in enumerate(pairwise(self.base.rows), start=1) if a.out != b.out or b.s > 1)]
        ends = [*starts[1:], len(self.base.rows)]
        groups = [self.base.rows[start:end] for start, end in zip(starts, ends, strict=True)]
        return [Stage(number, len(rows), rows[0].out, rows[0].s) for number, rows in enumerate(groups, start=1)]

    @property
    def choices(self) -> dict[str, tuple[Choice, ...]]:
        """What there is to choose in all stages."""
        return {name: values for stage in self.stages for name, values in stage.choices.items()}

    def build(self, chosen: Mapping[str, Choice]) -> Table:
        """Return the network that some choices make; its last convolution follows the channels before it."""
        rows: list[Row] = []
        channels = self.base.stem
        for stage in self.stages:
            rows += stage.build(chosen, channels)
            channels = rows[-1].out if rows else channels
        last = make_divisible(self.base.last * channels / self.base.rows[-1].out)
        return replace(self.base, rows=tuple(rows), last=last)

    def draw(self, trial: "Trial") -> Table:
        """Choose a network."""
        drawn = {name: trial.suggest_categorical(name, values) for name, values in self.choices.items()}
        return self.build(cast(dict[str, Choice], drawn))

    def check(self) -> None:
        """Check that the largest networks have no more rows and channels than a network may have.

        Raises:
            ValueError: naming the field of the row or table that is too large.
        """
        largest = {name: values[-1] for name, values in self.choices.items()}
        self.build(largest)
        for stage in reversed(self.stages):  # without the last ones the last convolution may be larger
            if stage.least > 0:
                return
            largest[f"stage{stage.number}.layers"] = 0
            self.build(largest)

    def cover(self) -> Iterator[Table]:
        """Yield networks that together have each row and each last convolution of all networks, some of them often.

        What a row is follows from the choices of its stage and from the channels that enter that.
        """
        least = {name: values[0] for name, values in self.choices.items()}
        for number, stage in enumerate(self.stages):
            for before in list_entries(self.stages[:number]):
                for own in product(*stage.choices.values()):
                    yield self.build({**least, **before, **dict(zip(stage.choices, own, strict=True))})

    @property
    def smallest(self) -> Table:
        """The cheapest network."""
        return self.build({name: values[0] for name, values in self.choices.items()})

    def count(self) -> int:
        """Return how many networks there are."""
        found = 1
        for values in self.choices.values():
            found *= len(values)
        return found

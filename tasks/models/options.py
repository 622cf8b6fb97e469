"""What conf/task/ and conf/backbone/ say of a model: its layers but for those that the data decide, and its input."""

from dataclasses import dataclass, fields

from backbones.tables import Table
from data.sizes import RESIZE_RULES
from tasks.models.architecture import Arch


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """The fields of `tasks.models.architecture.Arch`, less the number of classes, which the data have.

    Raises:
        ValueError: naming the field, what it held and what is allowed.
    """

    head: str
    backbone: str
    width: float
    minimalistic: bool
    halving: str
    output_stride: int
    bn_eps: float
    bn_momentum: float
    padding: str
    se: str = "after_act"
    table: Table | None = None

    def __post_init__(self) -> None:
        self.arch(1)

    def arch(self, num_classes: int) -> Arch:
        """Return the architecture for data of so many classes."""
        return Arch(num_classes=num_classes, **{field.name: getattr(self, field.name) for field in fields(self)})


@dataclass(frozen=True)
class InputOptions:
    """The fields of `tasks.models.preprocessing.Preprocessing`, less the size.

    Raises:
        ValueError: if there is no such rule, or a deviation is not above 0.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    resize: str

    def __post_init__(self) -> None:
        if self.resize not in RESIZE_RULES:
            raise ValueError(f"resize: unknown {self.resize!r}; choose from {', '.join(RESIZE_RULES)}")
        if min(self.std) <= 0:
            raise ValueError(f"std: {list(self.std)}; expected numbers above 0")

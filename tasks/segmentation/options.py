"""What a training recipe says of a segmenter alone."""

from dataclasses import dataclass, field, replace

from data.sizes import Size, to_size
from tasks.models.options import ModelOptions
from tasks.segmentation.settings import Augmentation, LossSettings


@dataclass(frozen=True, kw_only=True)
class SegmenterOptions(ModelOptions):
    """Layers of a segmenter."""

    filters: int
    aspp: str


@dataclass(frozen=True)
class SegmentationOptions:
    """What a recipe has for segmenters alone.

    Attributes:
        model: its layers.
        loss: how it is trained.
        augmentation: what happens to training images.
        eval_size: of the input in use: (height, width), the length of the shorter side, or None for each image's own.

    Raises:
        ValueError: if a side is below 32.
    """

    model: SegmenterOptions
    augmentation: Augmentation
    eval_size: Size | int | None = None
    loss: LossSettings = field(default_factory=LossSettings)

    def __post_init__(self) -> None:
        if self.eval_size is not None:
            to_size(self.eval_size, "eval_size")

    @property
    def postprocessing(self) -> None:
        """Nothing: a mask needs no settings."""
        return None

    @property
    def follows_data(self) -> bool:
        """Whether something of the architecture is fitted to the data before training."""
        return False

    def input_size(self, size: Size) -> Size | int | None:
        """Return what images are resized to in use, for a network trained on crops of `size`."""
        return self.eval_size

    def at_one_size(self, size: Size) -> "SegmentationOptions":
        """Return options whose images have this size in use too."""
        return replace(self, eval_size=size)

"""What a training recipe says of a detector alone."""

from dataclasses import dataclass, field, replace

from data.sizes import Size
from tasks.detection.settings import Augmentation, LossSettings
from tasks.models.architecture import Arch
from tasks.models.options import ModelOptions
from tasks.models.postprocessing import Postprocessing

FOLLOW_DATA = "data"  # value of model.shapes


@dataclass(frozen=True, kw_only=True)
class DetectorOptions(ModelOptions):
    """Layers of a detector."""

    anchors: str
    scores: str
    shapes: tuple[tuple[tuple[float, float], ...], ...] | str | None = None
    extras: tuple[tuple[int, int], ...] | None = None

    def arch(self, num_classes: int) -> Arch:
        """Return the architecture for data of so many classes; shapes that follow the data are the layout's as yet."""
        own = replace(self, shapes=None) if self.shapes == FOLLOW_DATA else self
        return ModelOptions.arch(own, num_classes)


@dataclass(frozen=True)
class DetectionOptions:
    """What a recipe has for detectors alone.

    Attributes:
        model: its layers; with shapes "data", those of the anchors follow the boxes to train on.
        loss: how it is trained.
        augmentation: what happens to training images.
        postprocessing: how raw predictions become detections.

    Raises:
        ValueError: if the loss does not go with the model.
    """

    model: DetectorOptions
    augmentation: Augmentation
    postprocessing: Postprocessing
    loss: LossSettings = field(default_factory=LossSettings)

    def __post_init__(self) -> None:
        if self.loss.assignment == "task_aligned" and self.model.scores != "sigmoid":
            raise ValueError(
                "loss.assignment: task_aligned with model.scores=softmax; "
                "expected model.scores=sigmoid or loss.assignment=iou"
            )
        if self.model.scores == "sigmoid" and self.loss.min_negatives != LossSettings.min_negatives:
            raise ValueError("loss.min_negatives: does nothing with model.scores=sigmoid; leave it out")

    @property
    def follows_data(self) -> bool:
        """Whether something of the architecture is fitted to the data before training."""
        return self.model.shapes == FOLLOW_DATA

    def input_size(self, size: Size) -> Size:
        """Return what images are resized to in use, for a network trained at `size`."""
        return size

    def at_one_size(self, size: Size) -> "DetectionOptions":
        """Return options whose images have this size in use too: they have."""
        return self

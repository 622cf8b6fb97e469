"""What a training recipe says of a classifier alone."""

from dataclasses import dataclass, field

from data.sizes import Size
from tasks.classification.settings import Augmentation, LossSettings, Regularization
from tasks.models.options import ModelOptions


@dataclass(frozen=True, kw_only=True)
class ClassifierOptions(ModelOptions):
    """Layers of a classifier."""

    scores: str


@dataclass(frozen=True)
class ClassificationOptions:
    """What a recipe has for classifiers alone.

    Attributes:
        model: its layers; with scores "sigmoid", each class is decided by itself, as several labels an image need it.
        augmentation: what happens to training images.
        loss: how it is trained.
        regularization: what is left out in training.

    Raises:
        ValueError: if the loss does not go with the model.
    """

    model: ClassifierOptions
    augmentation: Augmentation
    loss: LossSettings = field(default_factory=LossSettings)
    regularization: Regularization = field(default_factory=Regularization)

    def __post_init__(self) -> None:
        if self.model.scores == "sigmoid" and self.loss.label_smoothing:
            raise ValueError(
                f"loss.label_smoothing: {self.loss.label_smoothing} with model.scores=sigmoid, where there is no class "
                "for each image to take it from; expected 0"
            )

    @property
    def postprocessing(self) -> None:
        """Nothing: scores need no settings."""
        return None

    @property
    def follows_data(self) -> bool:
        """Whether something of the architecture is fitted to the data before training."""
        return False

    def input_size(self, size: Size) -> Size:
        """Return what images are resized to in use."""
        return size

    def at_one_size(self, size: Size) -> "ClassificationOptions":
        """Return options whose images have this size in use too, as they have."""
        return self

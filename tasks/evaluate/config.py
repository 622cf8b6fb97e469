"""The options of tasks.evaluate, conf/evaluate.yaml."""

from dataclasses import dataclass
from pathlib import Path

from data.config import DatasetConfig
from data.sizes import Size, to_size
from tasks.accelerators import Accelerator
from tasks.dataset_choice import choose_dataset
from tasks.evaluation_settings import TTA, EvaluationSettings, ThresholdRule
from tasks.parsing import Partial, hidden, spread


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """One evaluation.

    Attributes:
        checkpoint: a file, or the name of published weights.
        dataset: changes to the data set of the checkpoint, or another one.
        out: folder of the results.
        batch_size: images at once, of one size.
        size: of the network's input, in pixels: (height, width), or both sides in one; None for the checkpoint's.
        accelerator: Lightning's name of the device.
        tta: test-time augmentation of models that classify pixels.
        threshold: how the thresholds of a detector's classes are chosen.
        store_thresholds: whether they are written into the checkpoint.
        debug: whether an error shows its traceback.
        typed: the options of the command line, as they were typed.

    Raises:
        ValueError: naming the field, what it held and what is allowed.
    """

    checkpoint: Path
    dataset: Partial[DatasetConfig]
    out: Path
    batch_size: int
    size: Size | int | None
    accelerator: Accelerator
    tta: TTA = spread()
    threshold: ThresholdRule
    store_thresholds: bool
    debug: bool = False
    typed: tuple[str, ...] = hidden(())

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f"batch_size: {self.batch_size}; expected an integer from 1")
        if self.size is not None:
            to_size(self.size, "size")

    @property
    def settings(self) -> EvaluationSettings:
        """How the model is evaluated."""
        return EvaluationSettings(self.tta, self.threshold)

    def choose_dataset(self, own: DatasetConfig) -> DatasetConfig:
        """Return the data set to evaluate on: another one, or the checkpoint's own with what was given changed."""
        return choose_dataset(own, self.dataset, typed_options=self.typed)

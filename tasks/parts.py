"""What a task's code offers to the commands: the functions of `tasks/KIND/parts.py`, and what they take and give.

Every command does whatever it does with a model, a data set or a prediction through `Parts`; a task's row in
`tasks.task` leads to its own.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from data.findings import Report
from tasks.classification.options import ClassificationOptions
from tasks.detection.options import DetectionOptions
from tasks.evaluation_settings import EvaluationSettings
from tasks.segmentation.options import SegmentationOptions

if TYPE_CHECKING:  # what these need is imported late
    import lightning as L
    import numpy as np
    from torch import Tensor, nn

    from data.batches import ClassificationBatch, DetectionBatch, SegmentationBatch
    from data.class_transforms import ClassificationItem
    from data.classes import ClassTable
    from data.config import DatasetConfig
    from data.readers import BoxReader, LabelReader, MaskReader
    from data.samples import ClassificationSample, DetectionSample, SegmentationSample
    from data.sizes import Size
    from data.splits import Role
    from data.streams.sources import Frame
    from data.streams.tiling import Tile
    from data.transforms import DetectionItem, SegmentationItem
    from tasks.classification.classifier import Classifier
    from tasks.classification.exported import ExportedClassifier
    from tasks.classification.module import ClassificationModule
    from tasks.classification.prediction import ClassPrediction
    from tasks.detection.detector import Detector
    from tasks.detection.exported import ExportedDetector
    from tasks.detection.module import DetectionModule
    from tasks.detection.prediction import BoxPrediction
    from tasks.distillation.teacher import Teacher
    from tasks.examination.examined import Examined
    from tasks.formats.graph import Graph
    from tasks.formats.session import Session
    from tasks.formats.settings import GraphSettings
    from tasks.models.architecture import Arch
    from tasks.models.description import Description
    from tasks.models.layers import Layer, Shape
    from tasks.optimization import Optimization
    from tasks.segmentation.exported import ExportedSegmenter
    from tasks.segmentation.module import SegmentationModule
    from tasks.segmentation.prediction import MaskPrediction
    from tasks.segmentation.segmenter import Segmenter

    Model = Classifier | Detector | Segmenter
    Exported = ExportedClassifier | ExportedDetector | ExportedSegmenter
    Usable = Model | Exported
    Module = ClassificationModule | DetectionModule | SegmentationModule
    Reader = BoxReader | LabelReader | MaskReader
    Sample = ClassificationSample | DetectionSample | SegmentationSample
    Item = ClassificationItem | DetectionItem | SegmentationItem
    Batch = ClassificationBatch | DetectionBatch | SegmentationBatch
    Prediction = BoxPrediction | ClassPrediction | MaskPrediction
    Transform = Callable[[Sample, int], Item]

Options = ClassificationOptions | DetectionOptions | SegmentationOptions


class Writer(Protocol):
    """Writes each prediction into its file or folder."""

    def write(self, prediction: "Prediction") -> None:
        """Write one."""

    def close(self) -> None:
        """Finish the files."""


class Tally(Writer, Protocol):
    """Counts what predictions hold; as a text it ends a sentence: "57 boxes"."""

    def __str__(self) -> str: ...


class Assembly(Protocol):
    """What is known so far of one image that goes through a model in tiles."""

    def add(self, tile: "Tile", output: object) -> None:
        """Take what the model gave for a tile."""

    def finish(self, *, classes: Collection[str] | None) -> "Prediction":
        """Return what all tiles together show, of these classes."""


class Evaluation(Protocol):
    """A model on its way over a reader, and the report of it."""

    module: "Module"
    callbacks: "list[L.Callback]"

    def write(self) -> dict[str, object]:
        """Write numbers, results and pictures, and return the metrics."""


class Parts(Protocol):
    """The functions in each task's parts.py; what they do is said there."""

    Tally: Callable[[], Tally]  # counts what predictions hold
    RESULTS: Mapping[str, tuple[str, Callable[[Path], Writer]]]  # form -> file or folder and writer, the default first

    def build(self, description: "Description") -> "Model":
        """Build a model, freshly initialised."""

    def usual_threshold(self, arch: "Arch") -> float:
        """Return the lowest score that is shown, where neither caller nor checkpoint says."""

    def build_graph(self, model: "Model", settings: "GraphSettings") -> "Graph":
        """Build the static graph that a model is exported as."""

    def use_exported(self, description: "Description", settings: "GraphSettings", session: "Session") -> "Exported":
        """Put an exported file to use, like a model; raises ValueError if it is of another task."""

    def describe_outputs(self, description: "Description", settings: "GraphSettings") -> dict[str, str]:
        """Say what each output of an exported file means, by name."""

    def describe_decoding(self, description: "Description", settings: "GraphSettings") -> dict[str, Any]:
        """Return what one must know to decode the outputs of an exported file."""

    def open_reader(
        self, config: "DatasetConfig", role: "Role", *, classes: "ClassTable | None", report: Report
    ) -> "Reader":
        """Open a split of a data set that the task learns from."""

    def augment(self, options: Options, *, size: "Size", rule: str, deferred: bool) -> "Transform":
        """Return what happens to training samples before they enter a network of this size; see `data.deferred`."""

    def resize(self, size: "Size | int | None", *, rule: str) -> "Transform":
        """Return what happens to samples before they are evaluated."""

    def resize_whole(self, size: "Size", *, rule: str) -> "Transform":
        """Return what happens to training samples when a few are to be overfitted."""

    def choose_few(self, reader: "Reader", count: int) -> Sequence[int]:
        """Return which images are to be overfitted, at most so many."""

    def collate(self, items: "Sequence[Item]") -> "Batch":
        """Make a batch."""

    def follow_data(self, description: "Description", reader: "Reader") -> "Arch":
        """Return the architecture, fitted to the data where it asks for that."""

    def announce(self, description: "Description", reader: "Reader") -> None:
        """Log how well the architecture fits the data to train on."""

    def build_module(
        self,
        description: "Description",
        options: Options,
        *,
        optimization: "Optimization",
        teacher: "Teacher | None",
        reader: "Reader",
    ) -> "Module":
        """Build a model in training, evaluated on a reader."""

    def check_teacher(self, known: "Description", student: "Description", *, source: str) -> None:
        """Check that a model can teach another; raises InputError."""

    def load_torchvision(
        self, name: str, find_weights: Callable[[], Path], classes: "ClassTable"
    ) -> "tuple[nn.Module, ClassTable]":
        """Load one of torchvision's networks as a teacher, with its classes; raises InputError."""

    def draw_sample(self, sample: "Sample", *, classes: "ClassTable", size: "Size") -> "np.ndarray":
        """Draw a sample with its labels as a picture of (height, width)."""

    def draw_pair(self, model: "Usable", sample: "Sample", images: "Tensor", *, longest: int) -> "np.ndarray":
        """Draw a sample beside what a model finds in it."""

    def list_classes(self, sample: "Sample") -> "np.ndarray":
        """Return the class indices that a sample shows."""

    def check_evaluation(self, description: "Description", reader: "Reader", *, report: Report, split: str) -> None:
        """Report what of a split's labels an evaluation of the model cannot count."""

    def evaluate(self, out: Path, model: "Usable", reader: "Reader", *, settings: EvaluationSettings) -> Evaluation:
        """Prepare an evaluation whose report goes into `out`."""

    def assemble(self, frame: "Frame", description: "Description", *, threshold: float | tuple[float, ...]) -> Assembly:
        """Begin to gather what a model gives for the tiles of an image."""

    def infer(self, model: "Usable", images: "Tensor") -> "Sequence[object]":
        """Return what an assembly takes, for each of the images (N, 3, H, W) uint8."""

    def predict(self, model: "Usable", images: "Tensor", *, size: "Size") -> object:
        """Do all that it takes from images (N, 3, H, W) uint8 to a result; `size` is what they had before."""

    def blank_sample(self, size: "Size") -> "Sample":
        """Return an image of noise without labels, of (height, width)."""

    def examine(
        self,
        readers: "Mapping[str, Reader]",
        description: "Description",
        *,
        report: Report,
        workers: int,
        advance: Callable[[int], object],
    ) -> "dict[str, Examined]":
        """Look at every label of every split, for the doctor."""

    def check_files(self, name: str, readers: "Collection[Reader]", *, blamed: set[Path], report: Report) -> None:
        """Report files that are left over, for the doctor."""

    def list_layers(self, arch: "Arch", maps: "Mapping[str, Shape]") -> "list[Layer]":
        """Return the layers of the head as they are timed one by one, for maps of these shapes."""

    def plot_labels(self, readers: "Mapping[str, Reader]", description: "Description", out: Path) -> None:
        """Draw what there is to plot of labels, for the doctor."""

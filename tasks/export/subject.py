"""What is exported, and the images that show whether it came out right."""

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from data.config import PATIENCE
from data.resizing import find_size, resize_image
from data.samples import space_evenly
from data.sizes import Size, to_size
from data.streams.sources import open_source
from tasks.export.config import ExportConfig
from tasks.formats.graph import Graph
from tasks.formats.settings import GraphSettings
from tasks.inference.loading import assemble
from tasks.loaders import open_split
from tasks.models.checkpoint import load_checkpoint
from tasks.models.description import Description
from tasks.runs.recording import usual_size
from tasks.task import Task, find_task

if TYPE_CHECKING:
    from tasks.parts import Model, Reader


@dataclass(frozen=True)
class Subject:
    """What is exported.

    Attributes:
        model: with the size of the files' input.
        task: of the model.
        size: (height, width) in pixels of the files' input.
        photos: real images (H, W, 3) uint8, as decoded.
        reader: of the images that a metric is measured on; None where only photos are there.
        train: of those that INT8 is calibrated on; None likewise.
        workers: processes that load data.
        timeout: seconds to wait for a batch from them.
    """

    model: "Model"
    task: Task
    size: Size
    photos: list[np.ndarray]
    reader: "Reader | None"
    train: "Reader | None"
    workers: int
    timeout: float = PATIENCE

    @property
    def description(self) -> Description:
        """Of the model."""
        return self.model.description

    @property
    def metric(self) -> str:
        """The number that the model is judged by."""
        return self.task.judge_by(self.description.arch.scores)

    def build_graph(self, settings: GraphSettings) -> Graph:
        """Build the static graph that is exported."""
        return self.task.parts.build_graph(self.model, settings)

    def resize(self, photo: np.ndarray) -> np.ndarray:
        """Bring an image to the files' input: (*size, 3) uint8."""
        resized = resize_image(photo, self.size, rule=self.description.preprocessing.resize)
        return np.rint(resized).clip(0, 255).astype(np.uint8)

    def calibrate(self, reader: "Reader", *, count: int, seed: int) -> list[np.ndarray]:
        """Return images of a reader, (*size, 3) uint8, drawn without replacement."""
        order = np.random.default_rng(seed).permutation(len(reader))[:count]
        return [self.resize(reader[int(index)].image) for index in order]


def load_subject(config: ExportConfig) -> Subject:
    """Load the checkpoint and the images of an export.

    Raises:
        InputError: if the checkpoint, the data or the size cannot be used.
    """
    description, weights = load_checkpoint(config.checkpoint)
    task = find_task(description.arch.head)
    dataset = config.choose_dataset(description.dataset)
    reader = train = None
    if config.source is None:
        reader = open_split(task, dataset, "val", classes=description.classes)
        photos = [reader[index].image for index in space_evenly(len(reader), config.images)]
        if config.precision == "int8":
            train = open_split(task, dataset, "train", classes=description.classes)
    else:
        photos = [read().image for read in islice(open_source(config.source), config.images)]
    usual = usual_size(reader) if reader is not None else (photos[0].shape[0], photos[0].shape[1])
    size = choose_size(config, description, usual)
    description = replace(description, preprocessing=replace(description.preprocessing, size=size))
    model = assemble(description, weights)
    return Subject(model, task, size, photos, reader, train, dataset.count_workers(), dataset.timeout)


def choose_size(config: ExportConfig, description: Description, usual: Size) -> Size:
    """Return the (height, width) of the files' input: as asked for, the checkpoint's, or that of most images."""
    if config.size is not None:
        return to_size(config.size, "size")
    return to_size(find_size(usual, description.preprocessing.size), "size")

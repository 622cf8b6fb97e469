"""An exported file beside the model that it came from, stage by stage: where the two part, and by how much."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from data.errors import InputError
from tasks.export.differences import Difference, join_levels
from tasks.export.matching import Found, align
from tasks.export.verdicts import Judgement, Limit, choose_limit, judge
from tasks.formats.graph import Graph, give_all
from tasks.formats.session import Session, compute
from tasks.formats.settings import Precision

Results = dict[str, np.ndarray]  # of one batch, by stage

HALF_LEVEL = 0.5  # of the 255 grey levels


@dataclass(frozen=True)
class Stage:
    """One stage of a file beside the same of the model.

    Attributes:
        name: of the stage.
        own: difference between file and model.
        shift: between the model on the images and on these changed by half a grey level: how sensitive the stage is.
        judgement: what is said of it.
    """

    name: str
    own: Difference
    shift: Difference
    judgement: Judgement

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; None for what is not finite: the ratio of stages without any difference."""
        sizes = {
            "largest": self.own.largest,
            "typical": self.own.typical,
            "largest_value": self.own.reach,
            "relative_largest": self.own.relative(self.own.largest),
            "relative_typical": self.own.relative(self.own.typical),
            "sensitivity_largest": self.shift.largest,
            "sensitivity_typical": self.shift.typical,
            "relative_sensitivity_largest": self.shift.relative(self.shift.largest),
            "relative_sensitivity_typical": self.shift.relative(self.shift.typical),
            "decibels": self.own.decibels,
            "sensitivity_decibels": self.shift.decibels,
        }
        plain = {name: value if math.isfinite(value) else None for name, value in sizes.items()}
        told = {"limit": str(self.judgement.limit), "verdict": self.judgement.verdict, "passed": self.judgement.passed}
        return {"stage": self.name, "values": self.own.count, **plain, **told}


@dataclass(frozen=True)
class Parity:
    """All stages of a file, first to last.

    Attributes:
        precision: of the file.
        images: that were compared.
        stages: in the order in which they are computed.
    """

    precision: Precision
    images: int
    stages: tuple[Stage, ...]

    @property
    def first(self) -> Stage | None:
        """The first stage that is not as it should be: whatever follows it cannot be blamed."""
        return next((stage for stage in self.stages if not stage.judgement.passed), None)

    @property
    def passed(self) -> bool:
        """Whether every stage is as it should be."""
        return self.first is None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "precision": self.precision,
            "images": self.images,
            "passed": self.passed,
            "first_that_diverges": self.first and self.first.name,
            "stages": [stage.to_dict() for stage in self.stages],
        }


def compare_stages(graph: Graph, session: Session, images: np.ndarray, *, precision: Precision = "fp32") -> Parity:
    """Compare a file with the graph that it was converted from.

    What torch computes is the reference. Numbers are compared as they are, class indices by the share that differs.
    The detections of an image are put side by side by class and overlap first, see `tasks.export.matching.align`, as
    their order says nothing where scores tie; one without a counterpart is compared with an unused place.

    Args:
        graph: the model.
        session: the file of `give_all(graph)`, opened.
        images: (N, H, W, 3) uint8, RGB, of the graph's size.
        precision: of the file, which decides what is asked of it.

    Raises:
        InputError: if there are no images, or the file lacks a stage.
    """
    if not len(images):
        raise InputError("parity: no images; expected at least one")
    whole = give_all(graph)
    own, shift = Differences(whole), Differences(whole)
    generator = torch.Generator().manual_seed(0)
    for batch in split(images, whole.settings.batch or 1):
        pixels = torch.from_numpy(batch)
        signs = torch.randint(0, 2, pixels.shape, generator=generator) * 2 - 1
        reference = run_graph(whole, pixels)
        own.add(reference, run_file(session, whole, pixels))
        shift.add(reference, run_graph(whole, pixels + HALF_LEVEL * signs))
    differences = zip(own.finish().items(), shift.finish().values(), strict=True)
    stages = [
        compare(name, one, two, limit=choose_limit(name, precision, size=graph.settings.size))
        for (name, one), two in differences
    ]
    return Parity(precision, len(images), tuple(stages))


def compare(name: str, own: Difference, shift: Difference, *, limit: Limit) -> Stage:
    """Judge a stage."""
    return Stage(name, own, shift, judge(own, shift, limit))


def split(images: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Give the images in batches of one size; the last is filled up with the first images."""
    for start in range(0, len(images), size):
        yield images[np.arange(start, start + size) % len(images)]


def present(graph: Graph, images: Tensor) -> Tensor:
    """Return images (N, H, W, 3), 0 to 255, as a graph takes them; of integers and of floats alike."""
    if graph.settings.input == "uint8":
        return images
    return images.permute(0, 3, 1, 2).float() * graph.scale + graph.shift  # (N, 3, H, W)


@torch.no_grad()
def run_graph(graph: Graph, images: Tensor) -> Results:
    """Compute every stage by torch."""
    return {name: found.numpy() for name, found in zip(graph.outputs, graph(present(graph, images)), strict=True)}


def run_file(session: Session, graph: Graph, images: Tensor) -> Results:
    """Compute every stage by the file, as numbers.

    Raises:
        InputError: if it lacks one.
    """
    given = compute(session, present(graph, images).numpy())
    missing = [name for name in graph.outputs if name not in given]
    if missing:
        raise InputError(f"parity: the file does not give {missing[0]!r}; expected all of {', '.join(graph.outputs)}")
    return {name: given[name] for name in graph.outputs}


class Differences:
    """The differences of every stage, batch by batch; what several layers give behind each other is taken apart.

    Args:
        graph: with all stages as outputs.

    Attributes:
        stages: by name, in order.
    """

    def __init__(self, graph: Graph) -> None:
        self.levels = graph.levels
        self.stages: dict[str, Difference] = {}

    def add(self, reference: Results, other: Results) -> None:
        """Take the results of a batch."""
        if "boxes" in reference:
            reference, other = align_batch(reference, other)
        for name, values in reference.items():
            for part, (one, two) in self.take_apart(name, values, other[name]).items():
                self.stages.setdefault(part, Difference()).add(one, two)

    def finish(self) -> dict[str, Difference]:
        """Return the differences by stage, in order."""
        for name in self.levels:
            join_levels([self.stages[part] for part in self.name_levels(name)])
        return self.stages

    def name_levels(self, name: str) -> list[str]:
        """Return the names of a stage's levels."""
        return [f"{name}, level {number}" for number in range(1, len(self.levels[name]) + 1)]

    def take_apart(self, name: str, one: np.ndarray, two: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return two results of a stage by level, where it has any."""
        if name not in self.levels:
            return {name: (one, two)}
        cuts = np.cumsum(self.levels[name])[:-1]
        # What is of another shape has no levels, and is beside each of the other's of another shape too.
        ones = np.split(one, cuts, axis=1)
        twos = np.split(two, cuts, axis=1) if one.shape == two.shape else [two] * len(ones)
        return dict(zip(self.name_levels(name), zip(ones, twos, strict=True), strict=True))


def align_batch(reference: Results, other: Results) -> tuple[Results, Results]:
    """Put the detections of each image side by side, all images' behind each other."""
    pairs = [align(one, two) for one, two in zip(list_found(reference), list_found(other), strict=True)]
    ones, twos = (Found(*map(np.concatenate, zip(*side, strict=True))) for side in zip(*pairs, strict=True))
    return reference | ones._asdict(), other | twos._asdict()


def list_found(results: Results) -> list[Found]:
    """Return the detections of each image."""
    return [Found(*found) for found in zip(*(results[name] for name in Found._fields), strict=True)]

"""A run as its folder tells it: every file is optional, and nothing else is read."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from data.bounded import json_values, yaml_values
from data.bounded.content import MOST_BYTES
from data.bounded.csv_rows import read_rows
from data.errors import InputError
from tasks.drawing.curves import Series, read_number, read_series
from tasks.files import ANALYSIS, METRICS
from tasks.models.architecture import name_network
from tasks.runs import forms
from tasks.runs.environment import ENVIRONMENT, read_starts
from tasks.runs.folder import CONFIG, list_logs
from tasks.runs.recording import DATA, MODEL
from tasks.task import KINDS, TASKS

WRITES = "expected what a run writes"


@dataclass(frozen=True)
class Run:
    """What is in the folder of a training run or an evaluation; empty where there is nothing.

    Attributes:
        folder: the run's.
        metrics: metrics.json.
        analysis: analysis.json.
        config: config.yaml.
        data: data.json.
        model: model.json.
        starts: of environment.json, oldest first.
        series: every logged number by name, with its steps.
        speeds: training images a second, by epoch.
    """

    folder: Path
    metrics: dict[str, Any] = field(default_factory=dict)
    analysis: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    starts: list[dict[str, Any]] = field(default_factory=list)
    series: Series = field(default_factory=dict)
    speeds: dict[int, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return the name of the folder."""
        return self.folder.resolve().name

    @property
    def is_training(self) -> bool:
        """Tell a training run from an evaluation."""
        return "trainer" in self.config or bool(self.series)

    @property
    def arch(self) -> dict[str, Any]:
        """Return the architecture: of the model, else as far as the configuration says."""
        return self.model.get("arch") or self.config.get("model") or {}

    @property
    def task(self) -> str | None:
        """Return the kind of task, "detection"; None where nothing says which."""
        for kind, task in KINDS.items():
            if {task.metric, task.label_metric} & self.metrics.keys():
                return kind
        head = self.arch.get("head")
        return self.analysis.get("task") or (TASKS[head].kind if head in TASKS else None)

    @property
    def metric(self) -> str | None:
        """Return the name of the metric that the model is judged by; None where nothing says which."""
        return KINDS[self.task].judge_by(str(self.arch.get("scores"))) if self.task else None

    @property
    def network(self) -> str:
        """Return the name of the network, "SSDLite on MobileNetV3-Small"."""
        return name_network(str(self.arch.get("head", "")), str(self.arch.get("backbone", "")))

    @property
    def train_images(self) -> int | None:
        """Return how many images an epoch has; None where no file says it."""
        images = self.data.get("splits", {}).get("train", {}).get("images")
        scenes = (self.config.get("dataset") or {}).get("scenes") or {}
        return images or scenes.get("train")

    @property
    def speed(self) -> float | None:
        """Return the median over the epochs of training images a second."""
        return median(self.speeds.values()) if self.speeds else None

    @property
    def train_minutes(self) -> float | None:
        """Return how long the training steps took, waiting for data included, evaluation not."""
        if not self.speeds or not self.train_images:
            return None
        return sum(self.train_images / speed for speed in self.speeds.values()) / 60

    @property
    def minutes(self) -> float | None:
        """Return how long the run took from start to end, all starts together; None where one was cut off."""
        seconds = [start.get("seconds") for start in self.starts]
        return None if not seconds or None in seconds else sum(seconds) / 60  # type: ignore[arg-type]


def read_run(folder: Path) -> Run:
    """Read what a run's folder holds.

    Raises:
        InputError: if there is no such folder, or a file in it cannot be read.
    """
    if not folder.is_dir():
        found = "a file" if folder.is_file() else "no such folder"
        raise InputError(f"{folder}: {found}; expected the folder of a run")
    logs = list_logs(folder)
    for path in (*(folder / name for name in (METRICS, ANALYSIS, CONFIG, DATA, MODEL, ENVIRONMENT)), *logs):
        check_inside(folder, path)
    config = read_yaml(folder / CONFIG)
    forms.check_form(forms.Config, config, str(folder / CONFIG))
    return Run(
        folder,
        metrics=read_json(folder / METRICS, forms.Metrics),
        analysis=read_json(folder / ANALYSIS, forms.Analysis),
        config=config,
        data=read_json(folder / DATA, forms.Data),
        model=read_json(folder / MODEL, forms.Model),
        starts=read_starts(folder),
        series=read_series(logs),
        speeds=read_speeds(logs),
    )


def check_inside(folder: Path, path: Path) -> None:
    """Check that a file of a run's folder is not a link to somewhere else, whose content a page would show.

    Raises:
        InputError: if it is.
    """
    if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{path}: a link out of the run's folder; expected the file itself")


def read_json(path: Path, form: type[Any], *, most: int = MOST_BYTES) -> dict[str, Any]:
    """Return the object in a file of at most so many bytes; empty where there is no file.

    Raises:
        InputError: if it is something else, or a field of the form is.
    """
    if not path.is_file():
        return {}
    values = json_values.read_json(path, expected=WRITES, most=most)
    if not isinstance(values, dict):
        raise InputError(f"{path}: holds a {type(values).__name__}; expected a JSON object as a run writes it")
    forms.check_form(form, values, str(path))
    return values


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the configuration in a file, of which nothing is resolved; empty where there is no file.

    Raises:
        InputError: if it is something else.
    """
    if not path.is_file():
        return {}
    values = yaml_values.read_yaml(path, expected="expected a configuration as a run writes it")
    if not isinstance(values, dict):
        raise InputError(f"{path}: holds a {type(values).__name__}; expected a configuration as a run writes it")
    return values


def read_speeds(logs: list[Path]) -> dict[int, float]:
    """Return the training images a second of each epoch, averaged over it, as its last row says."""
    speeds: dict[int, float] = {}
    for log in logs:
        for row in read_rows(log):
            epoch, speed = read_number(row.get("epoch")), read_number(row.get("images_per_second"))
            if math.isfinite(epoch) and 0 < speed < math.inf:
                speeds[int(epoch)] = speed
    return speeds

"""Everything but the weights that a model needs to be used; every checkpoint holds it."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from data.classes import ClassTable
from data.config import DatasetConfig
from data.errors import InputError
from tasks.models.architecture import Arch
from tasks.models.postprocessing import Postprocessing
from tasks.models.preprocessing import Preprocessing
from tasks.parsing import parse, to_plain

VERSION = 2


@dataclass(frozen=True)
class Description:
    """Everything but the weights that a model needs to be used.

    Attributes:
        arch: its layers.
        classes: what its outputs stand for.
        preprocessing: how images enter it.
        postprocessing: how detections leave it; None for a segmenter.
        dataset: the configuration of the data that it was trained on.
        thresholds: the lowest score of a detection that is worth showing, by class; None where none was chosen.

    Raises:
        ValueError: if the thresholds are not one a class.
    """

    arch: Arch
    classes: ClassTable
    preprocessing: Preprocessing
    postprocessing: Postprocessing | None
    dataset: DatasetConfig
    thresholds: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if self.thresholds is not None and len(self.thresholds) != len(self.classes):
            raise ValueError(f"{len(self.thresholds)} thresholds for {len(self.classes)} classes; expected one each")

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, with the version of this layout."""
        return {
            "version": VERSION,
            "arch": asdict(self.arch),
            "classes": self.classes.to_dict(),
            "preprocessing": asdict(self.preprocessing),
            "postprocessing": self.postprocessing and asdict(self.postprocessing),
            "dataset": to_plain(self.dataset),
            "thresholds": self.thresholds and list(self.thresholds),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Description":
        """Rebuild what `to_dict` returned.

        Raises:
            AttributeError, IndexError, KeyError, TypeError, ValueError: if fields are missing, unknown or hold what is
                not allowed.
        """
        if values["version"] != VERSION:
            raise ValueError(f"version {values['version']!r}; this program reads version {VERSION}")
        arch, classes = parse(Arch, values["arch"], "arch"), ClassTable.from_dict(values["classes"])
        if len(classes) != arch.num_classes:
            raise ValueError(f"{len(classes)} classes for {arch.num_classes} outputs")
        postprocessing = values["postprocessing"]
        thresholds = values.get("thresholds")  # checkpoints from before there were any lack the entry
        return cls(
            arch,
            classes,
            parse(Preprocessing, values["preprocessing"], "preprocessing"),
            postprocessing and parse(Postprocessing, postprocessing, "postprocessing"),
            parse(DatasetConfig, values["dataset"], "dataset"),
            None if thresholds is None else tuple(map(float, thresholds)),
        )


def read_description(path: Path, values: dict[str, Any]) -> Description:
    """Rebuild the description that a file holds.

    Raises:
        InputError: naming the field that is missing or wrong.
    """
    try:
        return Description.from_dict(values)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: the description of the model is not readable: {error}") from error

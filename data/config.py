"""The configuration of a data set; checked before anything slow is imported."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from data.samples import IGNORE
from data.sizes import MOST_PIXELS
from data.splits import ROLES, Part, Role

CACHES = ("none", "memory", "disk")
LEAST_CACHE, GB = 1.0, 10**9  # of a cache on the disk: GB at least; bytes of one
MOST_WORKERS = 256
MOST_SCENES = 20_000  # of a split
PATIENCE, LONGEST = 120.0, 86_400.0  # seconds to wait for a batch: unless the user says, and at most

Code = int | Sequence[int]  # a value of a mask, or a colour: red, green, blue
Palette = Mapping[str, Code]


@dataclass(frozen=True)
class DatasetConfig:
    """What conf/dataset/*.yaml holds.

    Attributes:
        name: which format, see `data.datasets`.
        root: folder of the data set.
        train: name of the split to train on, or a list of names: their images, in this order, as those of one split.
        val: name of the split to evaluate on.
        val_share: share of the images of `train` that evaluation takes instead of `val`; None: `val` is there.
        annotations: files of the labels, relative to `root`, by role ("train", "val"), None where the format says
            where they are ("coco", "csv"); of several splits a list with a file for each.
        workers: processes that load data; None for as many as there are cores, at most 8.
        crop: (height, width) that segmenters train on by default.
        names: of the classes, in the order of their indices; None: those of the files. Not for "coco".
        palette: of masks: the value or the colour of each class, by name; None: see `data.formats.mask_classes`.
        ignore: of masks: the value or the colour of pixels that loss and metric ignore.
        multilabel: whether an image may have several labels, or none ("csv").
        scenes: number of scenes to draw, by split ("synthetic").
        least_side: pixels that both sides of a training image keep where its JPEG file is decoded at a part of its
            size; None: it is decoded whole. For boxes.
        cache: where training keeps decoded images: "none", "memory", see `data.cache`, or "disk", `data.disk_cache`.
        cache_gb: GB that all that is kept on the disk takes at most.
        shuffle_block: images that stay near one another in the order of training, see `data.shuffling`; None mixes all.
        shards_gb: GB that all shards on this disk take at most that were fetched from object storage ("stream").
        max_pixels: of an image; a larger one is refused by its header, before it is decoded.
        timeout: seconds to wait for a batch from the processes that load data, see `data.watchdog`.

    Raises:
        ValueError: if there is no such cache or no room for it, the least side is below 1, the share is none, the time
            is not above 0, a list of splits is empty or names one twice, or there is not a file for each.
    """

    name: str
    root: str
    train: str | Sequence[str]
    val: str
    workers: int | None = None
    crop: Sequence[int] | None = None
    val_share: float | None = None
    annotations: dict[Role, str | Sequence[str | None] | None] | None = None
    names: Sequence[str] | None = None
    palette: Palette | None = None
    ignore: Code | None = IGNORE
    multilabel: bool = False
    scenes: dict[str, int] | None = None
    least_side: int | None = None
    cache: str = "none"
    cache_gb: float = 20
    shuffle_block: int | None = None
    shards_gb: float = 20
    max_pixels: int = MOST_PIXELS
    timeout: float = PATIENCE

    def __post_init__(self) -> None:
        if self.workers is not None and not 0 <= self.workers <= MOST_WORKERS:
            raise ValueError(f"workers: {self.workers}; expected an integer from 0 to {MOST_WORKERS}, or null")
        if self.max_pixels < 1:
            raise ValueError(f"max_pixels: {self.max_pixels}; expected an integer from 1")
        if not all(count <= MOST_SCENES for count in (self.scenes or {}).values()):
            raise ValueError(f"scenes: {self.scenes}; expected at most {MOST_SCENES} a split")
        if not 0 < self.timeout <= LONGEST:
            raise ValueError(f"timeout: {self.timeout}; expected seconds above 0, at most {LONGEST:.0f}")
        if self.cache not in CACHES:
            raise ValueError(f"cache: unknown {self.cache!r}; choose from {', '.join(CACHES)}")
        if not LEAST_CACHE <= self.cache_gb < math.inf:
            raise ValueError(f"cache_gb: {self.cache_gb}; expected GB from {LEAST_CACHE:g}")
        if not LEAST_CACHE <= self.shards_gb < math.inf:
            raise ValueError(f"shards_gb: {self.shards_gb}; expected GB from {LEAST_CACHE:g}")
        if self.shuffle_block is not None and self.shuffle_block < 1:
            raise ValueError(f"shuffle_block: {self.shuffle_block}; expected an integer from 1, or null")
        if self.least_side is not None and not (type(self.least_side) is int and self.least_side >= 1):
            raise ValueError(f"least_side: {self.least_side!r}; expected an integer from 1, or null")
        if self.val_share is not None and not (type(self.val_share) in (int, float) and 0 < self.val_share < 1):
            raise ValueError(f"val_share: {self.val_share!r}; expected a number between 0 and 1, or null")
        splits = self._list_splits("train")
        if not splits or len(set(splits)) < len(splits):
            raise ValueError(f"train: {list(splits)}; expected the name of a split, or a list of different names")
        for role in ROLES:
            splits, files = self._list_splits(role), self._list_files(role)
            if len(files) != len(splits):
                cure = f"expected a list of {len(splits)}, a file or null for each of {', '.join(splits)}"
                raise ValueError(f"annotations: {role}: {', '.join(map(str, files))}; {cure}")

    def parts(self, role: Role) -> list[Part]:
        """Return which images a run trains on, or is evaluated on: a part of each split that they are in."""
        source: Role = "train" if self.val_share else role
        splits, files = self._list_splits(source), self._list_files(source)
        return [Part(role, split, self.val_share, file) for split, file in zip(splits, files, strict=True)]

    def describe_part(self, role: Role) -> str:
        """Name the splits that a run trains on, or is evaluated on, and the share of them: "80% of train + extra"."""
        splits = " + ".join(part.split for part in self.parts(role))
        if self.val_share is None:
            return splits
        return f"{self.val_share if role == 'val' else 1 - self.val_share:.0%} of {splits}"

    @property
    def patience(self) -> float:
        """Seconds to wait for storage that does not answer: less than for a batch, as its error says more."""
        return 0.8 * self.timeout

    def whole(self) -> "DatasetConfig":
        """Return the same data set, its images decoded whole."""
        return replace(self, least_side=None)

    def count_workers(self) -> int:
        """Return the number of loading processes: as configured, or one a core, at most 8.

        Processes that torchrun started on this machine divide its cores.
        """
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return min(8, max(1, cores // count_beside())) if self.workers is None else self.workers

    def _list_splits(self, role: Role) -> Sequence[str]:
        """Return the names of the splits that a role has without a share."""
        named = self.train if role == "train" else self.val
        return [named] if isinstance(named, str) else named

    def _list_files(self, role: Role) -> Sequence[str | None]:
        """Return the files of their labels, None for each that the format finds."""
        files = (self.annotations or {}).get(role)
        if files is None:
            return [None] * len(self._list_splits(role))
        return [files] if isinstance(files, str) else files


def count_beside() -> int:
    """Return how many processes torchrun started on this machine, this one included: they divide what it has."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))

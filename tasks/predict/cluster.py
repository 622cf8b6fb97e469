"""A checkpoint on many images, over Ray Data: each node takes parts of them, and writes what it found by itself.

Ray hands out the parts, and hands one out again where a node is lost; its file of results is the same then, so that
each image is in the results once. What goes through Ray are names and receipts, not pixels.
"""

import logging
import socket
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, cast

import ray
import ray.exceptions
from ray.data import ActorPoolStrategy, DataContext

from data.errors import InputError, RunError
from data.escapes import to_utf8
from data.streams.objects import fetch
from data.streams.sources import Read, read_image, refuse
from tasks.files import write_bytes
from tasks.predict.model_files import list_model_files
from tasks.predict.outbox import Outbox
from tasks.predict.parts import Plan, write_part
from tasks.predict.predictor import Predictor
from tasks.predict.prefetch import run_ahead
from tasks.predict.rows import Row, encode_rows, to_row

logger = logging.getLogger(__name__)

AHEAD, FETCHERS = 16, 8  # images that are fetched before their turn; threads that do it
CURE = "the same command goes on with what is missing"


@dataclass(frozen=True)
class Work:
    """What every node is told.

    Attributes:
        checkpoint: its path or name.
        files: that it consists of, by their names; none of one that all nodes know by its name.
        options: of `Predictor`.
        plan: without its images.
        out: where results go.
        patience: seconds to wait for storage that does not answer.
    """

    checkpoint: Path
    files: "dict[str, ray.ObjectRef[bytes]]"
    options: dict[str, Any]
    plan: Plan
    out: str
    patience: float


class PartPredictor:
    """A model on a node, which does one part after the other.

    Args:
        work: what is to be done.
    """

    def __init__(self, work: Work) -> None:
        self._work, self._out = work, Outbox(work.out, patience=work.patience)

    @cached_property
    def _predictor(self) -> Predictor:
        path = self._work.checkpoint
        if not self._work.files:
            return Predictor(path, **self._work.options)
        with tempfile.TemporaryDirectory() as folder:
            for name, content in self._work.files.items():
                file = Path(folder, name)
                file.parent.mkdir(parents=True, exist_ok=True)
                write_bytes(file, ray.get(content))
            return Predictor(Path(folder, path.name), **self._work.options)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Do a part, and return what became of it, or under "error" what it failed at: Ray's errors hide that."""
        try:
            return {**self._do(row), "error": ""}
        except Exception as error:
            logger.exception("part %d", row["part"])
            said = str(error) if isinstance(error, InputError | RunError) else f"{type(error).__name__}: {error}"
            return {"part": row["part"], "images": 0, "failed": 0, "error": f"node {socket.gethostname()}: {said}"}

    def _do(self, row: dict[str, Any]) -> dict[str, Any]:
        """Predict for the images of a part, and write its results and its receipt."""
        places = [str(place) for place in row["images"]]
        found: list[Row | InputError] = []  # of each image a row, or why there is none
        reads = read_ahead(places, patience=self._work.patience, most_pixels=self._predictor.max_pixels)
        for prediction in self._predictor(reads, report=found.append):
            found.append(to_row(prediction))
        pairs = list(zip(places, found, strict=True))
        rows = [each for each in found if not isinstance(each, InputError)]
        failed = {to_utf8(place): to_utf8(str(each)) for place, each in pairs if isinstance(each, InputError)}
        content = encode_rows(rows, self._work.plan.form)
        write_part(self._work.plan, int(row["part"]), self._out, content, images=len(rows), failed=failed)
        return {"part": row["part"], "images": len(rows), "failed": len(failed)}


def read_ahead(places: Sequence[str], *, patience: float, most_pixels: int) -> Iterator[Read]:
    """Fetch images before their turn, and give what reads each.

    Raises:
        AccessError: if this machine has no access to them.
        RunError: if the storage does not answer: nothing is known of its images then.
    """
    fetched = run_ahead(places, partial(fetch, patience=patience), ahead=AHEAD, workers=FETCHERS)
    for place, future in zip(places, fetched, strict=True):
        file = future.result()
        if isinstance(file, InputError):
            yield Read(partial(refuse, file), place)
        else:
            yield Read(partial(read_image, file, place, most_pixels=most_pixels), place)


def run_parts(plan: Plan, parts: Sequence[int], work: Work, *, gpus: bool) -> Iterator[dict[str, Any]]:
    """Have the cluster do parts, and give what became of each, as they come.

    Raises:
        RunError: if a part could not be done, such as where a node has no credentials for the storage.
    """
    resources = ray.cluster_resources()
    most = int(resources.get("GPU" if gpus else "CPU", 1))
    context = DataContext.get_current()
    context.enable_progress_bars = False
    rows = [{"part": part, "images": plan.take(part)} for part in parts]
    data = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
        cast(Any, PartPredictor),  # a class, as Ray says
        fn_constructor_args=(work,),
        compute=ActorPoolStrategy(min_size=1, max_size=max(1, min(most, len(rows)))),
        num_cpus=None if gpus else 1,
        num_gpus=1 if gpus else None,
    )
    try:
        for row in data.iter_rows():
            if row["error"]:
                raise RunError(f"engine=ray: {row['error']}; {CURE}")
            yield row
    except ray.exceptions.RayError as error:
        raise RunError(f"engine=ray: {explain(error)}; {CURE}") from error


def explain(error: Exception) -> str:
    """Return the last line that an error of Ray's says, which is the first error's own."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1][:500]


def has_gpus(accelerator: str) -> bool:
    """Tell whether the cluster's GPUs are to be used, and there are any."""
    return accelerator in ("auto", "gpu") and ray.cluster_resources().get("GPU", 0) > 0


def share(checkpoint: Path) -> "dict[str, ray.ObjectRef[bytes]]":
    """Give the files of a checkpoint to all nodes."""
    return {name: ray.put(path.read_bytes()) for name, path in list_model_files(checkpoint).items()}

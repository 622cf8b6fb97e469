"""Use a checkpoint on pictures and videos: files in, overlays and results out."""

import logging
import time
from collections.abc import Generator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from data.errors import InputError
from tasks.cli.entry import check_new
from tasks.cli.options import to_plain
from tasks.files import write_json
from tasks.predict.prediction import Prediction
from tasks.predict.predictor import Predictor
from tasks.predict.writers import (
    MOST_NAMES,
    CsvResults,
    JsonResults,
    LabelMasks,
    Pictures,
    Tally,
    Videos,
    Writer,
)
from tasks.segmentation.report import PREDICTIONS

logger = logging.getLogger(__name__)

CHOICES = {
    "pictures": ("jpg", "png", "none"),
    "videos": ("mp4", "frames", "none"),
    "results": ("coco", "csv", "png", "none"),
}
INTERRUPTED = 130  # exit status of a command that was stopped by Ctrl-C


def predict(cfg: DictConfig) -> int:
    """Predict for every image of cfg.source and write cfg.out.

    Returns:
        The number of images.

    Raises:
        InputError: if an option, the checkpoint or the source cannot be used; at the end, if single images could not.
        SystemExit: if it was interrupted; what was done until then is written.
    """
    config = to_plain(cfg)
    for field, allowed in CHOICES.items():
        if config[field] not in (*allowed, None):
            raise InputError(f"{field}: unknown {config[field]!r}; choose from {', '.join(allowed)}")
    out, source = Path(str(config["out"])), config["source"]
    check_new(out)
    predictor = Predictor(
        str(config["checkpoint"]),
        **{name: config[name] for name in ("threshold", "classes", "tile", "overlap", "batch_size", "accelerator")},
    )
    results = choose_results(config["results"], predictor)
    skipped: list[InputError] = []
    console = Console(stderr=True, soft_wrap=True)

    def report(error: InputError) -> None:
        skipped.append(error)
        console.print(f"skipped: {error}", markup=False, highlight=False)

    predictions = predictor(source if type(source) is int else str(source), every=config["every"], report=report)
    out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        tally = Tally()
        writers = [*open_writers(out, predictor, {**config, "results": results}, stack=stack), tally]
        count, stopped = write_all(predictions, writers, console)
    logger.info("%s, written to %s%s", tally, out, "; stopped before the end" if stopped else "")
    if stopped:
        raise SystemExit(INTERRUPTED)
    if skipped:
        others = f"{out} holds all the others" if count else "there are no others"
        raise InputError(f"source: {len(skipped)} could not be read, as said above; {others}")
    return count


def choose_results(wanted: str | None, predictor: Predictor) -> str:
    """Return how results are written: as wanted, or else COCO's JSON for boxes and PNG for masks.

    Raises:
        InputError: if the model does not give what the form is for.
    """
    forms = ("coco", "csv", "none") if predictor.detects else ("png", "none")
    if wanted is not None and wanted not in forms:
        gives = "boxes" if predictor.detects else "masks"
        raise InputError(f"results: {wanted}, but the checkpoint gives {gives}; choose from {', '.join(forms)}")
    return wanted or forms[0]


def open_writers(out: Path, predictor: Predictor, config: dict[str, Any], *, stack: ExitStack) -> list[Writer]:
    """Make what writes into `out`, as the options say, and have `stack` close each, even if a later one cannot be made.

    What results hold numbers for is in classes.json.
    """
    table = predictor.description.classes
    columns = zip(table.ids, table.names, table.colors, strict=True)
    write_json(out / "classes.json", [{"id": i, "name": name, "color": list(color)} for i, name, color in columns])
    writers: list[Writer] = []

    def add(writer: Writer) -> None:
        writers.append(stack.enter_context(closing(writer)))

    if config["results"] == "coco":
        add(JsonResults(out / "results.json"))
    if config["results"] == "csv":
        add(CsvResults(out / "results.csv"))
    if config["results"] == "png":
        add(LabelMasks(out / PREDICTIONS))
    if config["pictures"] != "none":
        add(Pictures(out / "pictures", config["pictures"], frames=config["videos"] == "frames"))
    if config["videos"] == "mp4":
        names = predictor.class_names
        add(Videos(out / "videos", names=names if len(names) <= MOST_NAMES else ()))
    return writers


def write_all(predictions: Generator[Prediction], writers: list[Writer], console: Console) -> tuple[int, bool]:
    """Write each prediction as it comes, and show how many.

    Returns:
        The number of images, and whether Ctrl-C came before the end.
    """
    columns = (TextColumn("{task.completed} images, {task.fields[rate]:.1f} a second"), TimeElapsedColumn())
    count, start = 0, time.monotonic()
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with closing(predictions), bar as progress:
        task = progress.add_task("", total=None, rate=0.0)
        try:
            for prediction in predictions:
                for writer in writers:
                    writer.write(prediction)
                count += 1
                progress.update(task, completed=count, rate=count / (time.monotonic() - start))
        except KeyboardInterrupt:
            return count, True
    return count, False

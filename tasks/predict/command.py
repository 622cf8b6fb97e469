"""Use a checkpoint on pictures and videos: files in, overlays and results out."""

import errno
import logging
import time
import traceback
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from data.errors import InputError, first_line
from tasks.cli.folders import check_new, owning
from tasks.cli.terminal import SafeConsole
from tasks.files import write_json
from tasks.parts import Writer
from tasks.predict.classes import describe_classes
from tasks.predict.config import PredictConfig
from tasks.predict.many import predict_many
from tasks.predict.predictor import Predictor
from tasks.predict.writers import Pictures, Videos

if TYPE_CHECKING:
    from tasks.parts import Prediction

logger = logging.getLogger(__name__)

MOST_NAMES = 20  # classes in the legend of a video; more would hide it
DISK_FAILURES = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
INTERRUPTED = 130  # exit status of a command that was stopped by Ctrl-C


def predict(config: PredictConfig) -> int:
    """Predict for every image of config.source and write config.out, here or on a cluster; see `predict_here`."""
    return predict_many(config) if config.engine == "ray" else predict_here(config)


@owning
def predict_here(config: PredictConfig) -> int:
    """Predict for every image of config.source and write config.out.

    Returns:
        The number of images.

    Raises:
        InputError: if an option, the checkpoint or the source cannot be used; at the end, if single images could not.
        SystemExit: if it was interrupted; what was done until then is written.
    """
    out = Path(config.out)
    check_new(out)
    predictor = Predictor(
        config.checkpoint,
        threshold=config.threshold,
        classes=config.classes,
        tile=config.tile,
        overlap=config.overlap,
        batch_size=config.batch_size,
        size=config.size,
        accelerator=config.accelerator,
        max_pixels=config.max_pixels,
    )
    results = choose_results(config.results, predictor)
    skipped: list[InputError] = []
    console = SafeConsole(stderr=True, soft_wrap=True)

    def report(error: InputError) -> None:
        skipped.append(error)
        console.print(f"skipped: {error}", markup=False, highlight=False)
        if config.debug and error.__cause__ is not None:
            traceback.print_exception(error.__cause__)

    predictions = predictor(find_source(config.source), every=config.every, report=report)
    out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        tally = predictor.task.parts.Tally()
        writers = [*open_writers(config, predictor, results=results, stack=stack), tally]
        count, stopped = write_all(predictions, writers, console, report)
    images = "1 image" if count == 1 else f"{count} images"
    logger.info("%s, %s, written to %s%s", images, tally, out, "; stopped before the end" if stopped else "")
    if stopped:
        raise SystemExit(INTERRUPTED)
    if skipped:
        others = f"{out} holds all the others" if count else "there are no others"
        raise InputError(f"source: {len(skipped)} could not be read or written, see above; {others}")
    return count


def find_source(typed: str) -> str | int:
    """Return what was typed as a source: the number of a camera, unless a file or folder has it for a name."""
    return int(typed) if typed.isdecimal() and not Path(typed).exists() else typed


def choose_results(wanted: str | None, predictor: Predictor) -> str:
    """Return how results are written: as wanted, or else in the first form that the task has.

    Raises:
        InputError: if the model does not give what the form is for.
    """
    forms = (*predictor.task.parts.RESULTS, "none")
    if wanted is not None and wanted not in forms:
        finds = predictor.task.finds
        raise InputError(f"results: {wanted}, but the checkpoint gives {finds}; choose from {', '.join(forms)}")
    return wanted or forms[0]


def open_writers(config: PredictConfig, predictor: Predictor, *, results: str, stack: ExitStack) -> list[Writer]:
    """Make what writes into config.out, and have `stack` close each, even if a later one cannot be made.

    What results hold numbers for is in classes.json.
    """
    out = Path(config.out)
    write_json(out / "classes.json", describe_classes(predictor.description.classes))
    writers: list[Writer] = []

    def add(writer: Writer) -> None:
        writers.append(stack.enter_context(closing(writer)))

    if results != "none":
        name, write = predictor.task.parts.RESULTS[results]
        add(write(out / name))
    if config.pictures != "none":
        add(Pictures(out / "pictures", config.pictures, frames=config.videos == "frames"))
    if config.videos == "mp4":
        names = predictor.class_names
        add(Videos(out / "videos", names=names if len(names) <= MOST_NAMES else ()))
    return writers


def write_all(
    predictions: "Generator[Prediction]",
    writers: list[Writer],
    console: Console,
    report: Callable[[InputError], None],
) -> tuple[int, bool]:
    """Write each prediction as it comes, and show how many.

    Args:
        predictions: of the images.
        writers: that take each.
        console: for the bar.
        report: told of each image that a writer fails at; the other writers and images go on.

    Returns:
        The number of images, and whether Ctrl-C came before the end.

    Raises:
        OSError: if no image can be written any more.
    """
    columns = (TextColumn("{task.completed} images, {task.fields[rate]:.1f} a second"), TimeElapsedColumn())
    count, start = 0, time.monotonic()
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with closing(predictions), bar as progress:
        task = progress.add_task("", total=None, rate=0.0)
        try:
            for prediction in predictions:
                for writer in writers:
                    write(writer, prediction, report)
                del prediction  # before the next one is made
                count += 1
                progress.update(task, completed=count, rate=count / (time.monotonic() - start))
        except KeyboardInterrupt:
            return count, True
    return count, False


def write(writer: Writer, prediction: "Prediction", report: Callable[[InputError], None]) -> None:
    """Have a writer write a prediction, and report what it fails at.

    Raises:
        OSError: if it is the disk that failed, as the next image would find it no better.
    """
    try:
        writer.write(prediction)
    except OSError as error:
        if error.errno in DISK_FAILURES:
            raise
        report(describe_failure(prediction, error))
    except InputError as error:
        report(error)
    except Exception as error:
        report(describe_failure(prediction, error))


def describe_failure(prediction: "Prediction", error: Exception) -> InputError:
    """Return what a writer failed at, with the image's file."""
    failure = InputError(
        f"{prediction.file or prediction.name}: cannot be written ({type(error).__name__}: {first_line(error)}); "
        "the others go on"
    )
    failure.__cause__ = error
    return failure

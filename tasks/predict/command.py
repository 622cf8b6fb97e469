"""Use a checkpoint on pictures and videos: files in, overlays and results out."""

import errno
import logging
import time
import traceback
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from data.errors import InputError, first_line
from tasks.cli.folders import make_ready, owning
from tasks.cli.terminal import SafeConsole
from tasks.files import write_json
from tasks.parts import Tally, Writer
from tasks.predict.classes import describe_classes
from tasks.predict.config import PredictConfig
from tasks.predict.joining import Held
from tasks.predict.many import list_options, predict_many
from tasks.predict.predictor import Predictor
from tasks.predict.writers import Pictures, Videos
from tasks.processes import (
    advance,
    count,
    find_share,
    first_goes_first,
    from_first,
    gather,
    is_first,
    wait_for_all,
)

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

    Several processes divide up the files, and the first writes what goes into one file at the end.

    Returns:
        The number of images; in other processes than the first, of its own.

    Raises:
        InputError: if an option, the checkpoint or the source cannot be used; at the end, if single images could not.
        SystemExit: if it was interrupted; what was done until then is written.
    """
    out = Path(config.out)
    from_first(lambda: make_ready(out))
    predictor = Predictor(config.checkpoint, **list_options(config))
    results = choose_results(config.results, predictor)
    skipped: list[InputError] = []
    console = SafeConsole(stderr=True, soft_wrap=True)

    def report(error: InputError) -> None:
        skipped.append(error)
        console.print(f"skipped: {error}", markup=False, highlight=False)
        if config.debug and error.__cause__ is not None:
            traceback.print_exception(error.__cause__)

    predictions = predictor(find_source(config.source), every=config.every, report=report, share=find_share())
    tally = predictor.task.parts.Tally()
    with ExitStack() as stack:
        with first_goes_first():
            writers = open_writers(config, predictor, results=results, stack=stack)
        images, stopped = write_all(predictions, [*writers, tally], console, report)
        if not stopped:
            wait_for_all()
            hand_over(config, predictor, results=results, writers=writers)
    if stopped and count() > 1:  # the others may not have been
        raise SystemExit(INTERRUPTED)
    parts = gather((images, tally, len(skipped)))
    return summarize(parts, out, stopped=stopped) if is_first() else images


def hand_over(config: PredictConfig, predictor: Predictor, *, results: str, writers: list[Writer]) -> None:
    """Of several processes, write the results that are one file."""
    for writer in writers:
        if isinstance(writer, Held):
            name, write = predictor.task.parts.RESULTS[results]
            with ExitStack() as stack:
                writer.hand_over(stack.enter_context(closing(write(Path(config.out) / name))) if is_first() else None)


def summarize(parts: "Sequence[tuple[int, Tally, int]]", out: Path, *, stopped: bool) -> int:
    """Say what came of it, and return the number of images.

    Args:
        parts: of each process the images, what they hold, and how many could not be read or written.
        out: where it is.
        stopped: whether Ctrl-C came before the end.

    Raises:
        InputError: if some could not be read or written.
        SystemExit: if it was stopped.
    """
    number, skipped, tally = sum(part[0] for part in parts), sum(part[2] for part in parts), parts[0][1]
    for part in parts[1:]:
        tally.add(part[1])
    images = "1 image" if number == 1 else f"{number} images"
    logger.info("%s, %s, written to %s%s", images, tally, out, "; stopped before the end" if stopped else "")
    if stopped:
        raise SystemExit(INTERRUPTED)
    if skipped:
        others = f"{out} holds all the others" if number else "there are no others"
        raise InputError(f"source: {skipped} could not be read or written, see above; {others}")
    return number


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

    Several processes each write the files of their own images; what goes into one file they hold back.

    What results hold numbers for is in classes.json.
    """
    out = Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    if is_first():
        write_json(out / "classes.json", describe_classes(predictor.description.classes))
    writers: list[Writer] = []

    def add(writer: Writer) -> None:
        writers.append(stack.enter_context(closing(writer)))

    if results != "none":
        name, write = predictor.task.parts.RESULTS[results]
        add(Held() if count() > 1 and Path(name).suffix else write(out / name))
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
    number, start = 0, time.monotonic()
    shown = console.is_terminal and is_first()
    bar = Progress(*columns, console=console, transient=True, disable=not shown)
    with closing(predictions), bar as progress:
        task = progress.add_task("", total=None, rate=0.0)
        try:
            for prediction in predictions:
                for writer in writers:
                    write(writer, prediction, report)
                del prediction  # before the next one is made
                number += 1
                advance()
                progress.update(task, completed=number, rate=number / (time.monotonic() - start))
        except KeyboardInterrupt:
            return number, True
    return number, False


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

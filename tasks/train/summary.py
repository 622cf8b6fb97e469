"""What a run says at its end: what was best, where it is, how long it took, and the commands to go on with."""

import logging
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.bounded.json_values import read_json
from tasks.cli.display import format_time
from tasks.cli.typed import option, python, task_command
from tasks.runs.folder import WEIGHTS

if TYPE_CHECKING:
    from tasks.parts import Reader

logger = logging.getLogger(__name__)

COMMAND = "  {}"  # an indent, so that a test and a reader find them


def find_image(reader: "Reader") -> Path:
    """Return an image that a reader reads; where they are in shards, the name of a folder of others."""
    path = Path(reader.files.path(0))
    return path if path.is_file() else Path("photos")


def find_other_run(out: Path) -> Path | None:
    """Return the newest finished run of the same task beside this one, if there is any."""
    found = sorted(out.absolute().parent.glob(f"*/{WEIGHTS}"), key=lambda path: path.stat().st_mtime)
    alike = [path.parent.name for path in found if read_metrics(path.parent).keys() == read_metrics(out).keys()]
    others = [name for name in alike if name != out.absolute().name]
    return out.parent / others[-1] if others else None


def read_metrics(run: Path) -> dict[str, Any]:
    """Return the metrics of a run; none where it has none."""
    file = run / "metrics.json"
    return dict(read_json(file, expected="expected metrics")) if file.is_file() else {}


def next_commands(out: Path, *, image: Path, tensorboard: Path | None) -> list[str]:
    """Return the commands that one goes on with: evaluate, predict, compare, watch."""
    model = option("checkpoint", out / WEIGHTS)
    commands = [task_command("evaluate", model), task_command("predict", model, option("source", image))]
    other = find_other_run(out)
    if other is not None:
        commands.append(task_command("compare", shlex.quote(str(out)), shlex.quote(str(other))))
    if tensorboard is not None:
        commands.append(f"{python()} -m tensorboard.main --logdir {shlex.quote(str(tensorboard))}")
    return commands


def log_summary(*, best: str, seconds: float, commands: list[str]) -> None:
    """Log the summary."""
    logger.info("best: %s; %s in total", best, format_time(seconds))
    logger.info("next:")
    for command in commands:
        logger.info(COMMAND.format(command))

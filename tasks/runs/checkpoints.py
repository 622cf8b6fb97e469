"""The checkpoints of a run: which are whole, and which of them is the newest."""

import logging
from collections.abc import Sequence
from pathlib import Path

from data.errors import InputError
from tasks.models.pretrained.state_files import load_pickled, read_state_file
from tasks.runs.folder import CHECKPOINTS, LAST

logger = logging.getLogger(__name__)

NEEDED = ("loops", "callbacks", "optimizer_states", "lr_schedulers")  # beside weights, to go on


def list_checkpoints(out: Path) -> list[Path]:
    """Return the checkpoints of a run, in the order of their names."""
    return sorted(path for path in (out / CHECKPOINTS).glob("[!.]*.ckpt") if path.is_file())


def find_newest(out: Path) -> Path:
    """Return the newest checkpoint of a run that is whole; others are named.

    Raises:
        InputError: if none is, naming each and what is wrong with it; if one is whole, but no checkpoint of a run.
    """
    found, faults = [], []
    for path in list_checkpoints(out):
        try:
            read_state_file(path)
        except InputError as error:
            faults.append(str(error))
        else:
            found.append((read_step(path), path.name == LAST, path))  # of two of the same step the last
    if not found:
        raise InputError(f"{out} holds no checkpoint that is whole: {'; '.join(faults)}")
    step, _, newest = max(found)
    for fault in faults:
        logger.warning("passed over: %s", fault)
    if faults:
        logger.warning("%s, of step %d, the newest that is whole, takes its place", newest, step)
    return newest


def read_step(path: Path) -> int:
    """Return how many optimizer steps a checkpoint, which is whole, has behind it.

    Raises:
        InputError: if it is no checkpoint of a run.
    """
    content = load_pickled(path)
    missing = [name for name in NEEDED if not content.get(name)]
    step = content.get("global_step")
    if missing or not isinstance(step, int):
        raise lacking(path, missing or ["global_step"])
    return step


def lacking(path: Path, missing: Sequence[str]) -> InputError:
    """Return the error of a checkpoint that no run can go on from."""
    return InputError(
        f"resume: {path} holds no {', '.join(missing)}; expected a checkpoint as training writes it; "
        f"weights={path} starts a new run from its weights"
    )

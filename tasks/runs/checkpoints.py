"""The checkpoints of a run: which are whole, and which of them is the newest."""

import logging
from pathlib import Path

import torch

from data.errors import InputError
from tasks.models.pretrained.state_files import KEY, read_state_file
from tasks.runs.folder import CHECKPOINTS

logger = logging.getLogger(__name__)

LAST = "last"  # name of the file that is taken of two of the same step


def list_checkpoints(out: Path) -> list[Path]:
    """Return the checkpoints of a run, in the order of their names."""
    return sorted(path for path in (out / CHECKPOINTS).glob("[!.]*.ckpt") if path.is_file())


def find_newest(out: Path) -> Path:
    """Return the newest checkpoint of a run that is whole; others are named.

    Raises:
        InputError: if none is, naming each and what is wrong with it.
    """
    found, faults = [], []
    for path in list_checkpoints(out):
        try:
            found.append((read_step(path), path.stem == LAST, path))
        except InputError as error:
            faults.append(str(error))
    if not found:
        raise InputError(f"resume: {out} holds no checkpoint that is whole: {'; '.join(faults)}")
    step, _, newest = max(found)
    for fault in faults:
        logger.warning("passed over: %s", fault)
    if faults:
        logger.warning("the run goes on from %s, of step %d, the newest that is whole", newest, step)
    return newest


def read_step(path: Path) -> int:
    """Return how many optimizer steps a checkpoint has behind it.

    Raises:
        InputError: if it is damaged, or no checkpoint of a run.
    """
    read_state_file(path)
    content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    step = content.get("global_step")
    if KEY not in content or not isinstance(step, int):
        raise InputError(f"{path}: weights alone; expected a checkpoint of a run, which has its optimizer's state too")
    return step

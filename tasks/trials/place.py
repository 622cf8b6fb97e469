"""The folder of a search: its drivers share it, and it belongs to one study."""

import secrets
import time
from contextlib import ExitStack
from pathlib import Path

from optuna.study import Study

from data.bounded.json_values import read_json
from data.errors import InputError
from tasks.cli.folders import check_new
from tasks.files import write_json
from tasks.trials.claims import try_lock
from tasks.trials.folder import TRIALS

MARK = "study.json"  # in the folder: of which study it is
TOKEN, FOLDER = "token", "folder"  # in there and in the study, the same; in the study: where the folder is
PAUSE = 0.1  # seconds


def make_place(out: Path) -> None:
    """Make the folder of a search, unless it is there.

    Raises:
        InputError: if it holds anything else, or cannot be made.
    """
    if not (out / TRIALS).is_dir():
        check_new(out)
        (out / TRIALS).mkdir(parents=True, exist_ok=True)


def bind(study: Study, out: Path) -> None:
    """Check that a folder belongs to a study, whose runs it has; a new one is bound to it.

    Raises:
        InputError: if either belongs to another.
    """
    with ExitStack() as turn:
        while not try_lock(out, turn):
            time.sleep(PAUSE)
        mark, known = read_mark(out), study.user_attrs.get(TOKEN)
        if known is None and (mark is None or study.get_trials(deepcopy=False)):
            mark, known = None, secrets.token_hex(8)
            study.set_user_attr(TOKEN, known)
            study.set_user_attr(FOLDER, str(out.absolute()))
        if mark is None and not any((out / TRIALS).iterdir()) and not study.get_trials(deepcopy=False):
            write_json(out / MARK, {"study": study.study_name, TOKEN: known})
        elif mark != known:
            place = study.user_attrs.get(FOLDER)
            raise InputError(
                f"out: {out} is not the folder of the study {study.study_name!r} in this storage; expected "
                f"{place or 'another one'}, or study=NAME for another study"
            )


def read_mark(out: Path) -> str | None:
    """Return the token of the study that a folder belongs to; None where it belongs to none."""
    path = out / MARK
    if not path.is_file():
        return None
    values = read_json(path, expected="expected what a search writes")
    return str(values.get(TOKEN)) if isinstance(values, dict) else ""

"""The folder of a search: its drivers share it, and it belongs to one study."""

import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from optuna.study import Study

from data.bounded.json_values import read_json
from data.errors import InputError
from tasks.cli.folders import check_new
from tasks.files import write_json
from tasks.trials.claims import try_lock
from tasks.trials.folder import TRIALS
from tasks.trials.plan import Plan
from tasks.trials.settings import TrialSettings
from tasks.trials.study import open_study

MARK = "study.json"  # in the folder: of which study it is
TOKEN, FOLDER = "token", "folder"  # in there and in the study, the same; in the study: where the folder is
PAUSE = 0.1  # seconds


def make_place(out: Path) -> None:
    """Make the folder of a search, unless it is there.

    Raises:
        InputError: if it holds anything else, or cannot be made.
    """
    try:
        if not (out / TRIALS).is_dir():
            check_new(out)
            (out / TRIALS).mkdir(parents=True, exist_ok=True)
    except InputError:
        if not (out / TRIALS).is_dir():  # else another driver has just made it
            raise


def open_place(settings: TrialSettings, plan: Plan, *, out: Path, interval: int, seed: int) -> Study:
    """Make the folder of a search and open its study, or those that there are; one driver does so at a time.

    Args:
        settings: of the search.
        plan: what is tried.
        out: the folder.
        interval: epochs from one evaluation of a trial to the next.
        seed: of what is chosen.

    Raises:
        InputError: if the folder or the storage cannot be used, or is of another search.
    """
    make_place(out)
    with taking_turns(out):
        study = open_study(settings, plan.definition, out=out, interval=interval, seed=seed)
        bind(study, out)
    return study


@contextmanager
def taking_turns(out: Path) -> Iterator[None]:
    """Hold the folder of a search while the context lasts, once no other driver does."""
    with ExitStack() as turn:
        while not try_lock(out, turn):
            time.sleep(PAUSE)
        yield


def bind(study: Study, out: Path) -> None:
    """Check that a folder belongs to a study, whose runs it has; a new one is bound to it, the folder last.

    Raises:
        InputError: if either belongs to another.
    """
    mark, known, place = read_mark(out), study.user_attrs.get(TOKEN), study.user_attrs.get(FOLDER)
    if mark is None and known is None:
        known, place = secrets.token_hex(8), str(out.absolute())
        study.set_user_attr(FOLDER, place)
        study.set_user_attr(TOKEN, known)
    if mark is None and place == str(out.absolute()) and not study.get_trials(deepcopy=False):
        mark = known  # new, or its driver was killed before it wrote this
        write_json(out / MARK, {"study": study.study_name, TOKEN: known})
    if known is None:
        raise InputError(
            f"out: {out} is the folder of a study that this storage does not have; expected the storage= that it was "
            "begun with, or another folder"
        )
    if mark != known:
        raise InputError(
            f"out: {out} is not the folder of the study {study.study_name!r} in this storage; expected {place} with "
            f"the runs and {MARK} in it, or study=NAME for another study"
        )


def read_mark(out: Path) -> str | None:
    """Return the token of the study that a folder belongs to; None where it belongs to none."""
    path = out / MARK
    if not path.is_file():
        return None
    values = read_json(path, expected="expected what a search writes")
    return str(values.get(TOKEN)) if isinstance(values, dict) else ""

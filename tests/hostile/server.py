"""Runs hostile files, each in a process of its own that is forked from one with all imports done.

Usage:
    python -m tests.hostile.server FOLDER PART PARTS [MOST [WORD]]

Prints a line of JSON for each PARTS-th case from PART on, of the first MOST of those with WORD in their names.
"""

import importlib
import json
import os
import resource
import shutil
import signal
import sys
import time
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.hostile.case import CANARY, SECRET, Case

PATIENCE = 120  # seconds until a case is ended
MOST_DATA = 12 * 2**30  # bytes of a process, so that a bomb does not take the machine with it
VALUE = "not-for-anyone-91823"  # of the secret
QUICK = (
    *("task=ssdlite", "backbone=small", "size=64", "batch_size=2", "trainer.max_epochs=1", "trainer.accelerator=cpu"),
    *("logger=csv", "dataset.workers=0", "trainer.log_images=0"),
)


SCENES = ("dataset.root=scenes", "dataset.scenes={train: 4, val: 2}")
GROUPS = {"{quick}": QUICK, "{scenes}": SCENES}


@dataclass
class Outcome:
    """How a command that was given a hostile file ended.

    Attributes:
        name: of the case.
        status: the exit status; below 0 where a signal ended it.
        seconds: that it took.
        gigabytes: the most memory that it took.
        said: the end of what it wrote to the terminal.
        faults: what must not have happened.
    """

    name: str
    status: int
    seconds: float
    gigabytes: float
    said: str
    faults: list[str]


def run_case(case: Case, folder: Path, base: Path) -> Outcome:
    """Build a hostile file, give it to its command, and look at what came of it."""
    here = folder / "here"
    shutil.rmtree(here, ignore_errors=True)
    here.mkdir(parents=True)
    case.build(here, base)
    clear_canary()
    said, start = folder / "said", time.monotonic()
    child = os.fork()
    if child == 0:
        act(case, here, base, said)
    _, status, used = os.wait4(child, 0)
    seconds, gigabytes = time.monotonic() - start, used.ru_maxrss / 2**20
    text = said.read_text(encoding="utf-8", errors="replace")
    faults = list(find_faults(os.waitstatus_to_exitcode(status), text, here))
    shutil.rmtree(here, ignore_errors=True)
    code = os.waitstatus_to_exitcode(status)
    return Outcome(case.name, code, round(seconds, 2), round(gigabytes, 2), text[-600:], faults)


def clear_canary() -> None:
    """Remove the canary."""
    if CANARY.is_dir():
        shutil.rmtree(CANARY)
    CANARY.unlink(missing_ok=True)


def find_faults(status: int, text: str, here: Path) -> list[str]:
    """Return what must not have happened, but for time and memory."""
    faults = []
    if CANARY.exists():
        faults.append("ran")
    if status not in (0, 1, 2):
        faults.append(f"status {status}")
    if "Traceback" in text or "internal error" in text:
        faults.append("traceback")
    if any(sign in text for sign in ("\x1b", "\x07", "\u202e")):
        faults.append("commands the terminal")
    written = [path for path in here.rglob("*") if path.suffix in (".html", ".json", ".yaml") and path.is_file()]
    if VALUE in text or any(VALUE in path.read_text(errors="replace") for path in written if not path.is_symlink()):
        faults.append("secret")
    return faults


def act(case: Case, here: Path, base: Path, said: Path) -> None:
    """Be the process of a command; does not return."""
    file = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.environ[SECRET] = VALUE
    os.chdir(here.parent)
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_DATA, MOST_DATA))
    signal.alarm(PATIENCE)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", errors="backslashreplace") for number in (1, 2))
    status = 1
    try:
        status = run_words(
            [word.format(here=here, base=base, quick="{quick}", scenes="{scenes}") for word in case.words]
        )
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status or 0)


def run_words(words: list[str]) -> int:
    """Do what `python -m tasks.NAME OPTIONS` does."""
    name, *options = words
    if name in ("report", "open"):
        from tasks.cli.entry import clear_errors
        from tasks.cli.terminal import guarded

        with guarded(), clear_errors(debug=False):
            run_inner(name, options)
        return 0
    options = [option for word in options for option in GROUPS.get(word, (word,))]
    sys.argv = [name, *options]
    main = importlib.import_module(f"tasks.{name}.__main__").main
    main(options) if name == "compare" else main()
    return 0


def run_inner(name: str, options: list[str]) -> None:
    """Do what commands do without having one of their own."""
    if name == "report":
        from tasks.report.page import write_page

        write_page(Path(options[0]))
        return
    from tasks.demo.command import load_app
    from tasks.demo.samples import make_thumbnail

    app = load_app(Path(options[0]), host="127.0.0.1", accelerator="cpu")
    samples: Any = next((value for key, value in app.items() if "samples" in str(key).lower()), [])
    for path in samples:
        make_thumbnail(path)


def warm() -> None:
    """Import what the commands do."""
    for name in ("train", "evaluate", "predict", "export", "doctor", "compare", "demo", "benchmark"):
        importlib.import_module(f"tasks.{name}.__main__")
        importlib.import_module(f"tasks.{name}.command")


def main() -> None:
    """Run a part of the cases."""
    folder, part, parts = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    most, word = int(sys.argv[4]) if len(sys.argv) > 4 else 10**6, sys.argv[5] if len(sys.argv) > 5 else ""
    from tests.hostile.corpus import CASES

    warm()
    own = folder / str(part)
    for case in [case for case in CASES if word in case.name][:most][part::parts]:
        sys.stdout.write(json.dumps(asdict(run_case(case, own, folder / "base"))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

"""What costs seconds and changes for no test is made once, by the test process that needs it first."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import FileLock


def make_once(path: Path, make: Callable[[], Any]) -> Any:
    """Return what `make` returned, out of a file that all test processes see; whoever finds none makes it.

    Args:
        path: of a JSON file.
        make: returns what JSON can hold.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if not path.is_file():
            path.write_text(json.dumps(make()))
    return json.loads(path.read_text())

"""Commands of this project as one types them, quoted where they must be."""

import re
import shlex
import shutil
import sys
from pathlib import Path

PLAIN = re.compile(r"[\w./:%+@-]+")  # what Hydra and a shell take without quotes


def python() -> str:
    """Return how the user started Python, as it can be typed again."""
    found = shutil.which("python")
    if (
        found
        and Path(found).resolve() == Path(sys.executable).resolve()
        and Path(found).parent == Path(sys.prefix, "bin")
    ):
        return "python"
    executable = Path(sys.executable)
    here = Path.cwd()
    return shlex.quote(str(executable.relative_to(here) if executable.is_relative_to(here) else executable))


def option(name: str, value: object) -> str:
    """Return an option as it is typed, quoted for Hydra and the shell where it must be."""
    text = str(value)
    if PLAIN.fullmatch(text):
        return f"{name}={text}"
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return shlex.quote(f"{name}='{escaped}'")


def task_command(name: str, *options: str) -> str:
    """Return a command of this project as it is typed."""
    return " ".join([python(), "-m", f"tasks.{name}", *options])

"""Options of a training as Hydra takes them, one word each."""

from tasks.cli.typed import PLAIN
from tasks.parsing import Plain, write_value


def write_option(name: str, value: Plain) -> str:
    """Return an option that means just this value."""
    return f"{name}={write_hydra(value)}"


def write_hydra(value: Plain) -> str:
    """Return a plain value in Hydra's grammar; text that is more than a word is quoted."""
    if isinstance(value, list):
        return f"[{','.join(map(write_hydra, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{key}:{write_hydra(entry)}' for key, entry in value.items())}}}"
    if not isinstance(value, str) or PLAIN.fullmatch(value):
        return write_value(value)
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"

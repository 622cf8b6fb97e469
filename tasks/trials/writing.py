"""Options of a training as Hydra takes them, one word each."""

from collections.abc import Sequence

from tasks.cli.typed import PLAIN
from tasks.parsing import SPREAD, Plain, list_options, typed_fields, write_value
from tasks.train.config import TrainConfig


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


def drop_options(typed: Sequence[str], command: type, *, besides: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the options of a search's command line that are those of its trainings.

    Args:
        typed: all of them.
        command: the dataclass of its options, those of a training among them.
        besides: options of a training that are left out, too.
    """
    own = set(besides)
    for each, kind in typed_fields(command):
        if not each.metadata.get(SPREAD):
            own.add(each.name)
        elif kind is not TrainConfig:
            own |= list_options(kind).keys()
    return tuple(option for option in typed if option.partition("=")[0].lstrip("+") not in own)

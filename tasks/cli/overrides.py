"""What is wrong with a command line, in one line: the option that is meant, the choices that there are."""

import difflib
from dataclasses import dataclass
from typing import Any

from hydra import compose
from hydra._internal.utils import get_args_parser
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException, OverrideParseException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

import conf
from data.errors import InputError
from tasks.cli.composing import composing
from tasks.parsing import flatten

INPUT = 2  # exit status
SHOWN = 3  # suggestions at most
# What other trainers call an option, and its name here.
ELSEWHERE = {
    "batch": "batch_size",
    "bs": "batch_size",
    "ckpt": "checkpoint",
    "conf": "threshold",
    "data": "dataset.root",
    "device": "trainer.accelerator",
    "epochs": "trainer.max_epochs",
    "gpu": "trainer.accelerator",
    "gpus": "trainer.accelerator",
    "imgsz": "size",
    "img_size": "size",
    "input": "source",
    "learning_rate": "lr",
    "model": "task",
    "num_workers": "dataset.workers",
    "output": "out",
    "patience": "trainer.early_stopping",
    "pretrained": "weights",
}


@dataclass(frozen=True)
class CommandLine:
    """What was typed.

    Attributes:
        name: of the command.
        arguments: behind it.
    """

    name: str
    arguments: tuple[str, ...]

    @property
    def debug(self) -> bool:
        """Tell whether tracebacks are asked for; Hydra may not get as far as to say."""
        return "debug=true" in self.arguments

    @property
    def help(self) -> str:
        """Return where all options stand."""
        return f"(all options: python -m tasks.{self.name} --help)"


def check_flags(line: CommandLine) -> None:
    """Refuse options with dashes, but Hydra's own.

    Raises:
        InputError: naming the first one.
    """
    unknown = [argument for argument in get_args_parser().parse_known_args(line.arguments)[1] if argument[0] == "-"]
    if unknown:
        name, _, value = unknown[0].lstrip("-").partition("=")
        name = name.replace("-", "_")
        name = name if name in list_options(line) else ELSEWHERE.get(name, name)
        raise InputError(
            f"{unknown[0]}: options are written without dashes; expected {name}={value or 'VALUE'} {line.help}"
        )


def explain_override(error: BaseException, line: CommandLine) -> tuple[str, int] | None:
    """Say what Hydra refuses, and what may have been meant; None for an error that is not Hydra's.

    Returns:
        The message and the exit status.
    """
    if not isinstance(error, HydraException | OmegaConfBaseException):
        return None
    if isinstance(error, MissingConfigException) and error.options:
        group, _, choice = str(error.missing_cfg_file).rpartition("/")
        nearest = difflib.get_close_matches(choice, error.options, 1)
        meant = f"did you mean {group}={nearest[0]}? " if nearest else ""
        return f"{group}={choice}: no such choice; {meant}choose from {', '.join(error.options)}", INPUT
    if isinstance(error, OverrideParseException):
        return explain_syntax(error.override), INPUT
    text = str(error)
    if isinstance(error, ConfigCompositionException) and text.startswith("Ambiguous value"):
        given = text.split("'")[1]
        name, _, value = given.partition("=")
        return f"{given}: several values; for a list write '{name}=[{value}]'", INPUT
    if isinstance(error, ConfigCompositionException) and text.startswith("Could not override"):
        return f"{suggest(text.split(chr(39))[1], line)} {line.help}", INPUT
    cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else None
    said = [part.splitlines()[0] for part in (text, str(cause or "")) if part]
    return f"{': '.join(said)} {line.help}", INPUT


def explain_syntax(override: str) -> str:
    """Say what is wrong with an argument that Hydra cannot read."""
    if "=" not in override:
        return f"{override}: no value; expected NAME=VALUE"
    name, _, value = override.partition("=")
    found = f"{override}: cannot be read"
    if any(sign in value for sign in "=,()[]{}'\" "):
        return f"{found}; put special characters in two pairs of quotes: \"{name}='...'\"; a list is '{name}=[1,2]'"
    return f"{found}; expected NAME=VALUE"


def suggest(name: str, line: CommandLine) -> str:
    """Say that there is no option of this name, and which are near."""
    options = list_options(line)
    near = [ELSEWHERE[name]] if ELSEWHERE.get(name) in options else find_near(name, options)
    return f"{name}: there is no such option" + (f"; did you mean {' or '.join(near)}?" if near else "")


def find_near(name: str, options: list[str]) -> list[str]:
    """Return the options whose last part is that of a name, or nearly; those of the same first part come first."""
    first, _, last = name.rpartition(".")
    parts = {option.rpartition(".")[2]: option for option in reversed(options)}
    near = [parts[part] for part in difflib.get_close_matches(last, parts, SHOWN, cutoff=0.7)]
    beside = difflib.get_close_matches(name, [o for o in options if o.startswith(f"{first}.")], SHOWN, cutoff=0.85)
    return list(dict.fromkeys([*beside, *near]))[:SHOWN]


def list_options(line: CommandLine) -> list[str]:
    """Return the names of all options of a command, as it is composed with the groups that were chosen."""
    groups = [path.name for path in conf.FOLDER.iterdir() if path.is_dir()]
    chosen = [argument for argument in line.arguments if argument.partition("=")[0] in groups]
    with composing():
        try:
            config = compose(line.name, chosen)
        except (HydraException, OmegaConfBaseException):
            config = compose(line.name)
    values: Any = OmegaConf.to_container(config, resolve=False)
    names = flatten(values)
    above = {name[:end]: None for name in names for end, sign in enumerate(name) if sign == "."}
    return [*groups, *above, *names]

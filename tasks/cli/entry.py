"""What all commands share: their start through Hydra, errors as one clear line, folders that are never overwritten."""

import functools
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

import conf
from data.errors import InputError
from tasks.cli.failures import explain
from tasks.cli.overrides import CommandLine, check_flags, explain_override

STOPPED = 130  # exit status of a command that Ctrl-C ended, as shells have it
UNREMARKABLE = (  # warnings of Lightning's about what is meant so
    ".*does not have many workers.*",
    ".*smaller than the logging interval.*",
    ".*but have no `val_dataloader`.*",
    ".*Total length of `list` across ranks is zero.*",
    "Checkpoint directory .* exists and is not empty",  # of a resumed run; `check_new` refuses it elsewhere
)
FULL_ERROR = "HYDRA_FULL_ERROR"  # with it Hydra hands its errors on, in place of printing them


def command(name: str) -> Callable[[Callable[[DictConfig], Any]], Callable[[], None]]:
    """Turn a function of a configuration into the command `python -m tasks.NAME`, configured by conf/NAME.yaml.

    Whatever goes wrong, in Hydra or in the function, ends as one line on stderr and an exit status other than 0.
    """

    def decorate(function: Callable[[DictConfig], Any]) -> Callable[[], None]:
        @functools.wraps(function)
        def configured(cfg: DictConfig) -> None:
            with clear_errors(debug=cfg.debug, config=cfg):
                function(cfg)

        @functools.wraps(function)
        def run() -> None:
            line = CommandLine(name, tuple(sys.argv[1:]))
            with clear_errors(debug=line.debug, line=line):
                check_flags(line)
                os.environ.setdefault(FULL_ERROR, "1")
                hydra.main(config_path=str(conf.FOLDER), config_name=name, version_base="1.3")(configured)()

        return run

    return decorate


@contextmanager
def clear_errors(
    *, debug: bool, config: Mapping[Any, Any] | None = None, line: CommandLine | None = None
) -> Iterator[None]:
    """Turn what is raised into one line on stderr and an exit status; with `debug` let it pass with its traceback.

    Status 2 is for what the user can put right in the command or the data, 1 for what the machine or this program
    failed at, 130 for Ctrl-C.

    Args:
        debug: whether the user wants tracebacks.
        config: of the command, for advice on memory.
        line: what was typed, to explain what Hydra makes of it.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        _leave(f"stopped: {error}" if str(error) else "stopped", STOPPED)
    except SystemExit as error:
        if error.code == STOPPED or not isinstance(error.__context__, KeyboardInterrupt):
            raise
        _leave("stopped", STOPPED)  # Lightning's answer to Ctrl-C
    except BrokenPipeError:  # whoever read the output, such as `head`, has seen enough
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115  # so that nothing fails at exit
        raise SystemExit(0) from None
    except Exception as error:
        if debug:
            raise
        message, status = (line and explain_override(error, line)) or explain(error, config)
        _leave(f"error: {message}", status)


def _leave(message: str, status: int) -> None:
    sys.stderr.write(f"{message}\n")
    raise SystemExit(status) from None


def quiet_libraries() -> None:
    """Keep Lightning's notes and tips off the screen; call it after Lightning is imported, which sets its own level."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="lightning.pytorch.utilities._pytree")
    for message in UNREMARKABLE:
        warnings.filterwarnings("ignore", message=message)


def check_new(out: Path) -> None:
    """Refuse a folder that holds anything, or that cannot be made.

    Raises:
        InputError: naming the folder.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"out: {out} exists and is not empty; expected a new folder, so that nothing is lost")
    parent = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    if not parent.is_dir():
        raise InputError(f"out: {out} cannot be made, as {parent} is a file; expected a new folder")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise InputError(f"out: {out} cannot be written, as {parent} is read-only for you; expected out=DIR elsewhere")

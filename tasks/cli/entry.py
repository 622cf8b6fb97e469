"""What all commands share: their start through Hydra, errors as one clear line, folders that are never overwritten."""

import functools
import io
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar, get_type_hints

import hydra
from omegaconf import DictConfig

import conf
from tasks.cli.failures import Stopped, explain
from tasks.cli.options import keep_text, name_table, read_options
from tasks.cli.overrides import CommandLine, check_flags, explain_override
from tasks.cli.terminal import guarded
from tasks.torchrun import check_alone

Config = TypeVar("Config")
STOPPED = 130  # exit status of a command that Ctrl-C ended, as shells have it
FULL_ERROR = "HYDRA_FULL_ERROR"  # with it Hydra hands its errors on, in place of printing them
# How often a thread of torch's looks for work before it sleeps: as libgomp has it where threads outnumber cores. Its
# usual 300,000 times hold up other programs and the loading processes, which it does not see, and these the threads.
SPINNING = {"GOMP_SPINCOUNT": "1000"}


def command(name: str, *, several: bool = False) -> Callable[[Callable[[Config], object]], Callable[[], None]]:
    """Turn a function of a configuration into the command `python -m tasks.NAME`, configured by conf/NAME.yaml.

    The function's argument is annotated with the dataclass of the command's options. Whatever goes wrong, in Hydra or
    in the function, ends as one line on stderr and an exit status other than 0.
    """

    def decorate(function: Callable[[Config], object]) -> Callable[[], None]:
        kind: type[Config] = get_type_hints(function)["config"]

        @functools.wraps(function)
        def configured(cfg: DictConfig) -> None:
            with clear_errors(debug=cfg.debug, config=cfg):
                function(read_options(kind, cfg))

        @functools.wraps(function)
        def run() -> None:
            line = CommandLine(name, tuple(sys.argv[1:]))
            if isinstance(sys.stdout, io.TextIOWrapper):
                sys.stdout.reconfigure(errors="backslashreplace")  # as stderr is: names of files need not be UTF-8
            with guarded(), clear_errors(debug=line.debug, line=line):
                check_flags(line)
                if not several:
                    check_alone(name)
                for variable, value in {FULL_ERROR: "1", **SPINNING}.items():  # before torch is imported
                    os.environ.setdefault(variable, value)
                arguments = [each for argument in line.arguments for each in name_table(argument)]
                sys.argv[1:] = [keep_text(argument, kind) for argument in arguments]
                hydra.main(config_path=str(conf.FOLDER), config_name=name, version_base="1.3")(configured)()

        return run

    return decorate


@contextmanager
def clear_errors(
    *, debug: bool, config: Mapping[Any, Any] | None = None, line: CommandLine | None = None
) -> Iterator[None]:
    """Turn what is raised into one line on stderr and an exit status; with `debug` let it pass with its traceback.

    Status 2 is for what the user can put right in the command or the data, 1 for what the machine or this program
    failed at, 130 for Ctrl-C, 128 and the number of another signal.

    Args:
        debug: whether the user wants tracebacks.
        config: of the command, for advice on memory.
        line: what was typed, to explain what Hydra makes of it.
    """
    try:
        yield
    except Stopped as stop:
        _leave(str(stop), stop.status)
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

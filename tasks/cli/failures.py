"""What went wrong while a command ran, in one line: what it was, and what to try."""

import errno
import traceback
from collections.abc import Mapping
from pathlib import Path
from signal import Signals
from typing import Any

from data.errors import InputError, RunError
from tasks.files import WriteError

OURS = Path(__file__).parents[2]  # the folder that all of this program's packages lie in
MEMORY = ("can't allocate memory", "out of memory", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
KILLED = ("is killed by signal: Killed", "out of shared memory", "Shared memory manager connection has timed out")
NO_SHARED_MEMORY = ("unable to allocate shared memory", "unable to write to file </torch")
FEWER = "try dataset.workers=0, or fewer than now"
ON_GPU = ("CUDA", "CUBLAS", "MPS")
INPUT, FAILURE = 2, 1  # exit statuses


class Stopped(BaseException):
    """A signal ended the command; what was done is kept.

    Args:
        signal: which.
        hint: how to go on.

    Attributes:
        status: the command's exit status, as shells have it.
    """

    def __init__(self, signal: Signals, hint: str = "") -> None:
        super().__init__(f"stopped by {signal.name}{hint and f'; {hint}'}")
        self.signal = signal
        self.status = 128 + signal


def find_stop(error: BaseException | None) -> Stopped | None:
    """Return the signal in the course of which an error came, as where what was under way fails to be torn down."""
    while error is not None and not isinstance(error, Stopped):
        error = error.__context__
    return error


def explain(error: BaseException, config: Mapping[Any, Any] | None = None) -> tuple[str, int]:
    """Say what went wrong.

    Args:
        error: as it was raised.
        config: of the command; its batch size stands in advice on memory.

    Returns:
        The message, and the exit status: 2 for what the user can put right, 1 for what failed.
    """
    if isinstance(error, InputError):
        return last_message(error), INPUT
    if isinstance(error, RunError):
        return last_message(error), FAILURE
    if runs_out_of_memory(error):
        return advise_on_memory(error, config or {}), FAILURE
    if any(sign in str(error) for sign in NO_SHARED_MEMORY):
        return f"/dev/shm is full (in a container: --shm-size); {FEWER}", FAILURE
    if any(sign in str(error) for sign in KILLED):
        return f"out of memory in a loading process; {FEWER}", FAILURE
    if isinstance(error, OSError) and error.errno is not None:
        return explain_system(error), FAILURE
    return (
        f"internal error: {type(error).__name__}: {last_line(error)} ({find_place(error)}); "
        "debug=true shows the traceback, please report it",
        FAILURE,
    )


def last_message(error: InputError | RunError) -> str:
    """Return the message; one from a worker process brings its traceback along in its text, the message last."""
    return str(error).rsplit(f"{type(error).__name__}: ", 1)[-1].strip()


def last_line(error: BaseException) -> str:
    """Return the last line of a message that has any."""
    return (str(error).strip().splitlines() or ["no message"])[-1]


def runs_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory is used up, on a GPU or a CPU."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in MEMORY)


def advise_on_memory(error: BaseException, config: Mapping[Any, Any]) -> str:
    """Say which memory ran out, and a batch size to try that trains alike."""
    where = "on the GPU" if any(sign in str(error) for sign in ON_GPU) else "in this machine's memory"
    if config.get("resume"):
        cure = "close other programs that use it, or start a new run"
        return f"out of memory {where}; a resumed run keeps its batch size: {cure}"
    batch, trainer = config.get("batch_size"), config.get("trainer") or {}
    if not isinstance(batch, int) or batch < 2:
        return f"out of memory {where}; try a smaller input, or close other programs that use it"
    if "accumulate_grad_batches" not in trainer:
        return f"out of memory {where} with batch_size={batch}; try batch_size={batch // 2}"
    steps = trainer["accumulate_grad_batches"] * 2
    again = f"batch_size={batch // 2} trainer.accumulate_grad_batches={steps}"
    return f"out of memory {where} with batch_size={batch}; try {again}, which trains alike, or a smaller size="


def explain_system(error: OSError) -> str:
    """Say what the system refused, and for which file."""
    name = f"{error.filename}: " if error.filename else ""
    cure = {
        errno.ENOSPC: "; free some space, or write elsewhere",
        errno.EDQUOT: "; free some space, or write elsewhere",
        errno.EACCES: "; expected a place that you may read and write",
        errno.EPERM: "; expected a file that may be changed (immutable? lsattr shows it)",
        errno.EROFS: "; expected a place that can be written",
        errno.ENOENT: "; expected it to be there",
    }.get(error.errno or 0, "")
    place = f" ({error.place})" if isinstance(error, WriteError) else ""
    return f"{name}{(error.strerror or 'not possible').lower()}{cure}{place}"


def find_place(error: BaseException) -> str:
    """Return the last line of this program that an error went through: "tasks/models/network.py:12"."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [
        frame for frame in frames if Path(frame.filename).is_relative_to(OURS) and "site-packages" not in frame.filename
    ]
    frame = (own or frames)[-1]
    path = Path(frame.filename)
    return f"{path.relative_to(OURS) if path.is_relative_to(OURS) else path.name}:{frame.lineno}"

"""A training that ends with whoever started it, however that one ends.

Usage, by tasks.trials.processes:
    python -m tasks.trials.leash OPTIONS...

It is `python -m tasks.train OPTIONS...`, whose standard input is a pipe. Nothing is ever written to that: it is closed
when the process at its other end ends, by SIGKILL too, and then the training is ended as by SIGTERM: it saves itself.
"""

import os
import runpy
import signal
import sys
import threading


def watch(end: int) -> None:
    """Wait until a pipe is closed, then end this process as SIGTERM does."""
    while os.read(end, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Train, watched."""
    end = os.dup(sys.stdin.fileno())  # of its own: whoever reads the standard input finds nothing there
    with open(os.devnull) as nothing:  # noqa: PTH123  # no file
        os.dup2(nothing.fileno(), sys.stdin.fileno())
    threading.Thread(target=watch, args=(end,), daemon=True).start()
    runpy.run_module("tasks.train", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()

"""Signals that ask a program to end."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

NAMES = ("SIGTERM", "SIGUSR1", "SIGHUP", "SIGINT")
ENDING = tuple(signal.Signals[name] for name in NAMES if name in signal.Signals.__members__)  # Windows lacks some


@contextmanager
def signals_held() -> Iterator[None]:
    """Hold back the signals that end a program while the context lasts; a process started in it never gets them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

"""Conversions without what their libraries print."""

import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Keep off the screen what is printed, logged or warned of in this block, in C++ too; it comes if that fails."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = {number: os.dup(number) for number in (1, 2)}
    disabled = logging.root.manager.disable
    with tempfile.TemporaryFile() as said:
        try:
            for number in kept:
                os.dup2(said.fileno(), number)
            logging.disable(logging.WARNING)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        except BaseException:
            sys.stdout.flush()
            sys.stderr.flush()
            said.seek(0)
            os.write(kept[2], said.read())
            raise
        finally:
            logging.disable(disabled)
            sys.stdout.flush()
            sys.stderr.flush()
            for number, copy in kept.items():
                os.dup2(copy, number)
                os.close(copy)

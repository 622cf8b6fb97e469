"""Converters talk a lot, in Python and below it: none of that reaches the screen; what fails is raised."""

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from tempfile import TemporaryFile


@contextmanager
def silenced() -> Iterator[None]:
    """Keep what is written to the screen by this process off it, by whatever library."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    level = logging.root.manager.disable
    lines = StringIO()  # of writers that look up Python's own streams, whatever these are
    with TemporaryFile() as heard, warnings.catch_warnings(), redirect_stdout(lines), redirect_stderr(lines):
        warnings.simplefilter("ignore")
        logging.disable(logging.ERROR)
        os.dup2(heard.fileno(), 1)
        os.dup2(heard.fileno(), 2)
        try:
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, own in zip((1, 2), kept, strict=True):
                os.dup2(own, descriptor)
                os.close(own)
            logging.disable(level)

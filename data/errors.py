"""The errors that mean: not the program is wrong, but its input, the machine, or what became of a run."""


class InputError(ValueError):
    """Bad input from the user: names the file and the field, what was found and what was expected.

    The commands print its message without a traceback and exit with status 2. Where one entry of a data set's files is
    to blame, it is a `data.findings.EntryError`.
    """


class AccessError(InputError):
    """Nothing of the kind can be had by this machine, whatever it is: a package, credentials or a folder are missing.

    So it says nothing of the one object at which it was noticed.
    """


class RunError(RuntimeError):
    """What was begun cannot go on, though nothing is wrong with the program; exit status 1.

    The message says what happened, what was kept and what to try.
    """


class LoadingError(RunError):
    """A process that loads data hangs or died: its message says which, and what it was at."""


def first_line(error: BaseException) -> str:
    """Return what an error of another program says in one line, or else its name."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]

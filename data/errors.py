"""The errors that mean: the input is wrong, or the machine failed, not the program."""


class InputError(ValueError):
    """Bad input from the user: names the file and the field, what was found and what was expected.

    The commands print its message without a traceback and exit with status 2. Where one entry of a data set's files is
    to blame, it is a `data.findings.EntryError`.
    """


class LoadingError(RuntimeError):
    """A process that loads data hangs or died: its message says which, and what it was at; exit status 1."""

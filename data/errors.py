"""The one error that means: the input is wrong, not the program."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from data.findings import Finding


class InputError(ValueError):
    """Bad input from the user: names the file and the field, what was found and what was expected.

    The commands print its message without a traceback and exit with status 2.

    Attributes:
        finding: the same in parts, where one entry of a data set's files is to blame; see `data.findings.fault`.
    """

    finding: "Finding | None" = None

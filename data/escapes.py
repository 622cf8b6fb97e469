"""Names of files and classes that hold what cannot be written: escaped as Python's backslashreplace does."""

import re

SURROGATES = re.compile("[\ud800-\udfff]")
FIRST_BYTE = 0xDC00  # Python reads the byte 0xE9 of a file name that is not UTF-8 as U+DCE9


def escape(letter: str) -> str:
    r"""Return a character as Python writes it in ASCII: \n, \u884c; a byte of a file name that is no UTF-8 as \xe9."""
    if "\udc80" <= letter <= "\udcff":
        return f"\\x{ord(letter) - FIRST_BYTE:02x}"
    return letter.encode("unicode_escape").decode("ascii")


def to_utf8(name: str) -> str:
    r"""Return a name as UTF-8 can hold it: what it cannot is escaped, so that Latin-1's café.jpg is caf\xe9.jpg."""
    return SURROGATES.sub(lambda found: escape(found[0]), name)

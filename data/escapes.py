"""Names of files and classes that hold what cannot be written: escaped as Python's backslashreplace does."""

import re
import unicodedata

INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")  # control and format characters, halves of characters, line separators
JOINERS = "\u200c\u200d"  # shape the letters beside them in Persian and in India's scripts
SURROGATES = re.compile("[\ud800-\udfff]")
FIRST_BYTE = 0xDC00  # Python reads the byte 0xE9 of a file name that is not UTF-8 as U+DCE9


def escape(letter: str) -> str:
    r"""Return a character as Python writes it in ASCII: \n, \u884c; a byte of a file name that is no UTF-8 as \xe9."""
    if "\udc80" <= letter <= "\udcff":
        return f"\\x{ord(letter) - FIRST_BYTE:02x}"
    return letter.encode("unicode_escape").decode("ascii")


def is_invisible(letter: str) -> bool:
    """Tell whether a character has no shape of its own."""
    return letter not in JOINERS and unicodedata.category(letter) in INVISIBLE


def escape_invisible(text: str) -> str:
    r"""Return a text with its invisible characters escaped, such as \n, \x1b, and those that reverse what follows."""
    return text if text.isprintable() else "".join(escape(each) if is_invisible(each) else each for each in text)


def to_utf8(name: str) -> str:
    r"""Return a name as UTF-8 can hold it: what it cannot is escaped, so that Latin-1's café.jpg is caf\xe9.jpg."""
    return SURROGATES.sub(lambda found: escape(found[0]), name)

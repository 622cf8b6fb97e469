"""Text files as editors and shells write them: with a byte order mark before UTF-8, or as UTF-16."""

import codecs


def strip_mark(content: bytes) -> bytes:
    """Return the content of a text file without its byte order mark, as UTF-8 where the mark says UTF-16.

    All else stays as it is: a list may hold file names that are no UTF-8.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace").encode()
    return content.removeprefix(codecs.BOM_UTF8)

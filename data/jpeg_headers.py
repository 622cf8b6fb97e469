"""The header of a plain JPEG file (ITU-T T.81, annex B), as the images of most data sets are.

Pillow takes five times as long for the same few numbers. What is not plain, or not sound, is left to it: this gives no
other answer than `data.image_headers.read_header` does, or none.
"""

from data.image_headers import Header

START = b"\xff\xd8\xff"
JFIF, TABLES, CODES, INTERVAL, FRAME, SCAN = 0xE0, 0xDB, 0xC4, 0xDD, 0xC0, 0xDA  # markers, after 0xFF
MODES = {1: "L", 3: "RGB"}  # by the number of components
BYTES = 4096  # of a file that hold such a header


def read_plain(content: bytes) -> Header | None:
    """Return what the header of a baseline JPEG of 8 bits without EXIF says; None for anything else.

    Args:
        content: the beginning of the file.
    """
    if not content.startswith(START):
        return None
    found, position = None, 2
    while position + 4 <= len(content) and content[position] == 0xFF:
        marker, end = content[position + 1], position + 2 + int.from_bytes(content[position + 2 : position + 4])
        segment = content[position + 4 : end]
        if not position + 4 <= end <= len(content) or not is_plain(marker, segment):
            return None
        if marker == SCAN:
            return found
        if marker == FRAME:
            if found is not None:
                return None
            raw = int.from_bytes(segment[1:3]), int.from_bytes(segment[3:5])
            found = Header(raw, raw, False, "JPEG", MODES[segment[5]], 1)
        position = end
    return None


def is_plain(marker: int, segment: bytes) -> bool:
    """Tell whether a segment is one of those that plain files have, and is whole."""
    if marker == TABLES:
        return are_tables(segment)
    if marker == FRAME:
        known = len(segment) > 5 and segment[5] in MODES and len(segment) == 6 + 3 * segment[5]
        return known and segment[0] == 8 and any(segment[1:3]) and any(segment[3:5])
    return marker in (CODES, INTERVAL, SCAN) or (
        marker == JFIF and segment.startswith(b"JFIF\0") and len(segment) >= 14
    )


def are_tables(segment: bytes) -> bool:
    """Tell whether a segment holds whole quantization tables."""
    position = 0
    while position < len(segment):
        position += 65 if segment[position] < 16 else 129
    return position == len(segment)

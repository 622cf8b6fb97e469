"""What a video file begins with: FFmpeg also reads playlists, which name other files and addresses to read."""

from pathlib import Path

from data.bounded.content import open_regular

BEGINNINGS = {  # place -> bytes
    0: (b"\x1a\x45\xdf\xa3", b"FLV", b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3", b"\x30\x26\xb2\x75"),  # mkv flv mpg wmv
    4: (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"),  # mp4, mov, 3gp, m4v
    8: (b"AVI ",),
}
PACKETS = ((0, 188), (4, 192))  # of a transport stream: where its first packet begins, and how long they are
PACKET = 0x47


def is_container(path: Path) -> bool:
    """Tell whether a file begins as a video of a kind that holds its own pictures.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it is no regular file.
    """
    with open_regular(path) as file:
        head = file.read(600)
    named = any(head.startswith(word, place) for place, words in BEGINNINGS.items() for word in words)
    return named or any(
        len(head) > start + 2 * size and head[start::size][:3] == bytes([PACKET] * 3) for start, size in PACKETS
    )

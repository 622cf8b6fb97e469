"""Pictures and videos that unpack without end, are no files, or are lists of other files."""

import os
import socket
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from tests.hostile.case import ESCAPES, Case, pipe

PREDICT = ("predict", "checkpoint={base}/ssdlite.safetensors", "source={here}/in", "out={here}/out")
WHOLE = ("predict", "checkpoint={base}/lraspp.safetensors", "source={here}/in", "out={here}/out")


def one(name: str) -> tuple[str, ...]:
    return (*PREDICT[:2], "source={here}/in/" + name, PREDICT[3])


def put(name: str, content: bytes | Callable[[], bytes]) -> Callable[[Path, Path], None]:
    """Write a file into the source."""

    def write(here: Path, base: Path) -> None:
        (here / "in").mkdir(exist_ok=True)
        (here / "in" / name).write_bytes(content if isinstance(content, bytes) else content())

    return write


def make(change: Callable[[Path], object]) -> Callable[[Path, Path], None]:
    """Change the source, which holds a sound photograph beside."""

    def write(here: Path, base: Path) -> None:
        (here / "in").mkdir()
        (here / "in/sound.jpg").write_bytes((base / "photo.jpg").read_bytes())
        change(here / "in")

    return write


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">L", len(content)) + kind + content + struct.pack(">L", zlib.crc32(kind + content))


def png(width: int, height: int, *more: bytes, depth: int = 8, kind: int = 2, pixels: bytes = b"") -> bytes:
    """Return a PNG file of any header."""
    head = struct.pack(">2L5B", width, height, depth, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", head), *more, chunk(b"IDAT", zlib.compress(pixels, 1)), chunk(b"IEND", b"")]
    )


def scans() -> bytes:
    """Return a progressive JPEG that goes over its pixels ten thousand times."""
    from io import BytesIO

    file = BytesIO()
    Image.new("RGB", (4000, 4000)).save(file, "JPEG", progressive=True)
    content = file.getvalue()
    last = content.rfind(b"\xff\xda")
    return content[:last] + content[last:-2] * 10_000 + b"\xff\xd9"


def gif(frames: int) -> bytes:
    frame = b"\x2c" + bytes(4) + b"\x01\0\x01\0\0" + b"\x02\x02\x44\x01\x00"
    return b"GIF89a\x01\0\x01\0\x80\0\0" + bytes(6) + frame * frames + b"\x3b"


def tiff(width: int, height: int, *, following: int = 0) -> bytes:
    entries = [
        (256, 4, width),
        (257, 4, height),
        (258, 3, 8),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 200),
        (278, 4, height),
        (279, 4, 10),
    ]
    body = b"".join(struct.pack("<2H2L", tag, kind, 1, value) for tag, kind, value in entries)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + body + struct.pack("<L", following) + bytes(200)


def bmp(width: int, height: int) -> bytes:
    return (
        b"BM" + struct.pack("<LHHL", 54, 0, 0, 54) + struct.pack("<L2l2H6L", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    )


def avi(width: int, height: int) -> bytes:
    """Return the head of a raw video of giant frames."""
    main = struct.pack("<14L", 40000, 0, 0, 0, 10, 0, 1, 0, width, height, 0, 0, 0, 0)
    stream = b"vidsDIB " + struct.pack("<3L", 0, 0, 0) + struct.pack("<8L", 1, 25, 0, 10, 0, 0, 0, 0) + bytes(8)
    form = struct.pack("<L2l2H6L", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)

    def block(name: bytes, content: bytes) -> bytes:
        return name + struct.pack("<L", len(content)) + content

    inner = b"strl" + block(b"strh", stream) + block(b"strf", form)
    heads = b"hdrl" + block(b"avih", main) + block(b"LIST", inner)
    return block(b"RIFF", b"AVI " + block(b"LIST", heads) + block(b"LIST", b"movi" + block(b"00db", bytes(64))))


def many(content: bytes, count: int, suffix: str) -> Callable[[Path, Path], None]:
    def change(folder: Path) -> None:
        for number in range(count):
            (folder / f"{number}{suffix}").write_bytes(content)

    return make(change)


def black(width: int, height: int, name: str) -> Callable[[Path, Path], None]:
    return make(
        lambda folder: Image.fromarray(np.zeros((height, width), np.uint8)).save(folder / name, compress_level=1)
    )


def listen(folder: Path) -> None:
    place = Path.cwd()
    os.chdir(folder)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("a.jpg")
    os.chdir(place)


PLAYLIST = (
    b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/passwd\n#EXTINF:1,\nhttp://127.0.0.1:9/x\n#EXT-X-ENDLIST\n"
)
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%touch /tmp/x) (w) file\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'
ROW = bytes(3)

CASES = [
    Case("png: 10^10 pixels", put("a.png", lambda: png(100_000, 100_000)), PREDICT),
    Case("png: 2^62 pixels", put("a.png", lambda: png(2**31 - 1, 2**31 - 1)), one("a.png")),
    Case("png: no pixels", put("a.png", lambda: png(0, 9)), one("a.png")),
    Case("png: 89 megapixels of nothing", put("a.png", lambda: png(8_900, 10_000)), PREDICT),
    Case("png: one pixel high", put("a.png", lambda: png(8 * 10**7, 1, pixels=bytes(24 * 10**7 + 1))), PREDICT),
    Case(
        "png: a text that unpacks",
        put("a.png", lambda: png(1, 1, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2 * 10**8))), pixels=bytes(4))),
        PREDICT,
    ),
    Case(
        "png: a profile that unpacks",
        put("a.png", lambda: png(1, 1, chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(2 * 10**8))), pixels=bytes(4))),
        PREDICT,
    ),
    Case("png: pixels that unpack", put("a.png", lambda: png(1, 1, pixels=bytes(5 * 10**8))), PREDICT),
    Case(
        "png: 10,000 texts",
        put(
            "a.png",
            lambda: png(1, 1, *[chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(10**5)))] * 10_000, pixels=bytes(4)),
        ),
        PREDICT,
    ),
    Case("png: 115 megapixels", black(11_500, 10_000, "a.png"), PREDICT),
    Case(
        "png: 87 megapixels, four",
        make(
            lambda d: [
                Image.fromarray(np.zeros((9000, 9_700), np.uint8)).save(d / f"{n}.png", compress_level=1)
                for n in range(4)
            ]
        ),
        PREDICT,
    ),
    Case("png: 85 megapixels for a segmenter", black(10_000, 8_500, "a.png"), WHOLE),
    Case("png: cut off", put("a.png", lambda: png(99, 99)[:60]), PREDICT),
    Case("png: 169 megapixels in tiles", black(13_000, 13_000, "a.png"), (*PREDICT, "tile=2048")),
    Case("jpeg: 10,000 scans", put("a.jpg", lambda: scans()), PREDICT),
    Case(
        "jpeg: 65,500 a side",
        put("a.jpg", b"\xff\xd8\xff\xc0\x00\x11\x08\xff\xdc\xff\xdc\x03\x01\x22\0\x02\x11\1\x03\x11\1" + bytes(99)),
        PREDICT,
    ),
    Case("jpeg: its head alone", put("a.jpg", b"\xff\xd8\xff"), one("a.jpg")),
    Case("jpeg: a script of PostScript", put("a.jpg", EPS), PREDICT),
    Case("jpeg: a drawing", put("a.jpg", SVG), PREDICT),
    Case("gif: a million pictures", put("a.gif", lambda: gif(1_000_000)), PREDICT),
    Case("gif: 65,535 a side", put("a.gif", b"GIF89a\xff\xff\xff\xff" + gif(1)[10:]), PREDICT),
    Case("tiff: 10^10 pixels", put("a.tif", tiff(100_000, 100_000)), PREDICT),
    Case("tiff: a directory of itself", put("a.tif", tiff(9, 9, following=8)), PREDICT),
    Case("tiff: a directory beyond", put("a.tif", tiff(9, 9, following=2**31)), PREDICT),
    Case("bmp: 10^10 pixels", put("a.bmp", bmp(100_000, 100_000)), PREDICT),
    Case("bmp: below zero", put("a.bmp", bmp(-9, -9)), PREDICT),
    Case("ppm: 10^10 pixels", put("a.ppm", b"P6 100000 100000 255\n"), PREDICT),
    Case("ppm: digits without end", put("a.ppm", b"P6 " + b"9" * 10**6), PREDICT),
    Case("ppm: written out", put("a.pgm", lambda: b"P2 10000 10000 255\n" + b"0 " * 2 * 10**7), PREDICT),
    Case("pbm: written out", put("a.pbm", lambda: b"P1 10000 10000\n" + b"0" * 10**8), PREDICT),
    Case(
        "webp: broken",
        put("a.webp", b"RIFF\xff\xff\xff\x7fWEBPVP8X\x0a\0\0\0\xff\0\0\0\xff\xff\xff\xff\xff\xff"),
        PREDICT,
    ),
    Case(
        "jp2: broken",
        put(
            "a.j2k", b"\xff\x4f\xff\x51\0\x29\0\0" + struct.pack(">8L", 10**5, 10**5, 0, 0, 1, 1, 0, 0) + b"\0\1\7\1\1"
        ),
        PREDICT,
    ),
    Case("avif: broken", put("a.avif", b"\0\0\0\x20ftypavif" + bytes(99)), PREDICT),
    Case("source: a pipe", make(lambda d: pipe(d / "a.jpg")), PREDICT),
    Case("source: a pipe alone", make(lambda d: pipe(d / "a.jpg")), one("a.jpg")),
    Case("source: a pipe for a video", make(lambda d: pipe(d / "a.mp4")), PREDICT),
    Case("source: a device", make(lambda d: (d / "a.jpg").symlink_to("/dev/zero")), PREDICT),
    Case("source: a socket", make(listen), PREDICT),
    Case("source: a link to itself", make(lambda d: (d / "a.jpg").symlink_to("a.jpg")), PREDICT),
    Case(
        "source: folders in a circle",
        make(lambda d: (d / "b").symlink_to(".")),
        (*PREDICT[:2], "source='{here}/in/**/*.jpg'", PREDICT[3]),
    ),
    Case("source: a link to a system file", make(lambda d: (d / "a.jpg").symlink_to("/etc/passwd")), PREDICT),
    Case("source: a sparse terabyte", make(lambda d: (d / "a.jpg").open("wb").truncate(2**40)), PREDICT),
    Case("source: names that command", many(b"x", 1, f"{ESCAPES}.jpg"), PREDICT),
    Case("source: names of bytes", make(lambda d: (d / os.fsdecode(b"\xff\xfe\x9b.jpg")).write_bytes(b"x")), PREDICT),
    Case("source: a name of two lines", many(b"x", 1, "\nerror: done\r.jpg"), PREDICT),
    Case("source: 3,000 broken files", many(b"x", 3000, ".jpg"), PREDICT),
    Case("video: a playlist", put("a.mp4", PLAYLIST), PREDICT),
    Case("video: a playlist of FFmpeg", put("a.avi", b"ffconcat version 1.0\nfile /etc/passwd\n"), PREDICT),
    Case("video: a session", put("a.mkv", b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n"), PREDICT),
    Case(
        "video: a manifest",
        put("a.webm", b'<?xml version="1.0"?><MPD><Period><BaseURL>http://127.0.0.1:9/</BaseURL></Period></MPD>'),
        PREDICT,
    ),
    Case("video: frames of 10^9 pixels", put("a.avi", avi(32_000, 32_000)), one("a.avi")),
    Case("video: frames of no pixels", put("a.avi", avi(0, 0)), one("a.avi")),
    Case("video: broken", put("a.mp4", b"\0\0\0\x20ftypisom" + b"\xff" * 10**5), PREDICT),
    Case("video: empty", put("a.mp4", b""), PREDICT),
]

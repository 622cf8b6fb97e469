"""Image files opened through Pillow: which formats are read, and what a header says before anything is decoded.

Pillow refuses a truncated file, where OpenCV returns grey silently.
"""

import struct
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import BinaryIO, NamedTuple

from PIL import ExifTags, Image, UnidentifiedImageError

from data.bounded.content import open_regular
from data.errors import InputError
from data.findings import fault
from data.sizes import MOST_PIXELS, Size

SUFFIXES = {  # by the format's name in Pillow; no others are read: Pillow hands EPS files to Ghostscript
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "MPO": (".mpo", ".jpg", ".jpeg"),  # what phones and stereo cameras write
    "PNG": (".png", ".apng"),
    "BMP": (".bmp", ".dib"),
    "DIB": (".dib",),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "GIF": (".gif",),
    "AVIF": (".avif",),
    "JPEG2000": (".jp2", ".j2k", ".jpx", ".jpf"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
}
HEIF_SUFFIXES = (".heic", ".heif", ".hif")
if find_spec("pillow_heif"):  # an optional package
    import_module("pillow_heif").register_heif_opener()
    SUFFIXES["HEIF"] = HEIF_SUFFIXES

warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # what is too large is refused

SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap height and width
PNG_ORIENTATION = ("exif", "Raw profile type exif", "XML:com.adobe.xmp")  # chunks that may hold one
BITS_PER_SAMPLE = 258  # tag of TIFF
JPEG2000_START = b"\xff\x4f\xff\x51"  # of a codestream: the markers SOC and SIZ
JPEG_SCAN = b"\xff\xda"
MOST_SCANS = 200  # of a progressive JPEG; encoders make ten
BLOCK = 2**20  # bytes
JPEG2000_HEAD = 4096  # bytes that the codestream begins within
GUARDED = 178_956_970  # pixels of an image that Pillow opens unasked

_guard = Lock()


class Header(NamedTuple):
    """What the header of an image file says.

    Attributes:
        raw: (height, width) of the pixels as they are stored.
        upright: (height, width) of the picture as its EXIF orientation turns it.
        turned: whether it turns or mirrors the picture, though the size may stay.
        format: "JPEG", as Pillow says it.
        mode: how a pixel is kept, as Pillow says it: "RGB".
        pictures: that the file holds; of a photo from a phone the first alone counts.
    """

    raw: Size
    upright: Size
    turned: bool
    format: str
    mode: str
    pictures: int


def describe_size(size: Size) -> str:
    """Return a size as messages write it, which leaves no doubt about the order."""
    return f"height {size[0]} x width {size[1]}"


@contextmanager
def open_image(
    file: Path | BytesIO,
    *,
    modes: Collection[str],
    expected: str,
    name: str | None = None,
    most_pixels: int | None = MOST_PIXELS,
) -> Iterator[Image.Image]:
    """Open an image lazily; whatever Pillow raises, now or while decoding, becomes a fault that names the file.

    Args:
        file: path or content.
        modes: Pillow's names of the pixel formats that can be used.
        expected: what to expect, for the message.
        name: of the file, where it is content.
        most_pixels: a larger image is refused by its header, before anything is decoded; None: none is.

    Raises:
        InputError: a fault, if it is no readable image of these modes, is too large, or has more than 8 bits a colour:
            Pillow would drop the lower ones, and show 12 of 16 bits as nearly black.
    """
    name = name or str(file)
    try:
        with (
            open_regular(file) if isinstance(file, Path) else nullcontext(file) as content,
            _open_lazily(content, guarded=most_pixels is not None and most_pixels <= GUARDED) as image,
        ):
            check_pixels(image, name, most_pixels)
            check_scans(image, name)
            if image.mode not in modes:
                raise fault("pixel format", name, f"pixel format is {image.mode!r}", expected)
            if is_deep(image):
                raise fault("pixel format", name, f"pixel format is {image.mode!r} with 16 bits per channel", expected)
            yield image
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise too_large(name, f"over {GUARDED / 1e6:.0f} megapixels", most_pixels or GUARDED) from error
    except (OSError, ValueError, SyntaxError, EOFError, TypeError, LookupError, struct.error) as error:
        kind, found = _reason(file, error)
        raise fault(kind, name, found, expected) from error


def _open_lazily(content: BinaryIO, *, guarded: bool) -> Image.Image:
    """Read the header of an image."""
    with nullcontext() if guarded else _without_guard():
        return Image.open(content, formats=list_formats())


def check_pixels(image: Image.Image, name: str, most: int | None) -> None:
    """Check by its header that an image is not too large.

    Raises:
        InputError: a fault, if it is.
    """
    if most is not None and image.width * image.height > most:
        raise too_large(name, describe_size((image.height, image.width)), most)


def too_large(name: str, size: str, most: int) -> InputError:
    """Return the fault of an image that has more pixels than are read."""
    return fault("size of an image", name, f"size is {size}", f"expected at most {most / 1e6:g} megapixels")


def check_scans(image: Image.Image, name: str) -> None:
    """Check that a progressive JPEG goes over its pixels no more often than encoders make it.

    Raises:
        InputError: a fault, if it does: each time takes as long as decoding the image once, and ten bytes of the file.
    """
    if image.format not in ("JPEG", "MPO") or "progressive" not in image.info:
        return
    file = image.fp  # type: ignore[attr-defined]
    position = file.tell()
    file.seek(0)
    scans = sum(block.count(JPEG_SCAN) for block in iter(partial(file.read, BLOCK), b""))
    file.seek(position)
    if scans > MOST_SCANS:
        raise fault("unreadable image", name, f"{scans} scans", f"expected at most {MOST_SCANS}, as JPEG encoders make")


@contextmanager
def _without_guard() -> Iterator[None]:
    """Let Pillow open an image of any size; in one thread at a time, as its limit is a variable of its module."""
    with _guard:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


@cache
def list_formats() -> tuple[str, ...]:
    """Return the formats that this build of Pillow opens; MPO is opened as the JPEG that it begins with."""
    Image.init()
    return tuple(name for name in SUFFIXES if name in Image.OPEN)


def read_header(image: Image.Image) -> Header:
    """Return what the header of an image says."""
    raw, orientation = (image.height, image.width), find_orientation(image)
    upright = raw[::-1] if orientation in SIDEWAYS else raw
    pictures = 1 if image.format in ("JPEG", "MPO") else getattr(image, "n_frames", 1)
    return Header(raw, upright, orientation != 1, str(image.format), image.mode, pictures)


def find_orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 (upright) to 8; 1 where there is none."""
    if image.format == "TIFF":  # Pillow turns these while it decodes, and gives their upright size
        return 1
    if image.format == "PNG" and not any(key in image.info for key in PNG_ORIENTATION):
        return 1  # getexif would decode all pixels to look behind them
    try:
        found = Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1)
    except (OSError, ValueError, SyntaxError, EOFError, struct.error):  # damaged EXIF says nothing of the pixels
        return 1
    return found if found in range(1, 9) else 1


def is_deep(image: Image.Image) -> bool:
    """Tell whether an image has more bits than Pillow gives: of 16 in single channels it gives all, in colours 8."""
    if image.mode.startswith(("I", "F")):
        return False
    tiles = getattr(image, "tile", [])
    if image.format == "TIFF":
        return max(image.tag_v2.get(BITS_PER_SAMPLE, (8,))) > 8  # type: ignore[attr-defined]
    if image.format == "PNG":
        return any(";16" in str(tile.args) for tile in tiles)
    if image.format == "PPM":
        codes = [tile.args[1] for tile in tiles if tile.codec_name.startswith("ppm")]  # pixel format, white
        return any(isinstance(white, int) and white > 255 for white in codes)
    return image.format == "JPEG2000" and _read_jpeg2000_bits(image) > 8


def _read_jpeg2000_bits(image: Image.Image) -> int:
    """Return the bits of the first channel of a JPEG 2000, which Pillow does not say (ISO 15444-1, A.5.1)."""
    file = image.fp  # type: ignore[attr-defined]
    position = file.tell()
    file.seek(0)
    head = file.read(JPEG2000_HEAD)
    file.seek(position)
    start = head.find(JPEG2000_START)
    return (head[start + 42] & 127) + 1 if 0 <= start < len(head) - 42 else 8


def _reason(file: Path | BytesIO, error: Exception) -> tuple[str, str]:
    """Say why a file could not be read: the kind of fault, and a few words."""
    if isinstance(error, FileNotFoundError):
        return "missing file", "no such file"
    if isinstance(file, Path) and file.is_dir():
        return "missing file", "is a folder"
    if (not file.getbuffer()) if isinstance(file, BytesIO) else (file.is_file() and file.stat().st_size == 0):
        return "empty file", "the file is empty"
    if isinstance(error, UnidentifiedImageError):
        heif = isinstance(file, Path) and file.suffix.lower() in HEIF_SUFFIXES and "HEIF" not in SUFFIXES
        return "not an image", "not read without pillow-heif" if heif else "not an image, or its header is damaged"
    return "unreadable image", f"cannot be read ({error or type(error).__name__})"

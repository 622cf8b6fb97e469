"""Image and mask files -> arrays, through Pillow: it refuses a truncated file, where OpenCV returns grey silently."""

import struct
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple, TypeVar

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from data.errors import InputError
from data.findings import EntryError, Finding, Report, fault, refuse, report_all
from data.sizes import Size

Result = TypeVar("Result")

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF")  # nothing else: Pillow hands EPS files to Ghostscript
COLOR_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
INDEX_MODES = ("1", "L", "P", "I", "I;16", "I;16B")
PAINTED_MODES = ("1", "L", "P", "RGB", "RGBA")
MASK_MODES = (*INDEX_MODES, "RGB", "RGBA")
SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap height and width
EXPECTED_IMAGE = "expected a complete JPEG, PNG, BMP, WebP or TIFF image of 8 bits a channel"
EXPECTED_MASK = "expected a complete single-channel image of class indices"
EXPECTED_COLORS = "expected a complete image of colours, 8 bits a channel"
MOST_PIXELS = 178_956_970  # that Pillow opens unasked: of more, few bytes of a file may fill the memory
READ_THREADS = 8  # header reads wait for the disk, above all for a network disk

_guard = Lock()


class Header(NamedTuple):
    """What the header of an image file says."""

    size: Size  # of the upright image
    pictures: int  # that the file holds; of a photo from a phone the first alone counts


def find_images(folder: Path) -> list[Path]:
    """Return the image files directly in `folder` by extension, sorted; hidden files (macOS "._x.jpg") are left out."""
    return sorted(
        path for path in folder.iterdir() if path.suffix.lower() in EXTENSIONS and not path.name.startswith(".")
    )


def load_image(
    path: Path, *, size: Size | None = None, least_side: int | None = None, guarded: bool = True
) -> np.ndarray:
    """Load an image as RGB, upright as its EXIF orientation says.

    Args:
        path: the image file; grey, palette, CMYK and transparent images become RGB.
        size: (height, width) that the image's annotation was drawn on. Some tools annotate the raw pixels, others the
            upright picture: the raw orientation is kept where its size fits, else the upright one is taken.
        least_side: where given, a JPEG file is decoded at 1/2, 1/4 or 1/8 of its size, the least that leaves both sides
            so many pixels: the decoder does less then.
        guarded: whether an image of more than MOST_PIXELS is refused.

    Returns:
        (H, W, 3) uint8, RGB.

    Raises:
        InputError: if the file is missing, truncated or no image of 8 bits a channel, or neither orientation fits.
    """
    with _open(path, modes=COLOR_MODES, expected=EXPECTED_IMAGE, guarded=guarded) as image:
        raw, upright = _sizes(image)
        if size is not None and size not in (raw, upright):
            found = f"size is {describe_size(upright)}"
            raise fault("size of an image", path, found, f"expected {describe_size(size)}, as its annotation says")
        _reduce(image, least_side)
        return _to_rgb(image, upright=size != raw)


def decode_image(content: bytes, *, name: str, most_pixels: int) -> np.ndarray:
    """Decode the content of an image file as `load_image` loads the file.

    Args:
        content: of the file.
        name: of the file, for the messages.
        most_pixels: a larger image is refused by its header, before anything is decoded.

    Returns:
        (H, W, 3) uint8, RGB.

    Raises:
        InputError: if the content is truncated or no image of 8 bits a channel, or the image is too large.
    """
    with _open(BytesIO(content), name=name, modes=COLOR_MODES, expected=EXPECTED_IMAGE) as image:
        if image.width * image.height > most_pixels:
            found = describe_size((image.height, image.width))
            raise InputError(f"{name}: size is {found}; expected at most {most_pixels / 1e6:g} megapixels")
        return _to_rgb(image, upright=True)


def read_decoded_size(path: Path, size: Size, least_side: int | None) -> Size:
    """Return (height, width) in pixels of what `load_image` gives for the same arguments, from the header alone.

    Raises:
        InputError: as `load_image`, but for damage behind the header.
    """
    with _open(path, modes=COLOR_MODES, expected=EXPECTED_IMAGE) as image:
        turned = size != _sizes(image)[0]
        _reduce(image, least_side)
        return _sizes(image)[turned]


def load_mask(path: Path) -> np.ndarray:
    """Load a mask of class indices as the file holds them; palette images give indices, not colours.

    Returns:
        (H, W) uint8, or int32 from a 16-bit or 32-bit file.

    Raises:
        InputError: if the file is missing, truncated, no image, or has several channels.
    """
    with _open(path, modes=INDEX_MODES, expected=EXPECTED_MASK) as image:
        return np.array(image).astype(np.int32 if image.mode.startswith("I") else np.uint8)


def load_colors(path: Path) -> np.ndarray:
    """Load a mask of colours; palette images give their colours.

    Returns:
        (H, W, 3) uint8, RGB.

    Raises:
        InputError: if the file is missing, truncated, or no image of 8 bits a channel.
    """
    with _open(path, modes=PAINTED_MODES, expected=EXPECTED_COLORS) as image:
        return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def read_palette(path: Path) -> list[tuple[int, int, int]]:
    """Return the colours of a palette image by index, none for another image, from the header alone.

    Raises:
        InputError: as `load_mask`, but for damage behind the header.
    """
    with _open(path, modes=MASK_MODES, expected=EXPECTED_MASK) as image:
        values = image.getpalette("RGB") if image.mode == "P" else None
        return list(zip(*[iter(values or [])] * 3, strict=True))


def is_painted(path: Path) -> bool:
    """Return whether a mask has several channels: colours, not indices.

    Raises:
        InputError: as `load_mask`, but for damage behind the header.
    """
    with _open(path, modes=MASK_MODES, expected=EXPECTED_MASK) as image:
        return image.mode in ("RGB", "RGBA")


def read_size(path: Path) -> Size:
    """Return (height, width) in pixels of the upright image, from the header alone.

    Raises:
        InputError: as `load_image`, but for damage behind the header.
    """
    return read_sizes(path)[1]


def read_header(path: Path) -> Header:
    """Read the header of an image of any size.

    Raises:
        InputError: as `load_image`, but for damage behind the header.
    """
    with _open(path, modes=COLOR_MODES, expected=EXPECTED_IMAGE, guarded=False) as image:
        pictures = 1 if image.format in ("JPEG", "MPO") else getattr(image, "n_frames", 1)
        return Header(_sizes(image)[1], pictures)


def read_sizes(path: Path) -> tuple[Size, Size]:
    """Return (height, width) of the raw pixels and of the upright image, from the header alone.

    Raises:
        InputError: as `load_image`, but for damage behind the header.
    """
    with _open(path, modes=COLOR_MODES, expected=EXPECTED_IMAGE) as image:
        return _sizes(image)


def read_mask_size(path: Path, *, painted: bool = False) -> Size:
    """Return (height, width) in pixels of the array that `load_mask` or `load_colors` gives, from the header alone.

    Raises:
        InputError: as these, but for damage behind the header.
    """
    modes, expected = (PAINTED_MODES, EXPECTED_COLORS) if painted else (INDEX_MODES, EXPECTED_MASK)
    with _open(path, modes=modes, expected=expected) as image:
        return image.height, image.width


def read_all(
    read: Callable[..., Result], *columns: Iterable[Any], source: str, report: Report = refuse
) -> list[Result | None]:
    """Call `read` on every row of `columns` in threads.

    Args:
        read: raises `data.findings.fault` for a bad file.
        columns: its arguments.
        source: what lists the files.
        report: takes the faults.

    Returns:
        What came of each row, in their order; None where a file is bad and `report` let it pass.

    Raises:
        InputError: naming `source`, how many files are bad, and the first three, if `report` refuses one.
    """

    def attempt(*row: Any) -> Result | Finding:
        try:
            return read(*row)
        except EntryError as error:
            return error.finding

    with ThreadPoolExecutor(READ_THREADS) as pool:
        results = list(pool.map(attempt, *columns))
    faults = [result for result in results if isinstance(result, Finding)]
    report_all(faults, report=report, summary=f"{source}: {len(faults)} of {len(results)} files cannot be used")
    return [None if isinstance(result, Finding) else result for result in results]


def describe_size(size: Size) -> str:
    """Return a size as messages write it, which leaves no doubt about the order."""
    return f"height {size[0]} x width {size[1]}"


@contextmanager
def _open(
    file: Path | BytesIO, *, modes: Collection[str], expected: str, name: str | None = None, guarded: bool = True
) -> Iterator[Image.Image]:
    """Open an image lazily; whatever Pillow raises, now or while decoding, becomes an InputError naming the file."""
    name = name or str(file)
    try:
        with nullcontext() if guarded else _without_guard():
            opened = Image.open(file, formats=FORMATS)
        with opened as image:
            if image.mode not in modes:
                raise fault("pixel format", name, f"pixel format is {image.mode!r}", expected)
            yield image
    except InputError:
        raise
    except (OSError, ValueError, SyntaxError, EOFError, struct.error, Image.DecompressionBombError) as error:
        kind, found = _reason(file, error)
        raise fault(kind, name, found, expected) from error


@contextmanager
def _without_guard() -> Iterator[None]:
    """Let Pillow open an image of any size; in one thread at a time, as its limit is a variable of its module."""
    with _guard:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _to_rgb(image: Image.Image, *, upright: bool) -> np.ndarray:
    """Decode to (H, W, 3) uint8, RGB, turned as the EXIF orientation says or left raw."""
    if upright and _orientation(image) != 1:
        image = ImageOps.exif_transpose(image)
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))  # Pillow's convert always copies


def _reason(file: Path | BytesIO, error: Exception) -> tuple[str, str]:
    """Say why a file could not be read: the kind of fault, and a few words."""
    if isinstance(error, FileNotFoundError):
        return "missing file", "no such file"
    if isinstance(file, Path) and file.is_dir():
        return "missing file", "is a folder"
    if (not file.getbuffer()) if isinstance(file, BytesIO) else (file.is_file() and file.stat().st_size == 0):
        return "empty file", "the file is empty"
    if isinstance(error, UnidentifiedImageError):
        return "not an image", "not an image, or its header is damaged"
    return "unreadable image", f"cannot be read ({error or type(error).__name__})"


def _reduce(image: Image.Image, least_side: int | None) -> None:
    """Tell the decoder of a JPEG to give a smaller picture; other formats have none."""
    if least_side is not None:
        image.draft(image.mode, (least_side, least_side))


def _sizes(image: Image.Image) -> tuple[Size, Size]:
    """Return (height, width) of the raw pixels and of the upright image."""
    raw = (image.height, image.width)
    return raw, raw[::-1] if _orientation(image) in SIDEWAYS else raw


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 (upright) where there is none."""
    if image.format == "TIFF":  # Pillow turns these while it decodes, and gives their upright size
        return 1
    if image.format == "PNG" and "exif" not in image.info:  # getexif would decode all pixels to look behind them
        return 1
    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1)
    except (OSError, ValueError, SyntaxError, EOFError, struct.error):  # damaged EXIF says nothing of the pixels
        return 1

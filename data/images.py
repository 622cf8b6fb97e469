"""Image and mask files -> arrays."""

from contextlib import nullcontext, suppress
from io import BytesIO
from pathlib import Path
from threading import Lock

import numpy as np
from PIL import Image, ImageOps

from data.bounded.content import Content, read_beginning
from data.decoding import decode_plain
from data.errors import InputError
from data.findings import fault
from data.image_headers import SUFFIXES, Header, describe_size, find_orientation, open_image, read_header
from data.jpeg_headers import BYTES, read_plain
from data.sizes import MOST_PIXELS, Size

EXTENSIONS = tuple(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)
COLOR_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
INDEX_MODES = ("1", "L", "P", "I", "I;16", "I;16B")
COLOR_CODED_MODES = ("1", "L", "P", "RGB", "RGBA")
MASK_MODES = (*INDEX_MODES, "RGB", "RGBA")
STRIP = 2**22  # pixels that are copied at once
EXPECTED_IMAGE = "expected a complete JPEG, PNG, BMP, WebP, TIFF or similar, 8 bits per channel"
EXPECTED_MASK = "expected a complete single-channel image of class indices"
EXPECTED_COLORS = "expected a complete colour image, 8 bits per channel"
LARGE = 2**24  # pixels of an image from which one is decoded at a time, in whatever thread

_large = Lock()


def find_images(folder: Path) -> list[Path]:
    """Return the image files directly in `folder` by extension, sorted; hidden files (macOS "._x.jpg") are left out."""
    return sorted(
        path for path in folder.iterdir() if path.suffix.lower() in EXTENSIONS and not path.name.startswith(".")
    )


def is_image(path: Path) -> bool:
    """Tell by its header, whatever its name, whether a file is an image that `load_image` takes."""
    try:
        inspect_image(path)
    except InputError:
        return False
    return True


def load_image(
    file: Path | Content,
    *,
    upright: bool = True,
    size: Size | None = None,
    least_side: int | None = None,
    most_pixels: int | None = MOST_PIXELS,
) -> np.ndarray:
    """Load an image as RGB.

    Args:
        file: the image file, or its content; grey, palette, CMYK and transparent images become RGB.
        upright: whether it is turned as its EXIF orientation says, or its pixels are left as they are stored.
        size: (height, width) that it must have then; None: any.
        least_side: where given, a JPEG file is decoded at 1/2, 1/4 or 1/8 of its size, the least that leaves both sides
            so many pixels: the decoder does less then.
        most_pixels: a larger image is refused by its header, before anything is decoded; None: none is.

    Returns:
        (H, W, 3) uint8, RGB.

    Raises:
        InputError: if the file is missing, truncated or no image of 8 bits a channel, or its size is another.
    """
    with open_image(file, modes=COLOR_MODES, expected=EXPECTED_IMAGE, most_pixels=most_pixels) as image:
        header = read_header(image)
        found = header.upright if upright else header.raw
        if size is not None and size != found:
            wanted = f"expected {describe_size(size)}, as its annotation says"
            raise fault("size of an image", file, f"size is {describe_size(found)}", wanted)
        _reduce(image, least_side)
        with _large if header.raw[0] * header.raw[1] > LARGE else nullcontext():
            plain = least_side is None and not (upright and header.turned)
            pixels = decode_plain(image) if plain else None
            return _to_rgb(image, upright=upright) if pixels is None else pixels


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
    with open_image(
        BytesIO(content), name=name, modes=COLOR_MODES, expected=EXPECTED_IMAGE, most_pixels=most_pixels
    ) as image:
        return _to_rgb(image, upright=True)


def read_decoded_size(path: Path, upright: bool, least_side: int | None, most_pixels: int = MOST_PIXELS) -> Size:
    """Return (height, width) in pixels of what `load_image` gives for the same arguments, from the header alone.

    Raises:
        InputError: as `load_image`, but for damage behind the header.
    """
    with open_image(path, modes=COLOR_MODES, expected=EXPECTED_IMAGE, most_pixels=most_pixels) as image:
        _reduce(image, least_side)
        header = read_header(image)
        return header.upright if upright else header.raw


def load_mask(file: Path | Content, *, most_pixels: int | None = MOST_PIXELS) -> np.ndarray:
    """Load a mask of class indices, upright; palette images give indices, not colours.

    Args:
        file: the file, or its content.
        most_pixels: a larger one is refused by its header, before anything is decoded; None: none is.

    Returns:
        (H, W) uint8, or int32 from a 16-bit or 32-bit file.

    Raises:
        InputError: if the file is missing, truncated, no image, or has several channels.
    """
    with open_image(file, modes=INDEX_MODES, expected=EXPECTED_MASK, most_pixels=most_pixels) as image:
        turned = _turn(image)
        return np.array(turned).astype(np.int32 if turned.mode.startswith("I") else np.uint8)


def load_colors(path: Path, *, most_pixels: int | None = MOST_PIXELS) -> np.ndarray:
    """Load a mask of colours, upright; palette images give their colours; see `load_mask`.

    Returns:
        (H, W, 3) uint8, RGB.

    Raises:
        InputError: if the file is missing, truncated, or no image of 8 bits a channel.
    """
    with open_image(path, modes=COLOR_CODED_MODES, expected=EXPECTED_COLORS, most_pixels=most_pixels) as image:
        return _to_rgb(image, upright=True)


def read_palette(path: Path) -> list[tuple[int, int, int]]:
    """Return the colours of a palette image by index, none for another image, from the header alone.

    Raises:
        InputError: as `load_mask`, but for damage behind the header.
    """
    with open_image(path, modes=MASK_MODES, expected=EXPECTED_MASK, most_pixels=None) as image:
        values = image.getpalette("RGB") if image.mode == "P" else None
        return list(zip(*[iter(values or [])] * 3, strict=True))


def is_color_coded(path: Path) -> bool:
    """Return whether a mask has several channels: colours, not indices.

    Raises:
        InputError: as `load_mask`, but for damage behind the header.
    """
    with open_image(path, modes=MASK_MODES, expected=EXPECTED_MASK, most_pixels=None) as image:
        return image.mode in ("RGB", "RGBA")


def read_size(path: Path) -> Size:
    """Return (height, width) in pixels of the upright image, from the header alone.

    Raises:
        InputError: as `load_image`, but for damage behind the header.
    """
    return inspect_image(path).upright


def inspect_image(file: str | Path | Content, *, most_pixels: int | None = MOST_PIXELS) -> Header:
    """Read the header of an image alone; see `load_image` for the arguments.

    Raises:
        InputError: as `load_image`, but for damage behind the header.
    """
    with suppress(OSError, ValueError):  # `open_image` says what is wrong
        header = read_plain(file.getvalue()[:BYTES] if isinstance(file, Content) else read_beginning(file, BYTES))
        if header is not None and (most_pixels is None or header.raw[0] * header.raw[1] <= most_pixels):
            return header
    file = Path(file) if isinstance(file, str) else file
    with open_image(file, modes=COLOR_MODES, expected=EXPECTED_IMAGE, most_pixels=most_pixels) as image:
        return read_header(image)


def read_mask_size(path: Path, *, color_coded: bool = False) -> Size:
    """Return (height, width) in pixels of the array that `load_mask` or `load_colors` gives, from the header alone.

    Raises:
        InputError: as these, but for damage behind the header.
    """
    modes, expected = (COLOR_CODED_MODES, EXPECTED_COLORS) if color_coded else (INDEX_MODES, EXPECTED_MASK)
    with open_image(path, modes=modes, expected=expected, most_pixels=None) as image:  # nothing is decoded
        return read_header(image).upright


def _to_rgb(image: Image.Image, *, upright: bool) -> np.ndarray:
    """Decode to (H, W, 3) uint8, RGB, turned as the EXIF orientation says or left raw."""
    turned = _turn(image) if upright else image
    return to_array(turned if turned.mode == "RGB" else turned.convert("RGB"))  # Pillow's convert always copies


def to_array(image: Image.Image) -> np.ndarray:
    """Return the pixels of an RGB image, (H, W, 3) uint8; strip by strip, as Pillow would hold them twice meanwhile."""
    if image.height * image.width <= STRIP:
        return np.array(image)
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    rows = max(1, STRIP // image.width)
    for top in range(0, image.height, rows):
        pixels[top : top + rows] = np.asarray(image.crop((0, top, image.width, min(image.height, top + rows))))
    return pixels


def _turn(image: Image.Image) -> Image.Image:
    """Return an image as its EXIF orientation says."""
    return image if find_orientation(image) == 1 else ImageOps.exif_transpose(image)


def _reduce(image: Image.Image, least_side: int | None) -> None:
    """Tell the decoder of a JPEG to give a smaller picture; other formats have none."""
    if least_side is not None:
        image.draft(image.mode, (least_side, least_side))

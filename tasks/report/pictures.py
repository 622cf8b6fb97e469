"""Pictures inside a page: data URIs, made small enough that a page with many of them can be mailed."""

import base64
import io
from pathlib import Path

from PIL import Image

from data.image_headers import open_image
from data.images import COLOR_MODES, EXPECTED_IMAGE

WIDEST = 900  # pixels of a photograph
WIDEST_PLOT = 1400
QUALITY = 80  # of JPEG


def embed_photo(path: Path) -> str:
    """Return an image file as the data URI of a JPEG of at most `WIDEST` pixels across."""
    with open_image(path, modes=COLOR_MODES, expected=EXPECTED_IMAGE) as image:
        small = shrink(image.convert("RGB"), WIDEST)
        buffer = io.BytesIO()
        small.save(buffer, "JPEG", quality=QUALITY, optimize=True)
    return encode("image/jpeg", buffer.getvalue())


def embed_plot(path: Path) -> str:
    """Return a drawing as the data URI of a PNG of 256 colours, at most `WIDEST_PLOT` pixels across."""
    with open_image(path, modes=COLOR_MODES, expected=EXPECTED_IMAGE) as image:
        ground = Image.new("RGB", image.size, "white")
        ground.paste(image, mask=image.getchannel("A") if "A" in image.getbands() else None)
        small = shrink(ground, WIDEST_PLOT).quantize(256, dither=Image.Dither.NONE)
        buffer = io.BytesIO()
        small.save(buffer, "PNG", optimize=True)
    return encode("image/png", buffer.getvalue())


def shrink(image: Image.Image, widest: int) -> Image.Image:
    """Return the image at most so many pixels across; it never grows."""
    if image.width <= widest:
        return image
    return image.resize((widest, max(1, round(image.height * widest / image.width))), Image.Resampling.LANCZOS)


def encode(kind: str, content: bytes) -> str:
    """Return bytes as a data URI."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"

"""The pixels of plain JPEG files by torchvision's decoder, which copies them less often than Pillow does.

Both use libjpeg-turbo, so pixels are the same. What torchvision refuses is left to Pillow,
so what is read, and what is said of a damaged file, stays as it is.
"""

import numpy as np
from PIL import Image


def decode_plain(image: Image.Image) -> np.ndarray | None:
    """Decode the file of an RGB image as its pixels are stored; None if Pillow is to do it.

    Args:
        image: opened and checked, not decoded yet.

    Returns:
        (H, W, 3) uint8, RGB.
    """
    if image.format != "JPEG" or image.mode != "RGB":
        return None
    import torch  # not needed by commands that read headers alone
    from torchvision.io import ImageReadMode, decode_jpeg

    file = image.fp  # type: ignore[attr-defined]
    file.seek(0)
    content = torch.frombuffer(bytearray(file.read()), dtype=torch.uint8)
    try:
        pixels = decode_jpeg(content, mode=ImageReadMode.RGB)  # (3, H, W)
    except RuntimeError:
        return None
    if pixels.shape[1:] != (image.height, image.width):
        return None
    return np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())  # (H, W, 3); no copy, as they lie like this

"""What a head knows of a backbone: the name, width and stride of each feature map."""

from typing import NamedTuple


class Tap(NamedTuple):
    """One feature map, (N, channels, ceil(H / stride), ceil(W / stride)) for images (N, 3, H, W)."""

    name: str
    channels: int
    stride: int

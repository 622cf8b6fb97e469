"""LR-ASPP as TensorFlow DeepLab builds it (the paper's), and as torchvision does."""

from typing import NamedTuple


class HeadConvention(NamedTuple):
    """What differs between implementations.

    Attributes:
        gate_bias: whether the gate's convolution has a bias.
        gate: its non-linearity.
        windows: whether the gate pools 49 x 49 windows; the whole map otherwise.
        align_corners: of every bilinear resize.
    """

    gate_bias: bool
    gate: str
    windows: bool
    align_corners: bool


CONVENTIONS = {
    "tensorflow": HeadConvention(gate_bias=True, gate="hard sigmoid", windows=True, align_corners=True),
    "torchvision": HeadConvention(gate_bias=False, gate="sigmoid", windows=False, align_corners=False),
}

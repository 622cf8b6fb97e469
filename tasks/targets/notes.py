"""What accelerators are documented to take of MobileNetV3, and where no document was found: no rule follows from it."""

from typing import NamedTuple

from tasks.targets.sources import (
    CORAL_OPERATORS,
    CORAL_TIPS,
    HAILO_INT8,
    HAILO_LAYERS,
    HAILO_ZOO,
    QNN_EP,
    QNN_HTP,
    RKNN,
    RKNN_LIMITS,
    RKNN_V3,
    VELA,
    VELA_V3,
    XNNPACK,
    Source,
)


class Note(NamedTuple):
    """What is known, or not, of one subject on one target."""

    target: str  # key of `tasks.targets.rule.TARGETS`
    about: str
    says: str
    source: Source | None  # None: no document was found


UNKNOWN = "no document found"

NOTES = (
    Note("coral", "5 x 5 and dilated convolutions", "taken; dilation alike in both directions", CORAL_OPERATORS),
    Note("coral", "hard sigmoid", "exported as addition, ReLU6 and product, which it has", CORAL_OPERATORS),
    Note("coral", "what follows", "the first operator that is not taken and all after it run on the CPU", CORAL_TIPS),
    Note("coral", "weights", "a scale a tensor or a channel; the latter is advised", CORAL_TIPS),
    Note("coral", "product with one number a channel", UNKNOWN, None),
    Note("ethos-u", "h-swish", "taken in 8 bits", VELA),
    Note("ethos-u", "hard sigmoid", "exported as addition, ReLU6 and product, which it has", VELA),
    Note("ethos-u", "product with one number a channel", "taken: sides of 1 are broadcast", VELA),
    Note("ethos-u", "global mean", "taken up to 16777216 cells and 4096 columns", VELA),
    Note("ethos-u", "5 x 5 and dilated convolutions", "taken up to 64 rows, 4096 cells and a stride of 3", VELA),
    Note("ethos-u", "pooling", "8 x 8 with padding; 256 rows, 65536 cells without; a stride of 3", VELA),
    Note("ethos-u", "weights", "a scale a channel in convolutions alone", VELA),
    Note("ethos-u", "MobileNetV3", "one report: compiled by Vela, it fails on a board that runs V2", VELA_V3),
    Note("hailo", "the compiler's own list of layers", "in a user guide for registered users: not read", None),
    Note("hailo", "MobileNetV3", "in its model zoo, compiled: 72.21 top-1, quantised 71.73", HAILO_ZOO),
    Note("hailo", "minimalistic MobileNetV3", "the same: 72.11, quantised 70.61; 1.46 times as fast", HAILO_ZOO),
    Note("hailo", "precision", "its compiler quantises by itself: give it the file in float", HAILO_INT8),
    Note("hailo", "transpositions, reshaping", "not everywhere; best left behind the end of the file", HAILO_LAYERS),
    Note("hailo", "resize with aligned corners, large windows, sizes of the input", UNKNOWN, None),
    Note("rockchip", "h-swish, hard sigmoid", "listed", RKNN),
    Note("rockchip", "MobileNetV3", "asked for in the model zoo, which has MobileNetV2", RKNN_V3),
    Note("rockchip", "product with one number a channel", "taken on the NPU", RKNN_LIMITS),
    Note("rockchip", "global mean", "pooling up to 343 x 343, means up to 8192 x 8192", RKNN_LIMITS),
    Note(
        "rockchip", "5 x 5 and dilated convolutions", "kernels up to 31, strides up to 7, padding up to 15", RKNN_LIMITS
    ),
    Note("rockchip", "argmax", "listed", RKNN),
    Note("rockchip", "precision, aligned corners", UNKNOWN, None),
    Note("qnn", "operators", "h-swish, means, resizes, argmax and TopK are listed", QNN_EP),
    Note("qnn", "argmax", "up to four dimensions", QNN_HTP),
    Note(
        "qnn", "limits of windows, resizes and sizes", "in Qualcomm's supplement, read here for argmax alone", QNN_HTP
    ),
    Note("ane", "h-swish, hard sigmoid, argmax", UNKNOWN, None),
    Note(
        "ane",
        "everything",
        "Apple publishes no list: these rules are what others saw, in part on systems of 2020",
        None,
    ),
    Note("xnnpack", "convolutions, h-swish, products, means, resizes", "taken in float", XNNPACK),
    Note("xnnpack", "hard sigmoid", "exported as addition, clipping and division, which it has", XNNPACK),
    Note("xnnpack", "open batch", "shapes may be open, but for slices", XNNPACK),
)

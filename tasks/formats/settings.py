"""What goes into an exported file, apart from the network."""

from dataclasses import dataclass
from typing import Literal

from data.sizes import Size

Input = Literal["uint8", "float"]
HSwish = Literal["native", "parts"]
Precision = Literal["fp32", "fp16", "int8"]
Argmax = Literal["full", "low", "none"]
# fmt: off
System = Literal[  # the oldest that a Core ML program runs on: those that have ML Programs
    "iOS15", "iOS16", "iOS17", "iOS18", "iOS26",
    "macOS12", "macOS13", "macOS14", "macOS15", "macOS26",
    "watchOS8", "watchOS9", "watchOS10", "watchOS11", "watchOS26",
    "tvOS15", "tvOS16", "tvOS17", "tvOS18", "tvOS26",
]
# fmt: on
INPUT = "images"  # what a file calls its input
NETWORK = ("backbone", "head")  # the modules of a graph that are neither before nor behind the network


@dataclass(frozen=True, kw_only=True)
class GraphSettings:
    """What goes into an exported file, apart from the network.

    Attributes:
        size: (height, width) in pixels of the images that it takes.
        batch: images at once; None for any number, where the format has that.
        input: "uint8", images (N, H, W, 3) as they are decoded, RGB; or "float", tensors (N, 3, H, W), normalised.
        hswish: "native", one operator; or "parts": h-swish and h-sigmoid by addition, clipping and multiplication.
        nms: of a detector: whether boxes are decoded and suppressed in the file.
        candidates: of a detector: pairs of anchor and class that go into suppression, an image; None for three times
            the most detections.
        argmax: of a segmenter: "full", a class for each pixel of the input; "low", for each cell of the head's map,
            before it is enlarged; "none", the logits of these cells.
        scores: of a segmenter: whether the probability of that class is given too.
    """

    size: Size
    batch: int | None = 1
    input: Input = "uint8"
    hswish: HSwish = "native"
    nms: bool = True
    candidates: int | None = None
    argmax: Argmax = "full"
    scores: bool = False

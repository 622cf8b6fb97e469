"""When a stage of an exported file is as it should be."""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

from data.sizes import Size
from tasks.export.differences import Difference
from tasks.formats.settings import Precision

Verdict = Literal["equal", "close", "unclear", "different"]

EQUAL = 0.01  # of what half a grey level changes: a difference of less is nothing that the input could show
DIFFERENT = 1.001  # times that: rounding to whole grey levels is not more than half of one
# A stage of which half a grey level changes no more than this share of its largest value says nothing of the input.
DEAD = 1e-6
DECISIONS = ("boxes", "scores", "labels")  # stages behind a choice, the largest of many values


class Decibels(NamedTuple):
    """Signal-to-noise ratios of a stage, in decibels.

    Attributes:
        good: from here on it is close.
        least: under this it is different.
        dead: the most by which a stage may differ that does not react to the input, as a share of its largest value.
    """

    good: float
    least: float
    dead: float

    def __str__(self) -> str:
        return f"from {self.least:g} dB"


class Ratio(NamedTuple):
    """The most by which a stage may differ, as a share of its largest value."""

    most: float

    def __str__(self) -> str:
        return f"up to {self.most:g}"


Limit = Decibels | Ratio

FP32 = Ratio(1e-5)
# Means over whole maps round more the larger these are: in a trained LR-ASPP-Large of 1024 x 2048 up to 1.1e-5, of
# 352 x 480 up to 1.5e-6. Beyond so many pixels of input the limit grows as the square root of their number.
USUAL_PIXELS = 512 * 512
# Two classes that score alike within rounding change places; none of the 786 432 pixels of eight of the demo's images.
FP32_INDICES = Ratio(1e-4)

# As measured on three trained models, SSDLite-Small 192 x 288, LR-ASPP-Small 256 x 384 and SSDLite-Large 320 x 320.
# Right files in fp16 (of the small two, onnxruntime's converter): from 50 dB, decisions from 36; 40 dB is what half a
# grey level does to the input. Right files in int8 (of all, onnxruntime's static quantisation of convolutions, unsigned
# activations, signed weights by channel, 32 images): from 12 dB, decisions from 11. With the weights of one convolution
# twice too large, one after the other: the stage of 191 falls to at most 8.5 dB, and none before it; 51, within
# squeeze-and-excite and LR-ASPP's gate, which a hard sigmoid bounds, stay at 12 or more. They are left to the metric.
# Where a device computes fp16 files in bfloat16, as OpenVINO does on processors that have it, right ones fall to 28 dB.
VALUES = {"fp16": Decibels(40, 25, 0.01), "int8": Decibels(16, 10, 0.05)}
CHOICES = {"fp16": Decibels(34, 20, 0.01), "int8": Decibels(10, 5, 0.05)}


@dataclass(frozen=True)
class Judgement:
    """What is said of a stage.

    Attributes:
        verdict: "equal", "different", or for rounded files "close", where that is clear.
        passed: whether it is as it should be.
        limit: that it is judged by.
    """

    verdict: Verdict
    passed: bool
    limit: Limit


def judge(own: Difference, shift: Difference, limit: Limit) -> Judgement:
    """Judge a stage by how the file differs from the model and how the model's own stage reacts to its input.

    Without rounding, both the largest and the typical difference are compared with what half a grey level changes:
    "equal" is at most a hundredth of it, "different" more than all of it; between them it is "unclear", and what
    counts is the limit alone. Rounded files differ by more than that even if all is well: their limits are ratios of
    signal to noise. A stage that does not react to the input, as in a network that has not learnt, has neither to be
    compared with: there the share of its largest value counts.

    Args:
        own: difference between file and model.
        shift: difference between the model on images and on the same images changed by half a grey level.
        limit: of the stage.
    """
    if shift.relative(shift.largest) <= DEAD and own.largest > 0:
        most = DIFFERENT * limit.most if isinstance(limit, Ratio) else limit.dead
        return Judgement("unclear", own.relative(own.largest) <= most, limit)
    if isinstance(limit, Decibels):
        ratio = own.decibels
        verdict: Verdict = "close" if ratio >= limit.good else "unclear" if ratio >= limit.least else "different"
        return Judgement(verdict, verdict != "different", limit)
    pairs = ((own.largest, shift.largest), (own.typical, shift.typical))
    if all(value <= EQUAL * change for value, change in pairs):
        verdict = "equal"
    else:
        verdict = "different" if any(value > DIFFERENT * change for value, change in pairs) else "unclear"
    return Judgement(verdict, verdict != "different" and own.relative(own.largest) <= DIFFERENT * limit.most, limit)


def choose_limit(stage: str, precision: Precision, *, size: Size) -> Limit:
    """Return the limit of a stage in files of a precision, whose input has `size` (height, width) in pixels."""
    if precision == "fp32" and stage == "labels":
        return FP32_INDICES
    if precision == "fp32":
        return Ratio(FP32.most * max(1.0, math.sqrt(size[0] * size[1] / USUAL_PIXELS)))
    return (CHOICES if stage in DECISIONS else VALUES)[precision]

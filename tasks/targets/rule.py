"""What a rule about an accelerator is."""

from typing import Literal, NamedTuple

from data.errors import InputError
from tasks.targets.conditions import Condition, is_gate, uses, where, within
from tasks.targets.sources import Source

Severity = Literal["refused", "falls back to the CPU", "slow", "precision at risk"]

TARGETS = {
    "coral": "Coral, by the Edge TPU compiler",
    "ethos-u": "Arm Ethos-U55, U65 and U85, by Vela",
    "hailo": "Hailo-8 and its kin, by the Dataflow Compiler",
    "rockchip": "Rockchip NPUs, by RKNN Toolkit 2",
    "qnn": "Qualcomm HTP, by QNN",
    "ane": "Apple Neural Engine, by Core ML",
    "xnnpack": "any CPU, by ExecuTorch's XNNPACK",
}


class Rule(NamedTuple):
    """One thing that a tool is documented to refuse or to run badly."""

    target: str  # key of `TARGETS`
    about: str  # what it concerns
    finds: Condition  # names the layers or settings of a network that it concerns
    severity: Severity  # what becomes of them
    says: str  # what the document says
    cures: tuple[str, ...]  # options, any of which cures it, the best first; `model.` and `task=` are of training
    source: Source


ONE_IMAGE = ("batch=1",)
ON_HOST = ("nms=false",)
MINIMALISTIC = ("model.minimalistic=true",)
SMALL_LABELS = ("argmax=low", "argmax=none")
ONE_WINDOW = ("model.aspp=torchvision",)

find_suppression = uses("topk", "gather")
find_expansions = within("head", uses("expand"))
find_resizes = uses("upsample_bilinear2d")
find_excitations = within("backbone", where(is_gate))  # squeeze-and-excite


def check_name(name: str) -> None:
    """Check that there is a target of this name.

    Raises:
        InputError: if there is none.
    """
    if name not in TARGETS:
        raise InputError(f"target: unknown {name!r}; choose from {', '.join(TARGETS)}")

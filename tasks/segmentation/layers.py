"""The layers of a segmenter's head, as they are timed one by one."""

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from backbones.taps import Tap
from heads.lraspp import LRASPP, resize
from heads.raspp import RASPP
from tasks.models.architecture import Arch
from tasks.models.layers import Layer, OnC5, Shape


class Context(nn.Module):
    """What LR-ASPP makes of C5, up to logits at the size of the skip."""

    def __init__(self, head: LRASPP, size: tuple[int, int]) -> None:
        super().__init__()
        self.head, self.size = head, size

    def forward(self, c5: Tensor) -> Tensor:
        """Turn C5 (N, C, h, w) into (N, K, h', w')."""
        head = self.head
        gate = head.gate(head.pool(c5))
        if gate.shape[2:] != (1, 1):
            gate = resize(gate, (c5.shape[2], c5.shape[3]), align_corners=head.align_corners)
        logits: Tensor = head.classify(resize(head.project(c5) * gate, self.size, align_corners=head.align_corners))
        return logits


def make_context(
    *, c_in: int, filters: int, classes: int, height: int, width: int, convention: str = "tensorflow"
) -> nn.Module:
    """Build what LR-ASPP does on C5, up to logits of (height, width) cells."""
    taps = {"C5": Tap("C5", c_in, 16), "skip": Tap("skip", 8, 8)}
    head = LRASPP(taps, num_classes=classes, filters=filters, convention=convention)
    return Context(head, (height, width))


def make_skip(*, c_in: int, classes: int) -> nn.Module:
    """Build what LR-ASPP does on the skip."""
    return nn.Conv2d(c_in, classes, 1)


def make_raspp(*, c_in: int, filters: int, classes: int) -> nn.Module:
    """Build R-ASPP on C5."""
    return OnC5(RASPP({"C5": Tap("C5", c_in, 16)}, num_classes=classes, filters=filters))


def list_lraspp(arch: Arch, maps: Mapping[str, Shape]) -> list[Layer]:
    """Return the layers of LR-ASPP."""
    c5, skip = maps["C5"], maps["skip"]
    context: dict[str, int | str | bool] = {"c_in": c5[0], "filters": arch.filters, "classes": arch.num_classes}
    context |= {"height": skip[1], "width": skip[2]}
    context |= {"convention": arch.aspp} if arch.aspp != "tensorflow" else {}
    return [
        Layer("lraspp_context", tuple(context.items()), c5, make_context),
        Layer("lraspp_skip", (("c_in", skip[0]), ("classes", arch.num_classes)), skip, make_skip),
    ]


def list_raspp(arch: Arch, maps: Mapping[str, Shape]) -> list[Layer]:
    """Return the one layer that R-ASPP is."""
    settings = (("c_in", maps["C5"][0]), ("filters", arch.filters), ("classes", arch.num_classes))
    return [Layer("raspp", settings, maps["C5"], make_raspp)]


HEADS: dict[str, Callable[[Arch, Mapping[str, Shape]], list[Layer]]] = {"lraspp": list_lraspp, "raspp": list_raspp}


def list_layers(arch: Arch, maps: Mapping[str, Shape]) -> list[Layer]:
    """Return the layers of the head, for maps of these shapes."""
    return HEADS[arch.head](arch, maps)

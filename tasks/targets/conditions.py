"""What a rule about an accelerator looks for: functions that name the layers or settings of a network it concerns."""

from collections.abc import Callable

from data.sizes import Size
from tasks.targets.network import Layer, Network

Condition = Callable[[Network], list[str]]
ResizeTest = Callable[[Size, Size, bool], bool]


def uses(*ops: str) -> Condition:
    """Find operators by torch's names."""
    return lambda network: [layer.name for layer in network.layers if layer.op in ops]


def where(test: Callable[[Layer], bool]) -> Condition:
    """Find layers that a test holds for."""
    return lambda network: [layer.name for layer in network.layers if test(layer)]


def within(part: str, condition: Condition) -> Condition:
    """Find the same in a part of the model alone: "backbone" or "head"."""
    return lambda network: [name for name in condition(network) if name.startswith(part)]


def after_head(condition: Condition) -> Condition:
    """Find the same in what follows the head alone."""
    return lambda network: [name for name in condition(network) if not name.startswith(("backbone", "head"))]


def when_int8(condition: Condition) -> Condition:
    """Find the same in networks of integers alone."""
    return lambda network: condition(network) if network.precision == "int8" else []


def when_batched(condition: Condition) -> Condition:
    """Find the same where several images go in at once."""
    return lambda network: condition(network) if (network.settings.batch or 1) > 1 else []


def precision_other_than(*allowed: str) -> Condition:
    """Tell networks of another precision."""
    return lambda network: [] if network.precision in allowed else [f"precision={network.precision}"]


def float_input(network: Network) -> list[str]:
    """Tell networks that take tensors (N, 3, H, W)."""
    return ["input=float"] if network.settings.input == "float" else []


def open_batch(network: Network) -> list[str]:
    """Tell networks that take any number of images."""
    return ["batch=null"] if network.settings.batch is None else []


def batch_over_one(network: Network) -> list[str]:
    """Tell networks that take several images at once."""
    batch = network.settings.batch or 1
    return [f"batch={batch}"] if batch > 1 else []


def wider_than(width: int) -> Condition:
    """Tell networks whose input has more columns."""
    return lambda network: [f"size={list(network.settings.size)}"] if network.settings.size[1] > width else []


def is_dilated(layer: Layer) -> bool:
    """Tell dilated convolutions."""
    dilation = layer.options.get("dilation", (1, 1))
    return layer.op == "conv2d" and isinstance(dilation, list | tuple) and max(dilation) > 1


def is_gate(layer: Layer) -> bool:
    """Tell products of a map (N, C, h, w) with one number a channel (N, C, 1, 1) that is no constant."""
    if layer.op != "mul" or layer.constant or len(layer.output) != 4 or layer.output[2:] == (1, 1):
        return False
    return any(shape[2:] == (1, 1) for shape in layer.inputs)


def means(*, side: int = 0, cells: int = 0) -> Condition:
    """Find means of maps that have more rows or columns than `side`, and more than `cells` cells."""

    def is_large(layer: Layer) -> bool:
        if layer.op != "mean" or len(layer.inputs[0]) != 4:
            return False
        height, width = layer.inputs[0][2:]
        return max(height, width) > side and height * width > cells

    return where(is_large)


def averages_windows(layer: Layer) -> bool:
    """Tell the products with constant matrices that stand for LR-ASPP's windows."""
    return layer.op == "matmul" and layer.constant


def resizes(test: ResizeTest) -> Condition:
    """Find bilinear resizes by (height, width) before and after, and whether corners are aligned."""

    def is_resize(layer: Layer) -> bool:
        if layer.op != "upsample_bilinear2d":
            return False
        (before, after), aligned = (layer.inputs[0][2:], layer.output[2:]), bool(layer.options.get("align_corners"))
        return test((before[0], before[1]), (after[0], after[1]), aligned)

    return where(is_resize)


def off_vela_grid(before: Size, after: Size, aligned: bool) -> bool:
    """Tell resizes that Ethos-U55 and U65 do not take: those of torch without aligned corners sample half pixels."""
    if before == (1, 1) or before == after:
        return False
    if not aligned:
        return after != (2 * before[0], 2 * before[1])
    return not any(
        all(b - 1 == factor * (a - 1) for a, b in zip(before, after, strict=True)) for factor in (1, 2, 4, 8)
    )


def beyond(factor: int) -> ResizeTest:
    """Return a test for resizes by more than a factor."""
    return lambda before, after, _: any(b > factor * a for a, b in zip(before, after, strict=True))


def over(side: int) -> ResizeTest:
    """Return a test for resizes to more rows or columns than `side`."""
    return lambda before, after, _: max(after) > side


def not_doubling(before: Size, after: Size, aligned: bool) -> bool:
    """Tell resizes by other than two."""
    return after != (2 * before[0], 2 * before[1])


def classes_over(count: int) -> Condition:
    """Find the choice of the best class among more than `count`."""
    return where(lambda layer: layer.op == "argmax" and layer.inputs[0][1] > count)

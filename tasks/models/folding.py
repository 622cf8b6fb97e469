"""Batch norms folded into the convolutions before them: fewer operators that compute the same."""

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.utils.hooks import RemovableHandle

from tasks.models.replacing import replace_layers


def fold_norms(model: nn.Module, example: Tensor) -> None:
    """Fold each batch norm behind a convolution into it, in place; what is left of a norm is its activation.

    Args:
        model: in evaluation mode; its submodules keep their names.
        example: that it takes, for a run that shows what stands behind what.
    """
    norms = find_norms(model, example)
    for pair in norms.values():
        fold(*pair)
    replace_layers(model, lambda layer: what_follows(layer) if layer in norms else None)


def find_norms(model: nn.Module, example: Tensor) -> dict[nn.Module, tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Return each batch norm that takes what a convolution gives, with that convolution."""
    norms: dict[nn.Module, tuple[nn.Conv2d, nn.BatchNorm2d]] = {}
    givers: dict[int, tuple[Tensor, nn.Conv2d]] = {}  # by the identity of what they gave, which is kept alive

    def note_conv(layer: nn.Conv2d, _: tuple[Tensor, ...], output: Tensor) -> None:
        givers[id(output)] = (output, layer)

    def note_norm(layer: nn.BatchNorm2d, inputs: tuple[Tensor, ...]) -> None:
        if id(inputs[0]) in givers:
            norms[layer] = (givers[id(inputs[0])][1], layer)

    hooks: list[RemovableHandle] = []
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            hooks.append(module.register_forward_hook(note_conv))
        elif isinstance(module, nn.BatchNorm2d):
            hooks.append(module.register_forward_pre_hook(note_norm))
    with torch.no_grad():
        model(example)
    for hook in hooks:
        hook.remove()
    return norms


def fold(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    """Fold the batch norm behind a convolution into its weight and bias."""
    fused = fuse_conv_bn_eval(conv, norm)
    conv.weight, conv.bias = fused.weight, fused.bias


def what_follows(norm: nn.Module) -> nn.Module:
    """Return what is left of a norm that was folded: timm's have an activation of their own."""
    rest = [getattr(norm, name) for name in ("drop", "act") if isinstance(getattr(norm, name, None), nn.Module)]
    return nn.Sequential(*rest) if rest else nn.Identity()

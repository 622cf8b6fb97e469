"""Networks that learn to compute in integers: weights and activations pass through 8 bits (arXiv:1712.05877).

The norms are folded first, so that what is rounded in training is what a device will hold. Each tensor that a
convolution takes or gives is rounded to 256 steps between its lowest and highest value, and each channel of its weight
to 255 steps around 0; gradients pass as if nothing had been rounded, but for values beyond the range.
"""

import torch
from torch import Tensor, nn

from tasks.collectives import widest
from tasks.models.folding import fold_norms
from tasks.models.replacing import replace_layers

LEVELS = 255  # steps of an activation, 0 to 255
WEIGHT_LIMIT = 127  # of a weight, which keeps 0 in the middle
AVERAGING = 0.05  # share of a batch in the range of an activation
SMALLEST_SCALE = 2.0**-20  # of a tensor that is 0 throughout
RECTIFIERS = (nn.ReLU, nn.ReLU6)  # which a convolution in integers does on its own, by clipping
ACTIVATIONS = (*RECTIFIERS, nn.Hardswish)
EXAMPLE = (1, 3, 64, 64)  # an input that any of our networks takes


class RoundedActivation(nn.Module):
    """Rounds a tensor to 256 steps between its lowest and highest value, both averaged over training."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("low", torch.zeros(()))
        self.register_buffer("high", torch.zeros(()))

    low: Tensor
    high: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Round x, of any shape."""
        if x.is_meta:  # where operations are counted; torch has no such kernel
            return x
        if self.training:
            self._observe(x.detach())
        return torch.fake_quantize_per_tensor_affine(x, *self.grid(), 0, LEVELS)

    def _observe(self, x: Tensor) -> None:
        """Move the range towards that of x, in all processes; 0 stays inside, for padding is exactly that."""
        low, high = widest(*(limit.float() for limit in torch.aminmax(x)))
        share = torch.where(self.high > self.low, AVERAGING, 1.0)  # the first batch sets it
        self.low += share * (low.clamp(max=0) - self.low)
        self.high += share * (high.clamp(min=0) - self.high)

    def grid(self) -> tuple[Tensor, Tensor]:
        """Return the scale, and the step (int32, 0 to 255) that stands for 0."""
        scale = ((self.high - self.low) / LEVELS).clamp(min=SMALLEST_SCALE)
        return scale, (-self.low / scale).round().clamp(0, LEVELS).int()


def weight_scales(weight: Tensor) -> Tensor:
    """Return the scale of each output channel of a weight (C, ...): (C,)."""
    return (weight.detach().abs().flatten(1).amax(1) / WEIGHT_LIMIT).clamp(min=SMALLEST_SCALE)


def weight_steps(weight: Tensor) -> Tensor:
    """Return the integers (C, ...) int8 that a weight is rounded to, in steps of its scales."""
    steps = weight.detach() / weight_scales(weight).reshape(-1, *[1] * (weight.ndim - 1))
    return steps.round().clamp(-WEIGHT_LIMIT, WEIGHT_LIMIT).to(torch.int8)


def round_weight(weight: Tensor) -> Tensor:
    """Round each output channel of a weight to 255 steps around 0.

    As torch.fake_quantize_per_channel_affine, which cannot be traced without data; no weight lies beyond its range.
    """
    scales = weight_scales(weight).reshape(-1, *[1] * (weight.ndim - 1))  # (C, 1, ...)
    rounded = (weight.detach() / scales).round().clamp(-WEIGHT_LIMIT, WEIGHT_LIMIT) * scales
    return weight + (rounded - weight).detach()  # gradients pass as if nothing had been rounded


class RoundedConv(nn.Module):
    """A convolution whose weight is rounded, and what enters and leaves it where nothing else rounds that.

    Args:
        conv: with its norm folded.
        before: whether its input is rounded here.
        after: whether its output is rounded here; it is behind the rectifier where one follows.
    """

    def __init__(self, conv: nn.Conv2d, *, before: bool, after: bool) -> None:
        super().__init__()
        self.conv = conv
        self.before: nn.Module = RoundedActivation() if before else nn.Identity()
        self.after: nn.Module = RoundedActivation() if after else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Turn x (N, C, H, W) into (N, C', H', W')."""
        weight = {"weight": round_weight(self.conv.weight)}
        y: Tensor = self.after(torch.func.functional_call(self.conv, weight, (self.before(x),)))
        return y


class Trace:
    """What one run shows of a network: which tensors pass from layer to layer.

    Attributes:
        takes: convolutions and activations, with what each takes.
        gives: what each gives.
    """

    def __init__(self, model: nn.Module, example: Tensor) -> None:
        self.takes: dict[nn.Module, Tensor] = {}
        self.gives: dict[nn.Module, Tensor] = {}
        layers = [layer for layer in model.modules() if isinstance(layer, (nn.Conv2d, *ACTIVATIONS))]
        hooks = [layer.register_forward_hook(self._note) for layer in layers]
        with torch.no_grad():
            model(example)
        for hook in hooks:
            hook.remove()

    def _note(self, layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        self.takes[layer], self.gives[layer] = inputs[0], output


def quantize(model: nn.Module) -> None:
    """Fold a network's norms and let it round what its convolutions take and give, in place.

    Args:
        model: takes images (N, 3, H, W); its state changes its names.
    """
    training = model.training
    model.eval()
    fold_norms(model, torch.zeros(EXAMPLE))
    trace = Trace(model, torch.zeros(EXAMPLE))
    rectified = {id(x) for layer, x in trace.takes.items() if isinstance(layer, RECTIFIERS)}
    rounded = {id(y) for y in trace.gives.values()}

    def choose(layer: nn.Module) -> nn.Module | None:
        if layer not in trace.takes:
            return None
        if not isinstance(layer, nn.Conv2d):
            return nn.Sequential(layer, RoundedActivation())
        before, after = id(trace.takes[layer]) not in rounded, id(trace.gives[layer]) not in rectified
        return RoundedConv(layer, before=before, after=after)

    replace_layers(model, choose)
    model.train(training)

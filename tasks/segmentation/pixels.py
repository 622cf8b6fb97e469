"""The class scores of each pixel, for losses: strip by strip, so that of full size nothing with K channels is kept.

Logits and losses of all pixels, with what their gradients need, are ten times the network's own maps. Here a strip of
rows is resized, turned into the few numbers that losses take, and forgotten; the backward pass makes it again. On a GPU
the resizing's products are as precise as `torch.set_float32_matmul_precision` says.
"""

from typing import Protocol

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from data.samples import IGNORE
from data.sizes import Size
from tasks.segmentation.upsampling import Strips, Upsampling, lengthen


class Pixels:
    """The pixels of a batch in training, and the scores of its logits there.

    Args:
        logits: (N, K, h, w), any float type; computed with in float32, or float64.
        masks: (N, H, W) int64, class indices or IGNORE.
        upsampling: how the logits are resized to the masks.

    Attributes:
        counted: (N, H, W) bool, where the mask does not say IGNORE.
        labels: (N, H, W) int64, the mask's class; 0 where nothing counts.
        own: (N, H, W), the logarithm of the score of that class.
    """

    def __init__(self, logits: Tensor, masks: Tensor, upsampling: Upsampling) -> None:
        self._logits = lengthen(logits)
        self._upsampling = upsampling
        self.counted = masks != IGNORE
        self.labels = torch.where(self.counted, masks, 0)
        found = OwnScores.apply(self._logits, put_rows_first(self.labels), upsampling)
        self.own, self._divisors = (values.squeeze(2).transpose(0, 1) for values in found)  # (N, H, W)

    @property
    def _cut(self) -> Size:
        return self.labels.shape[1], self.labels.shape[2]

    def average_log_scores(self) -> Tensor:
        """Return the mean over the classes of the logarithms of a pixel's scores: (N, H, W)."""
        logits = self._upsampling.resize(self._logits.mean(1, keepdim=True), cut=self._cut)  # (N, 1, H, W)
        return logits.squeeze(1) - self._divisors

    def sum_scores(self, *, step: int) -> Tensor:
        """Sum the scores of each class over every `step`-th counted pixel of every `step`-th row: (K,)."""
        weights = put_rows_first(self.counted[:, ::step, ::step].to(self._logits.dtype))
        sums: Tensor = ScoreSums.apply(self._logits, weights, self._upsampling, (self._cut, step))
        return sums

    def all_scores(self) -> Tensor:
        """Return all scores at full size, which is what this is to save: (K, P), P = N * H * W."""
        return self._upsampling.resize(self._logits, cut=self._cut).softmax(1).transpose(0, 1).flatten(1)


def put_rows_first(values: Tensor) -> Tensor:
    """Turn (N, H, W) into (H, N, 1, W)."""
    return values.transpose(0, 1).unsqueeze(2)


class Context(Protocol):
    """What autograd keeps of a function for its backward pass.

    Attributes:
        upsampling: how the logits are resized.
        pixels: the size of the images, and every how many-th row and column counts.
        saved_tensors: that were saved.
    """

    upsampling: Upsampling
    pixels: tuple[Size, int]
    saved_tensors: tuple[Tensor, ...]

    def save_for_backward(self, *tensors: Tensor) -> None:
        """Save tensors."""


class OwnScores(Function):
    """Of each pixel the logarithm of its own class's score, and that of the sum which scores are divided by."""

    @staticmethod
    def forward(ctx: Context, logits: Tensor, labels: Tensor, upsampling: Upsampling) -> tuple[Tensor, Tensor]:
        """Turn logits (N, K, h, w) float and labels (H, N, 1, W) int64 into two of the labels' shape."""
        ctx.save_for_backward(logits, labels)
        ctx.upsampling, ctx.pixels = upsampling, ((labels.shape[0], labels.shape[3]), 1)
        own, divisors = logits.new_empty(labels.shape), logits.new_empty(labels.shape)
        for rows, strip in Strips(logits, upsampling, cut=ctx.pixels[0]):
            torch.gather(strip.log_softmax(2), 2, labels[rows], out=own[rows])
            torch.sub(strip.gather(2, labels[rows]), own[rows], out=divisors[rows])
        return own, divisors

    @staticmethod
    @once_differentiable
    def backward(ctx: Context, own: Tensor, divisors: Tensor) -> tuple[Tensor, None, None]:
        """Turn the gradients of both into that of the logits."""
        logits, labels = ctx.saved_tensors
        shares = divisors - own
        with torch.autocast(logits.device.type, enabled=False):
            strips = Strips(logits, ctx.upsampling, cut=ctx.pixels[0])
            total = strips.start_gradient()
            for rows, strip in strips:
                gradient = strip.softmax(2).mul_(shares[rows]).scatter_add_(2, labels[rows], own[rows])
                strips.add_gradient(total, rows, gradient)
            return strips.finish_gradient(total), None, None


class ScoreSums(Function):
    """Of each class the sum of its scores, each pixel's weighed."""

    @staticmethod
    def forward(
        ctx: Context, logits: Tensor, weights: Tensor, upsampling: Upsampling, pixels: tuple[Size, int]
    ) -> Tensor:
        """Turn logits (N, K, h, w) float and weights (H', N, 1, W') float into (K,).

        `pixels` says which of them: the size of the images, and every how many-th row and column.
        """
        ctx.save_for_backward(logits, weights)
        ctx.upsampling, ctx.pixels = upsampling, pixels
        strips = Strips(logits, upsampling, cut=pixels[0], step=pixels[1])
        return torch.stack([strip.softmax(2).mul_(weights[rows]).sum((0, 1, 3)) for rows, strip in strips]).sum(0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Context, sums: Tensor) -> tuple[Tensor, None, None, None]:
        """Turn the sums' gradient (K,) into that of the logits."""
        logits, weights = ctx.saved_tensors
        with torch.autocast(logits.device.type, enabled=False):
            strips = Strips(logits, ctx.upsampling, cut=ctx.pixels[0], step=ctx.pixels[1])
            total, pull = strips.start_gradient(), sums[:, None]  # (K, 1)
            for rows, strip in strips:
                scores = strip.softmax(2)
                mean = (scores * pull).sum(2, keepdim=True)
                strips.add_gradient(total, rows, (pull - mean).mul_(scores).mul_(weights[rows]))
            return strips.finish_gradient(total), None, None, None

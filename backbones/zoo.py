"""The networks of `backbones.baselines`, built by timm, behind the same taps as MobileNetV3.

Needs the optional dependency timm, which is imported when the first such network is built.
"""

from collections.abc import Mapping
from functools import partial
from types import ModuleType

import torch
from torch import Tensor, nn
from torchvision.models.feature_extraction import create_feature_extractor

from backbones.baselines import INVERTED, LAST, NAMED, STEM, list_halvings, list_widths
from backbones.blocks import make_divisible
from backbones.taps import Tap


def import_timm() -> ModuleType:
    """Import timm.

    Raises:
        ModuleNotFoundError: saying how to install it.
    """
    try:
        import timm
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("needs timm: pip install 'bneck[timm]'") from error
    return timm


def build_inverted(name: str, *, width: float, halving: str, output_stride: int) -> nn.Module:
    """Build a network of `INVERTED`, with its classifier; all channels are scaled, the last convolution's too."""
    import_timm()
    from timm.layers.create_act import get_act_layer
    from timm.models import EfficientNet
    from timm.models._efficientnet_builder import decode_arch_def, round_channels

    body, tails, act = INVERTED[name]
    return EfficientNet(
        block_args=decode_arch_def([[row] for row in body] + [list(rows) for rows in tails[halving]]),
        stem_size=STEM,
        num_features=make_divisible(LAST * width),
        round_chs_fn=partial(round_channels, multiplier=width),
        act_layer=get_act_layer(act),
        output_stride=output_stride,
    )


class TimmBackbone(nn.Module):
    """The part of a timm network that the taps need; its layers keep timm's names, so timm's weights fit.

    Args:
        name: one of `backbones.baselines.BASELINES`.
        taps: name -> timm's name of the layer, such as those in `backbones.baselines.TAPS[name]`.
        width: multiplier of the channels.
        halving: rule for the channels between C4 and C5.
        output_stride: stride of C5, 32 or 16; at 16 only the rows after the strided one are dilated.
        bn_eps: added to the variance in batch normalisation.
        bn_momentum: 1 - TensorFlow's decay.

    Attributes:
        taps: name -> Tap, in the order asked for.

    Raises:
        ModuleNotFoundError: if timm is not installed.
        ValueError: if there is no such width or halving.
    """

    def __init__(
        self,
        name: str,
        *,
        taps: Mapping[str, str],
        width: float = 1.0,
        halving: str = "none",
        output_stride: int = 32,
        bn_eps: float = 0.001,
        bn_momentum: float = 0.01,
    ) -> None:
        super().__init__()
        if halving not in list_halvings(name):
            raise ValueError(f"halving: unknown {halving!r} of {name}; choose from {list_halvings(name)}")
        widths = list_widths(name)
        if widths is None:
            net = build_inverted(name, width=width, halving=halving, output_stride=output_stride)
        elif width in widths:
            net = import_timm().create_model(NAMED[name][width], features_only=True, output_stride=output_stride)
        else:
            raise ValueError(f"width: {width} of {name}; timm has {widths}")
        for layer in net.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.eps, layer.momentum = bn_eps, bn_momentum
        self.net = cut(net, taps)
        found = measure_taps(self.net)
        self.taps = {tap: found[tap] for tap in taps}

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Turn images (N, 3, H, W) into tap name -> (N, channels, ceil(H / stride), ceil(W / stride))."""
        maps = self.net(images)
        return {tap: maps[tap] for tap in self.taps}


def cut(net: nn.Module, points: Mapping[str, str]) -> nn.Module:
    """Return a network that gives the outputs of the named layers, tap -> layer, and has no more than they need."""
    from timm.layers.norm_act import BatchNormAct2d

    return create_feature_extractor(
        net, {layer: tap for tap, layer in points.items()}, tracer_kwargs={"leaf_modules": [BatchNormAct2d]}
    )


@torch.no_grad()
def measure_taps(net: nn.Module) -> dict[str, Tap]:
    """Run a small image through and note the channels and stride of each map."""
    side = 64
    training = net.training
    maps = net.eval()(torch.zeros(1, 3, side, side))
    net.train(training)
    return {tap: Tap(tap, x.shape[1], side // x.shape[2]) for tap, x in maps.items()}

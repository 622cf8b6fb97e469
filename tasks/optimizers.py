"""Optimizers, as the paper and TensorFlow's recipes have them."""

from collections.abc import Callable, Iterable
from functools import partial
from itertools import chain
from typing import Any

from torch import nn
from torch.optim import SGD, Optimizer, RMSprop
from torch.optim.lr_scheduler import LambdaLR

from tasks.optimization import Optimization, lr_factor

# TensorFlow adds its epsilon inside the square root: sqrt(x + .001) there is close to sqrt(x) + sqrt(.001) here.
RMSPROP_EPS = 0.0316
RMSPROP_DECAY = 0.9

OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "sgd": SGD,
    "rmsprop": partial(RMSprop, alpha=RMSPROP_DECAY, eps=RMSPROP_EPS),
}


def split_parameters(model: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Split into (decayed, not decayed): full convolutions decay; norms, biases and depthwise weights do not.

    Frozen parameters are in neither.
    """
    decayed: list[nn.Parameter] = []
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d) and not (layer.groups == layer.in_channels > 1):
            decayed.append(layer.weight)  # type: ignore[arg-type]
    decayed = [parameter for parameter in decayed if parameter.requires_grad]
    chosen = {id(parameter) for parameter in decayed}
    trained = (parameter for parameter in model.parameters() if parameter.requires_grad)
    return decayed, [parameter for parameter in trained if id(parameter) not in chosen]


def fuse(optimizer: SGD) -> None:
    """Have all weights changed by one kernel.

    The constructor's `fused` is another thing: it has the step itself undo the scaling of float16's gradients, so that
    Lightning refuses to clip them.
    """
    for group in optimizer.param_groups:
        group["fused"] = True


def free_gradients(optimizer: Optimizer, *_: Any) -> None:
    """Give the gradients' memory back as soon as they were used.

    Lightning does so only when the next backward pass starts: through the whole forward pass before it they would lie
    scattered over the heap, and the activations would have to find their place between them.
    """
    optimizer.zero_grad()


def build_optimizer(model: nn.Module, settings: Optimization) -> dict[str, Any]:
    """Return what Lightning's `configure_optimizers` takes: the optimizer, and a schedule that moves every step."""
    decayed, rest = split_parameters(model)
    groups: Iterable[dict[str, Any]] = [
        {"params": decayed, "weight_decay": settings.weight_decay},
        {"params": rest, "weight_decay": 0.0},
    ]
    optimizer = OPTIMIZERS[settings.name](groups, lr=settings.lr, momentum=settings.momentum)
    if isinstance(optimizer, SGD) and all(parameter.is_cuda for parameter in chain(decayed, rest)):
        fuse(optimizer)
    optimizer.register_step_post_hook(free_gradients)
    factor = partial(
        lr_factor,
        schedule=settings.schedule,
        warmup_steps=round(settings.warmup * settings.steps),
        steps=settings.steps,
        epochs=settings.epochs,
    )
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": LambdaLR(optimizer, factor), "interval": "step"}}

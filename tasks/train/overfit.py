"""The first sanity check of data and settings: can the network overfit a handful of images?"""

import logging
import math
from dataclasses import replace
from pathlib import Path

from data.errors import InputError
from tasks.files import Metrics
from tasks.train.config import TrainConfig

logger = logging.getLogger(__name__)

STEPS = 400  # at most
EVALUATIONS = 20  # on the way, so that a run ends soon after it has learned
ADVICE = (
    "check samples/ for wrong labels or misplaced boxes; "
    "small objects need a larger size=; try lr= a third or three times as high; the loss in curves.png must fall"
)


def prepare(config: TrainConfig) -> TrainConfig:
    """Return a configuration that overfits config.overfit images.

    Batches of all of them, steps enough, no averaged weights, which lag behind, norms that follow within this many
    steps, and one size in training and evaluation.
    """
    recipe, count = config.recipe, config.overfit or 0
    batch_size = min(count, recipe.batch_size)
    epochs = max(1, STEPS // math.ceil(count / batch_size))
    recipe = replace(recipe, batch_size=batch_size, sizes=None, own=recipe.own.at_one_size(recipe.input_size))
    return replace(
        config,
        recipe=recipe.with_layers(bn_momentum=0.1),
        trainer=replace(
            config.trainer,
            max_epochs=epochs,
            check_val_every_n_epoch=max(1, epochs // EVALUATIONS),
            ema_decay=0.0,
            accumulate_grad_batches=1,
            early_stopping=None,
        ),
        # Evaluation decodes images whole, here from the same reader.
        dataset=replace(config.dataset, cache="none", workers=0, least_side=None),
    )


def judge(metrics: Metrics, config: TrainConfig, out: Path) -> None:
    """Say whether the images were learned.

    Raises:
        InputError: if not, with what to look at.
    """
    metric, least, count = config.recipe.metric, config.recipe.task.learned, config.overfit
    value = metrics[metric] or 0.0
    if value < least:
        found = f"overfit={count}: not learned: {metric} {value:.3f} on the {count} images that it was trained on"
        raise InputError(f"{found}; expected {least} or more. In {out}, {ADVICE}")
    logger.info(
        "overfit=%d: learned: %s %.3f on the images that it was trained on; train on all now", count, metric, value
    )

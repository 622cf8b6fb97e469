"""Train a model and evaluate its best checkpoint.

Usage:
    python -m tasks.train task=ssdlite backbone=large
    python -m tasks.train task=lraspp dataset=cityscapes dataset.root=DIR
    python -m tasks.train resume=DIR
    torchrun --nproc-per-node=2 -m tasks.train task=ssdlite dataset=coco dataset.root=DIR
"""

import gc

from tasks.cli.entry import command
from tasks.torchrun import check_devices, is_inside, start
from tasks.train.config import TrainConfig


@command("train", several=True)
def main(config: TrainConfig) -> None:
    """Run the command with its configuration, conf/train.yaml."""
    settings = config.trainer
    if is_inside():
        check_devices(settings.devices, config.typed)
    elif settings.devices > 1:
        start("train", settings.devices, config.typed)
    from tasks.processes import together  # late, so that --help takes a second
    from tasks.train.command import train

    gc.freeze()  # what was imported stays: no collection of garbage looks through it, and no loading process copies it
    with together(settings.accelerator, timeout=settings.timeout):
        train(config)


if __name__ == "__main__":
    main()

"""Train a model and evaluate its best checkpoint.

Usage:
    python -m tasks.train task=ssdlite backbone=large
    python -m tasks.train task=lraspp dataset=cityscapes dataset.root=DIR
    python -m tasks.train resume=DIR
"""

from tasks.cli.entry import command
from tasks.train.config import TrainConfig


@command("train")
def main(config: TrainConfig) -> None:
    """Run the command with its configuration, conf/train.yaml."""
    from tasks.train.command import train  # late, so that --help takes a second

    train(config)


if __name__ == "__main__":
    main()

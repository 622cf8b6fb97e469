"""Train a model and evaluate its best checkpoint.

Usage:
    python -m tasks.train task=ssdlite backbone=large
    python -m tasks.train task=lraspp dataset=cityscapes dataset.root=DIR
    python -m tasks.train resume=DIR
"""

from omegaconf import DictConfig

from tasks.cli.entry import command


@command("train")
def main(cfg: DictConfig) -> None:
    """Run the command with its configuration, conf/train.yaml."""
    from tasks.train.command import train  # late, so that --help takes a second

    train(cfg)


if __name__ == "__main__":
    main()

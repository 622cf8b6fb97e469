"""Train a model and evaluate its best checkpoint.

Usage:
    python -m tasks.train task=ssdlite backbone=large
    python -m tasks.train task=lraspp dataset=cityscapes dataset.root=DIR
    python -m tasks.train resume=DIR
"""

import hydra
from omegaconf import DictConfig

from tasks.command import clear_errors, quiet_libraries


@hydra.main(config_path="../conf", config_name="train", version_base="1.3")
def main(cfg: DictConfig) -> None:
    """Run the command with its Hydra configuration, conf/train.yaml."""
    with clear_errors(debug=cfg.debug):
        from tasks.training import train  # late, so that --help takes a second

        quiet_libraries()
        train(cfg)


if __name__ == "__main__":
    main()

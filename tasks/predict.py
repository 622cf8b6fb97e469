"""Find objects or segment images with a checkpoint.

Usage:
    python -m tasks.predict checkpoint=RUN/model.safetensors source=FILE|DIR|GLOB
"""

import hydra
from omegaconf import DictConfig

from tasks.command import clear_errors, quiet_libraries


@hydra.main(config_path="../conf", config_name="predict", version_base="1.3")
def main(cfg: DictConfig) -> None:
    """Run the command with its Hydra configuration, conf/predict.yaml."""
    with clear_errors(debug=cfg.debug):
        from tasks.prediction import predict  # late, so that --help takes a second

        quiet_libraries()
        predict(cfg)


if __name__ == "__main__":
    main()

"""Try a checkpoint in the browser: drop an image or use the camera, and see boxes or masks.

Usage:
    python -m tasks.demo checkpoint=RUN/model.safetensors
"""

import hydra
from omegaconf import DictConfig

from tasks.commandline.command import clear_errors, quiet_libraries


@hydra.main(config_path="../conf", config_name="demo", version_base="1.3")
def main(cfg: DictConfig) -> None:
    """Run the command with its Hydra configuration, conf/demo.yaml."""
    with clear_errors(debug=cfg.debug):
        from tasks.serving.server import demo  # late, so that --help takes a second

        quiet_libraries()
        demo(cfg)


if __name__ == "__main__":
    main()

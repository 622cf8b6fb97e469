"""Find objects or segment images with a checkpoint.

Usage:
    python -m tasks.predict checkpoint=RUN/model.safetensors source=FILE|DIR|GLOB
    torchrun --nproc-per-node=2 -m tasks.predict checkpoint=RUN/model.safetensors source=DIR|GLOB
"""

from tasks.cli.entry import command
from tasks.predict.config import PredictConfig


@command("predict", several=True)
def main(config: PredictConfig) -> None:
    """Run the command with its configuration, conf/predict.yaml."""
    from tasks.predict.command import predict  # late, so that --help takes a second
    from tasks.processes import PATIENCE, together

    with together(config.accelerator, timeout=PATIENCE):
        predict(config)


if __name__ == "__main__":
    main()

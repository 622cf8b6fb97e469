"""Find objects or segment images with a checkpoint.

Usage:
    python -m tasks.predict checkpoint=RUN/model.safetensors source=FILE|DIR|GLOB
"""

from omegaconf import DictConfig

from tasks.cli.entry import command


@command("predict")
def main(cfg: DictConfig) -> None:
    """Run the command with its configuration, conf/predict.yaml."""
    from tasks.predict.command import predict  # late, so that --help takes a second

    predict(cfg)


if __name__ == "__main__":
    main()

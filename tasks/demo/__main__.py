"""Try a checkpoint in the browser: drop an image or use the camera, and see boxes or masks.

Usage:
    python -m tasks.demo checkpoint=RUN/model.safetensors
"""

from omegaconf import DictConfig

from tasks.cli.entry import command


@command("demo")
def main(cfg: DictConfig) -> None:
    """Run the command with its configuration, conf/demo.yaml."""
    from tasks.demo.command import demo  # late, so that --help takes a second

    demo(cfg)


if __name__ == "__main__":
    main()

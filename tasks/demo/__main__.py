"""Try a checkpoint in the browser: drop an image or use the camera, and see boxes or masks.

Usage:
    python -m tasks.demo checkpoint=RUN/model.safetensors
"""

from tasks.cli.entry import command
from tasks.demo.config import DemoConfig


@command("demo")
def main(config: DemoConfig) -> None:
    """Run the command with its configuration, conf/demo.yaml."""
    from tasks.demo.command import demo  # late, so that --help takes a second

    demo(config)


if __name__ == "__main__":
    main()

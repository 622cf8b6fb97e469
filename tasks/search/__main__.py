"""Search the rows of a network for the best metric at a latency, in MnasNet's space (arXiv:1807.11626).

Usage:
    python -m tasks.search task=ssdlite backbone=small target_latency=0.8x trials=100 epochs=5 trainer.max_epochs=50
    python -m tasks.search task=lraspp backbone=large target_latency=12ms device=openvino trials=100 jobs=2

The same command goes on where it was cut, and works beside another that still runs. All other options are those of
tasks.train, and hold for every network.
"""

from tasks.cli.entry import command
from tasks.search.config import SearchConfig


@command("search")
def main(config: SearchConfig) -> None:
    """Run the command with its configuration, conf/search.yaml."""
    config.search.check_packages()
    from tasks.search.command import search  # late, so that --help takes a second

    search(config)


if __name__ == "__main__":
    main()

"""Search the options of tasks.train for those that give the best metric.

Usage:
    python -m tasks.sweep task=ssdlite space=space.yaml trials=50 jobs=2 trainer.max_epochs=20
    python -m tasks.sweep task=ssdlite space=space.yaml trials=50 storage=postgresql://USER:PASSWORD@HOST/NAME
    python -m tasks.sweep task=ssdlite space=space.yaml trials=50 engine=ray jobs=16 threads=4 gpus=1

The same command goes on where it was cut, and works beside another that still runs. All other options are those of
tasks.train, and hold for each trial.
"""

from tasks.cli.entry import command
from tasks.sweep.config import SweepConfig


@command("sweep")
def main(config: SweepConfig) -> None:
    """Run the command with its configuration, conf/sweep.yaml."""
    config.search.check_packages()
    from tasks.sweep.command import sweep  # late, so that --help takes a second

    sweep(config)


if __name__ == "__main__":
    main()

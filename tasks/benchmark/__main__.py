"""Count and time a model, or set the paper's networks beside the figures that it prints.

Usage:
    python -m tasks.benchmark table=6 json=FILE
    python -m tasks.benchmark task=lraspp backbone=small size=[512,1024] threads=1
    python -m tasks.benchmark checkpoint=RUN/model.safetensors
    python -m tasks.benchmark checkpoint=RUN/model.safetensors sizes=[224,256,288,320] figure=FILE.png
"""

from tasks.benchmark.config import BenchmarkConfig
from tasks.cli.entry import command


@command("benchmark")
def main(config: BenchmarkConfig) -> None:
    """Run the command with its configuration, conf/benchmark.yaml."""
    from tasks.benchmark.command import benchmark  # late, so that --help takes a second

    benchmark(config)


if __name__ == "__main__":
    main()

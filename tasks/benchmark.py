"""Count and time a model, or set the paper's networks beside the figures that it prints.

Usage:
    python -m tasks.benchmark table=6 json=FILE
    python -m tasks.benchmark task=lraspp backbone=small size=[512,1024] threads=1
    python -m tasks.benchmark checkpoint=RUN/model.safetensors
"""

import hydra
from omegaconf import DictConfig

from tasks.command import clear_errors, quiet_libraries


@hydra.main(config_path="../conf", config_name="benchmark", version_base="1.3")
def main(cfg: DictConfig) -> None:
    """Run the command with its Hydra configuration, conf/benchmark.yaml."""
    with clear_errors(debug=cfg.debug):
        from tasks.benchmarking import benchmark  # late, so that --help takes a second

        quiet_libraries()
        benchmark(cfg)


if __name__ == "__main__":
    main()

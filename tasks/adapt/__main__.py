"""Make a trained network faster on a device: NetAdapt (arXiv:1804.03230; arXiv:1905.02244, section 4.2).

Usage:
    python -m tasks.adapt checkpoint=RUN/model.safetensors target_latency=0.75x device=onnxruntime
    python -m tasks.adapt checkpoint=RUN/model.safetensors layers=DIR step=0.25 device=litert
    python -m tasks.adapt checkpoint=RUN/model.safetensors target_latency=0.6x device=DIR/latency.csv step=0.25
    python -m tasks.adapt resume=DIR
"""

from tasks.adapt.config import AdaptConfig
from tasks.cli.entry import command


@command("adapt")
def main(config: AdaptConfig) -> None:
    """Run the command with its configuration, conf/adapt.yaml."""
    from tasks.adapt.command import adapt  # late, so that --help takes a second

    adapt(config)


if __name__ == "__main__":
    main()

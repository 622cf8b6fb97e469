"""Export a checkpoint for devices: files, what they take and give, and the proof that they compute the same.

Usage:
    python -m tasks.export checkpoint=RUN/model.safetensors format=onnx
    python -m tasks.export checkpoint=RUN/model.safetensors format=[openvino,litert] precision=int8
    python -m tasks.export checkpoint=RUN/model.safetensors format=all nms=false input=float
"""

from tasks.cli.entry import command
from tasks.export.config import ExportConfig


@command("export")
def main(config: ExportConfig) -> None:
    """Run the command with its configuration, conf/export.yaml."""
    from tasks.export.command import export  # late, so that --help takes a second

    export(config)


if __name__ == "__main__":
    main()

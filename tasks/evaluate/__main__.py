"""Evaluate a checkpoint: mAP or mIoU, what goes wrong, results and plots.

Usage:
    python -m tasks.evaluate checkpoint=RUN/checkpoints/best.ckpt
    python -m tasks.evaluate checkpoint=RUN/model.safetensors dataset=coco dataset.root=DIR dataset.val=NAME
    python -m tasks.evaluate checkpoint=RUN/model.safetensors scales=[0.75,1.0,1.25] flip=true
    python -m tasks.evaluate checkpoint=RUN/model.safetensors threshold.rule=f1 store_thresholds=true
    torchrun --nproc-per-node=2 -m tasks.evaluate checkpoint=RUN/model.safetensors
"""

from tasks.cli.entry import command
from tasks.evaluate.config import EvaluateConfig


@command("evaluate", several=True)
def main(config: EvaluateConfig) -> None:
    """Run the command with its configuration, conf/evaluate.yaml."""
    from tasks.evaluate.command import evaluate  # late, so that --help takes a second
    from tasks.processes import PATIENCE, together

    with together(config.accelerator, timeout=PATIENCE):
        evaluate(config)


if __name__ == "__main__":
    main()

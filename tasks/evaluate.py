"""Evaluate a checkpoint: mAP or mIoU, what goes wrong, results and plots.

Usage:
    python -m tasks.evaluate checkpoint=RUN/checkpoints/best.ckpt
    python -m tasks.evaluate checkpoint=RUN/model.safetensors dataset=coco dataset.root=DIR dataset.val=NAME
    python -m tasks.evaluate checkpoint=RUN/model.safetensors scales=[0.75,1.0,1.25] flip=true
    python -m tasks.evaluate checkpoint=RUN/model.safetensors threshold.rule=f1 store_thresholds=true
"""

import hydra
from omegaconf import DictConfig

from tasks.command import clear_errors, quiet_libraries


@hydra.main(config_path="../conf", config_name="evaluate", version_base="1.3")
def main(cfg: DictConfig) -> None:
    """Run the command with its Hydra configuration, conf/evaluate.yaml."""
    with clear_errors(debug=cfg.debug):
        from tasks.evaluation import evaluate  # late, so that --help takes a second

        quiet_libraries()
        evaluate(cfg)


if __name__ == "__main__":
    main()

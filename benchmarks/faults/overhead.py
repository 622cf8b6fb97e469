"""What checksums, reading back and waiting for the disk cost a run, beside Lightning's own way of writing."""

import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

from lightning.fabric.plugins import TorchCheckpointIO

from benchmarks.faults.row import Row
from tasks.train.checkpoint_io import SealedCheckpoints
from tasks.train.command import train
from tests.support.runs import load_config

MOST = 0.02  # of a run's time


def measure(count: int, folder: Path) -> list[Row]:
    """Train the demo's detector, and save each checkpoint in both ways.

    Args:
        count: epochs.
        folder: on a disk, for the run.
    """
    ours, theirs = [], []
    save, plain = SealedCheckpoints.save_checkpoint, TorchCheckpointIO()

    def save_twice(
        self: SealedCheckpoints, checkpoint: dict[str, Any], path: str, storage_options: object = None
    ) -> None:
        begun = time.perf_counter()
        save(self, checkpoint, path, storage_options)
        between = time.perf_counter()
        plain.save_checkpoint(checkpoint, folder / "plain.ckpt")
        ours.append(between - begun)
        theirs.append(time.perf_counter() - between)

    options = (f"out={folder / 'run'}", f"dataset.root={folder / 'scenes'}", f"trainer.max_epochs={count}")
    begun = time.perf_counter()
    with patch.object(SealedCheckpoints, "save_checkpoint", save_twice):
        train(load_config("train", "experiment=demo_ssdlite", "trainer.accelerator=cpu", *options))
    share = (sum(ours) - sum(theirs)) / (time.perf_counter() - begun - sum(theirs))
    note = f"{share:.2%} of {count} epochs of the demo's detector, {len(ours)} saves"
    return [Row(f"sealed saves cost at most {MOST:.0%} of a run", int(share <= MOST), 1, note)]

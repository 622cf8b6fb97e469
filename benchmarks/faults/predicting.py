"""Images that cannot be read, or hardly, between good ones: the others are done, and the one is named."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.faults.row import Row
from tests.support.bad_images import write_damaged, write_folder, write_long, write_pipe, write_text
from tests.support.untrained import write_untrained

GOOD = 3  # images around each bad one
PATIENCE = 300.0  # seconds
SKIPPED, LEFT_OUT, DONE = 2, 0, 0  # exit statuses


KINDS: dict[str, tuple[Callable[[Path], None], int]] = {
    "damaged": (write_damaged, SKIPPED),
    "no image": (write_text, SKIPPED),
    "folder named x.jpg": (write_folder, LEFT_OUT),
    "pipe named x.jpg": (write_pipe, LEFT_OUT),
    "100,000 x 1 pixels": (write_long, DONE),
}


def measure(count: int, folder: Path) -> list[Row]:
    """Predict for `count` bad images of each kind, each between good ones."""
    folder.mkdir(parents=True, exist_ok=True)
    model = write_untrained("ssdlite", folder)
    rows = []
    for what, (write, status) in KINDS.items():
        place = folder / what.replace(" ", "_").replace(",", "")
        place.mkdir()
        held = sum(provoke(write, place / str(index), model=model, status=status) for index in range(count))
        rows.append(Row(f"predict: {what}", held, count, "the others are done"))
    return rows


def provoke(write: Callable[[Path], None], folder: Path, *, model: Path, status: int) -> bool:
    """Predict for a folder with one bad image; tell whether all others were done and the command ended as it should."""
    images, out = folder / "images", folder / "out"
    images.mkdir(parents=True)
    for name in range(GOOD):
        pixels = np.random.default_rng(name).integers(0, 256, (70, 90, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(images / f"{name}.png")
    write(images / "1_bad")
    command = [sys.executable, "-m", "tasks.predict", f"checkpoint={model}", f"source={images}", f"out={out}"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    done = {path.stem for path in (out / "pictures").iterdir()}
    named = "1_bad" in run.stderr or "1_bad" in done
    return run.returncode == status and named and {str(name) for name in range(GOOD)} <= done

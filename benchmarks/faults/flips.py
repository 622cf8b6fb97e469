"""Single bits of a run's last.ckpt and model.safetensors that turn over, as on a failing disk or in memory.

A quarter of them are in the first and last bytes of a file, where headers, metadata and checksums are: with bits drawn
from the whole file alone nearly all would be in tensors.
"""

import random
import subprocess
import sys
from pathlib import Path

from benchmarks.faults.row import Row
from data.errors import InputError
from tasks.models.checkpoint import load_checkpoint
from tasks.runs.folder import CHECKPOINTS, WEIGHTS

EDGE = 4096  # bytes
RUN = (
    "backbone=small",
    "dataset.scenes={train: 6, val: 4}",
    "dataset.workers=0",
    "size=[64,96]",
    "batch_size=3",
    "trainer.max_epochs=1",
    "trainer.accelerator=cpu",
    "trainer.progress_bar=false",
    "logger=csv",
)


def measure(count: int, folder: Path) -> list[Row]:
    """Turn over one bit at a time, and read the file as every command does.

    Args:
        count: bits of each of the two files.
        folder: for a small run, whose files they are.
    """
    run = folder / "run"
    options = [*RUN, f"dataset.root={folder / 'scenes'}", f"out={run}"]
    subprocess.run([sys.executable, "-m", "tasks.train", *options], check=True, capture_output=True)
    rows = []
    for path in (run / CHECKPOINTS / "last.ckpt", run / WEIGHTS):
        load_checkpoint(path)
        held = sum(is_noticed(path, bit) for bit in draw_bits(path, count))
        load_checkpoint(path)  # which is as it was
        note = f"each of {path.stat().st_size:,} bytes, a quarter in the first and last {EDGE:,}"
        rows.append(Row(f"bit flips noticed, {path.name}", held, count, note))
    return rows


def draw_bits(path: Path, count: int) -> list[int]:
    """Draw the places of bits in a file."""
    draw, size = random.Random(0), path.stat().st_size
    edges = [*range(EDGE), *range(size - EDGE, size)]
    places = [draw.choice(edges) if n % 4 == 0 else draw.randrange(size) for n in range(count)]
    return [8 * place + draw.randrange(8) for place in places]


def is_noticed(path: Path, bit: int) -> bool:
    """Turn over a bit, tell whether the file is refused by its name, and turn the bit back."""
    turn(path, bit)
    try:
        load_checkpoint(path)
        return False
    except InputError as error:
        return str(path) in str(error)
    finally:
        turn(path, bit)


def turn(path: Path, bit: int) -> None:
    """Turn over a bit of a file."""
    with path.open("r+b") as file:
        file.seek(bit // 8)
        (value,) = file.read(1)
        file.seek(bit // 8)
        file.write(bytes([value ^ 1 << bit % 8]))

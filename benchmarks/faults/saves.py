"""Checkpoints whose writing is cut: by kills, with TMPDIR in three places, and by a disk that is full.

A checkpoint is whole where each of its numbers is the one that its step says; its own checksum is not asked. For
comparison the same kills can be given to Lightning's way of writing, `kill_saves(..., io=TorchCheckpointIO())`.
"""

import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from lightning.fabric.plugins import CheckpointIO

from benchmarks.faults.row import Row
from tasks.files import WriteError, clean
from tasks.runs.folder import CHECKPOINTS
from tasks.train.checkpoint_io import SealedCheckpoints

TENSORS, NUMBERS = 16, 2**18  # of a checkpoint: 16 MiB
SMALL = 2**14  # numbers of a tensor where the disk is full: 1 MiB in all
PATIENCE = 60.0  # seconds for a process to save once
MEMORY = Path("/dev/shm")  # a file system that is none of a disk's
DISK = 8  # MiB of the disk that is filled
FULL = "--full"


def measure(count: int, folder: Path) -> list[Row]:
    """Cut saves, and see whether the checkpoint that was there, or the new one, is whole.

    Args:
        count: kills for each place of TMPDIR; a tenth as many saves on a full disk.
        folder: on a disk, for what is written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)  # a forked process has none of the other threads, and would wait for them
    rows = []
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        memory = Path(name)
        places = {
            "TMPDIR on the same disk": (folder, folder),
            "TMPDIR on another": (folder, memory),
            "the run on another, TMPDIR on the disk": (memory, folder),
        }
        for what, (place, temporary) in places.items():
            damaged, left = kill_saves(count, place / "run", temporary=temporary)
            note = f"{left} of the kills left a file in writing; all cleaned up"
            rows.append(Row(f"saves killed, {what}", count - damaged, count, note))
    return [*rows, fill_disk(max(1, count // 10), folder / "full")]


def kill_saves(count: int, run: Path, *, temporary: Path, io: CheckpointIO | None = None) -> tuple[int, int]:
    """Kill processes that save one checkpoint after the other, each at a random moment of its second save.

    Returns:
        How many left none that is whole, and how many left a file in writing.
    """
    last, draw, damaged, left = run / CHECKPOINTS / "last.ckpt", random.Random(0), 0, 0
    io = io or SealedCheckpoints(run)
    last.parent.mkdir(parents=True)
    io.save_checkpoint(make_content(0), last)
    for _ in range(count):
        begun = time.monotonic()
        reader, writer = os.pipe()
        process = os.fork()
        if process == 0:
            save_forever(io, last, temporary, tell=writer)
        if not select.select([reader], [], [], PATIENCE)[0]:
            raise RuntimeError(f"nothing was saved in {PATIENCE:g} seconds")
        time.sleep(draw.uniform(0, time.monotonic() - begun))
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(reader)
        os.close(writer)
        left += bool(clean(run))
        if read_whole(last) is None:
            damaged += 1
            io.save_checkpoint(make_content(0), last)
    shutil.rmtree(run)
    return damaged, left


def save_forever(io: CheckpointIO, path: Path, temporary: Path, *, tell: int) -> None:
    """Save until somebody ends it; after each save a byte is written to the open file `tell`."""
    os.environ["TMPDIR"] = str(temporary)
    tempfile.tempdir = None  # so that it is asked for anew
    step = 0
    while True:
        step += 1
        io.save_checkpoint(make_content(step), path)
        os.write(tell, b".")


def make_content(step: int, numbers: int = NUMBERS) -> dict[str, object]:
    """Return a checkpoint in which every number is the step."""
    return {"global_step": step, "state_dict": {str(i): torch.full((numbers,), float(step)) for i in range(TENSORS)}}


def read_whole(path: Path) -> int | None:
    """Return the step of a checkpoint; None where it cannot be read, or not each of its numbers is the step."""
    try:
        content = torch.load(path, weights_only=True)
    except Exception:  # whatever the reader makes of a damaged file
        return None
    step, tensors = content["global_step"], content["state_dict"].values()
    whole = len(tensors) == TENSORS and all(bool((tensor == step).all()) for tensor in tensors)
    return step if whole else None


def fill_disk(count: int, folder: Path) -> Row:
    """Save on a small disk with ever other amounts of free space; where no disk can be mounted, with a limit."""
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "benchmarks.faults.saves", FULL, str(folder), str(count)]
    mounted = shutil.which("unshare") is not None and os.geteuid() == 0
    inner = f"mount -t tmpfs -o size={DISK}m tmpfs {folder} && exec {' '.join(command)}"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", inner] if mounted else command, capture_output=True, text=True, check=True
    )
    held, refused = json.loads(done.stdout)
    note = f"{refused} refused, {count - refused} fitted; {f'a disk of {DISK} MiB' if mounted else 'no disk, a limit'}"
    return Row("saves on a full disk", held, count, note)


def save_on_full(folder: Path, count: int) -> tuple[int, int]:
    """Save with ever other amounts of free space on the disk of a folder.

    Returns:
        How often the newest that was not refused was there, whole, and no other file; and how many were refused.
    """
    draw, last, ballast = random.Random(0), folder / CHECKPOINTS / "last.ckpt", folder / "ballast"
    io, held, refused, expected = SealedCheckpoints(folder), 0, 0, 0
    last.parent.mkdir()
    io.save_checkpoint(make_content(0, SMALL), last)
    for step in range(1, count + 1):
        limit_disk(ballast, draw.randrange(2**18, 2**20 + 2**19))
        try:
            io.save_checkpoint(make_content(step, SMALL), last)
            expected = step
        except WriteError:
            refused += 1
        ballast.unlink(missing_ok=True)
        held += read_whole(last) == expected and [path.name for path in last.parent.iterdir()] == [last.name]
    return held, refused


def limit_disk(ballast: Path, free: int) -> None:
    """Leave so many bytes free, by a file or, on a disk that is too large to fill, by a limit on the size of files."""
    space = shutil.disk_usage(ballast.parent).free
    if space <= DISK * 2**20:
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(1, space - free))
        return
    import resource  # late, as not every system has it

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


if __name__ == "__main__" and sys.argv[1:2] == [FULL]:
    print(json.dumps(save_on_full(Path(sys.argv[2]), int(sys.argv[3]))))

"""All hostile files, and how they are run: a server process for each core, with a canary of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from tasks.parsing import to_plain
from tests.hostile import exports, labels, pictures, runs, weights
from tests.hostile.case import Case
from tests.hostile.server import Outcome
from tests.support.folders import write_run

CASES: list[Case] = [*weights.CASES, *runs.CASES, *labels.CASES, *pictures.CASES, *exports.CASES]
MOST_SECONDS, MOST_GIGABYTES = 20.0, 2.5  # 2 GB but for drawings on images as large as `max_pixels` allows
ROOT = Path(__file__).parents[2]


def write_base(folder: Path) -> None:
    """Write the sound files that hostile ones are given beside."""
    from tests.support.exports import export_small, small_model
    from tests.support.runs import small_run
    from tests.support.untrained import write_untrained

    folder.mkdir(parents=True)
    write_untrained("ssdlite", folder)
    write_untrained("lraspp", folder)
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "photo.jpg")
    write_run(folder / "run")
    config = to_plain(small_run("ssdlite", folder / "never"))
    (folder / "config.json").write_text(json.dumps(config))
    export_small(small_model("ssdlite"), folder / "onnx", nms=False)


def run_corpus(folder: Path, *, parts: int = 2, word: str = "", most: int = 10**6) -> list[Outcome]:
    """Run all hostile files, or the first so many of those with a word in their names."""
    write_base(folder / "base")
    servers = []
    for part in range(parts):
        command = [sys.executable, "-m", "tests.hostile.server", str(folder), str(part), str(parts), str(most), word]
        environment = {**os.environ, "HOSTILE_CANARY": str(folder / f"canary_{part}"), "OMP_NUM_THREADS": "1"}
        servers.append(
            subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
        )
    outcomes = []
    for server in servers:
        out, error = server.communicate()
        if server.returncode:
            raise RuntimeError(f"the server of hostile files failed: {error[-2000:]}")
        outcomes += [Outcome(**json.loads(line)) for line in out.splitlines() if line.startswith("{")]
    return outcomes


def find_over(outcomes: list[Outcome], *, patience: float = 1.0) -> list[Outcome]:
    """Return what took too long, by a factor that a busy machine may need, or too much memory."""
    return [o for o in outcomes if o.seconds > patience * MOST_SECONDS or o.gigabytes > MOST_GIGABYTES]


if __name__ == "__main__":
    for outcome in run_corpus(Path(sys.argv[1]), word=sys.argv[2] if len(sys.argv) > 2 else ""):
        sys.stdout.write(
            f"{outcome.status:3} {outcome.seconds:6.1f} s {outcome.gigabytes:5.2f} GB {outcome.faults or ''} "
            f"{outcome.name}: {outcome.said[-260:].strip()!r}\n"
        )

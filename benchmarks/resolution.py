"""A detector trained at several sizes beside one trained at 320, both over sizes in use: BCCD, Small, one thread.

Usage:
    python -m benchmarks.resolution --data DIR --runs DIR --seeds 0 1 2                    # COCO layout
    python -m benchmarks.resolution --data DIR --runs DIR --out FILE --options trainer.max_epochs=1

Sizes are compared by `python -m tasks.benchmark`, on val and on test. The rows land in
benchmarks/results/resolution_bccd.json as they come; what stands there already is not run again.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.ablations import run
from benchmarks.timing import RESULTS
from tasks.files import write_json

TRAINED: dict[str, tuple[str, ...]] = {"320": (), "256, 320, 384": ("sizes=[256,320,384]",)}  # sizes -> options
IN_USE = "sizes=[224,256,288,320,352,384,416]"
RUN = ("experiment=bccd_ssdlite", "backbone=small", "trainer.check_val_every_n_epoch=50")
NOTED = ("metric", "image", "device", "threads", "repeats", "max_drop", "sizes", "take")  # of a comparison


def measure(options: Sequence[str], *, data: Path, folder: Path) -> dict[str, Any]:
    """Train in a folder, which must be new, and compare the sizes in use on each split."""
    start = time.perf_counter()
    run("train", *RUN, *options, f"dataset.root={data}", f"out={folder}", "trainer.progress_bar=false")
    found: dict[str, Any] = {"minutes": round((time.perf_counter() - start) / 60, 1)}
    for split in ("val", "test"):
        json_file, figure = (folder.with_name(f"{folder.name}-{split}.{suffix}") for suffix in ("json", "png"))
        files = f"json={json_file}", f"figure={figure}"
        checkpoint = f"checkpoint={folder / 'model.safetensors'}"
        run("benchmark", checkpoint, IN_USE, f"dataset.val={split}", "threads=1", "accelerator=cpu", *files)
        compared = json.loads(json_file.read_text(encoding="utf-8"))
        found[split] = {name: compared[name] for name in NOTED}
    return found


def render(rows: dict[str, Any]) -> str:
    """Write the test metrics as a Markdown table: a row each training and seed, a column each size in use."""
    sizes = [entry["size"][0] for entry in next(iter(rows.values()))["test"]["sizes"]]
    lines = [f"| trained at, seed | {' | '.join(map(str, sizes))} |", "|---|" + "---:|" * len(sizes)]
    for name, row in rows.items():
        metric = row["test"]["metric"]
        lines.append(f"| {name} | {' | '.join(f'{entry[metric]:.3f}' for entry in row['test']['sizes'])} |")
    return "\n".join(lines)


def main() -> None:
    """Run what is not there yet, seed by seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--out", type=Path, default=RESULTS / "resolution_bccd.json")
    parser.add_argument("--options", nargs="*", default=[], help="of tasks.train, for every run")
    args = parser.parse_args()
    rows = json.loads(args.out.read_text(encoding="utf-8"))["rows"] if args.out.is_file() else {}
    for seed in args.seeds:
        for number, (name, options) in enumerate(TRAINED.items()):
            key = f"{name}, seed {seed}"
            if key in rows:
                continue
            folder = args.runs / f"resolution-{number}-{seed}"
            rows[key] = measure([*options, *args.options, f"seed={seed}"], data=args.data, folder=folder)
            command = " ".join(("python -m tasks.train", *RUN, *args.options))
            write_json(args.out, {"command": command, "torch": str(torch.__version__), "threads": 1, "rows": rows})
    print(render(rows))


if __name__ == "__main__":
    main()

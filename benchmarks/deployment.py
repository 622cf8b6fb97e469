"""Every export format of a trained model: its metric through its own runtime, its size, its latency beside torchvision.

Usage:
    python -m benchmarks.deployment export NAME CHECKPOINT WORK [format=onnx,openvino precision=fp32] [size=[H,W] ...]
    python -m benchmarks.deployment learn NAME CHECKPOINT WORK [lr=0.0005 trainer.max_epochs=2 ...]
    python -m benchmarks.deployment time NAME CHECKPOINT WORK    # writes benchmarks/results/deployment_NAME.json

The first exports and evaluates each format in each precision, or those that are named, and notes at once what came
out. The second trains on in integers, as tasks.train does with these options, and exports what was learnt. The third
times the files of the first in turns, on one thread, with torch by the same weights and torchvision's own model.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from torchvision.models.detection import ssdlite320_mobilenet_v3_large
from torchvision.models.segmentation import lraspp_mobilenet_v3_large

from benchmarks.timing import save, seconds
from tasks.files import write_json
from tasks.formats.contract import CONTRACT, read_contract
from tasks.formats.settings import Precision
from tasks.formats.table import FORMATS
from tasks.hardware import limit_threads
from tasks.inference.loading import load, load_model
from tasks.runs.folder import WEIGHTS
from tasks.task import TASKS, find_task

NOTES = "deployment.json"  # of a work folder: what was exported
ROOT = "dataset.root=DIR"  # as it is noted
WARMUP, ROUNDS = 3, 15


def run(module: str, *options: str) -> str:
    """Run a command of the project: "" where it succeeds, else the last line that it said."""
    done = subprocess.run([sys.executable, "-m", module, *options], capture_output=True, text=True, check=False)
    said = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return "" if done.returncode == 0 else f"status {done.returncode}: {said[-1] if said else ''}"


def export_all(name: str, checkpoint: Path, work: Path, options: Sequence[str]) -> None:
    """Export and evaluate each format in each precision; what is noted in the work folder already is left out."""
    notes = json.loads((work / NOTES).read_text()) if (work / NOTES).is_file() else {"name": name, "rows": []}
    done = {(row["format"], row["precision"]) for row in notes["rows"]}
    notes["options"] = hide_root(options)
    if "checkpoint" not in notes:
        notes["checkpoint"] = evaluate(checkpoint, work / "checkpoint", options)
    formats, precisions = choose(options, "format", FORMATS), choose(options, "precision", get_args(Precision))
    others = [option for option in options if not option.startswith(("format=", "precision="))]
    for kind in FORMATS.values():
        for precision in kind.precisions:
            if (kind.name, precision) in done or kind.name not in formats or precision not in precisions:
                continue
            row = export_one(kind.name, precision, checkpoint, work, others)
            notes["rows"].append(row)
            write_json(work / NOTES, notes)
            print(json.dumps(row), flush=True)


def hide_root(options: Sequence[str]) -> list[str]:
    """Return options as they are noted, without the place of the data on this machine."""
    return [ROOT if option.startswith("dataset.root=") else option for option in options]


def choose(options: Sequence[str], name: str, choices: Iterable[str]) -> list[str]:
    """Return what an option names, "name=a,b"; all choices where it is not given."""
    given = [option.removeprefix(f"{name}=") for option in options if option.startswith(f"{name}=")]
    return given[0].split(",") if given else list(choices)


def export_one(kind: str, precision: str, checkpoint: Path, work: Path, options: Sequence[str]) -> dict[str, Any]:
    """Export one file and evaluate it."""
    folder = work / f"{kind}_{precision}"
    row: dict[str, Any] = {"format": kind, "precision": precision, "folder": folder.name}
    own = [option for option in options if precision == "int8" or not option.startswith("calibration")]
    chosen = [f"checkpoint={checkpoint}", f"format={kind}", f"precision={precision}", f"out={folder}", *own]
    row["failed"] = run("tasks.export", *chosen).replace(f"{work}/", "")
    if (folder / CONTRACT).is_file():
        ((path, file),) = read_contract(folder / CONTRACT).files.items()
        row |= {"file": path, "megabytes": file.bytes / 1e6}
        parity = folder / "parity.json"
        row["parity"] = json.loads(parity.read_text())["passed"] if parity.is_file() else None
        quantization = folder / "quantization.json"
        if quantization.is_file():
            said = json.loads(quantization.read_text())
            row["integer_share"] = said["integer_share_of_multiply_adds"]
            row["layers_in_float"] = said["attempts"][-1]["excluded"]
        if FORMATS[kind].runs:
            row["metric"] = evaluate(folder / path, work / f"{folder.name}_evaluated", options)
    return row


def evaluate(checkpoint: Path, out: Path, options: Sequence[str]) -> float | str:
    """Return the metric of a checkpoint or an exported file; what went wrong where there is none."""
    own = [option for option in options if option.startswith("dataset")]
    failed = run("tasks.evaluate", f"checkpoint={checkpoint}", f"out={out}", "accelerator=cpu", *own)
    if failed:
        return failed
    metrics = json.loads((out / "metrics.json").read_text())
    return float(metrics[next(task.metric for task in TASKS.values() if task.metric in metrics)])


def learn_all(checkpoint: Path, work: Path, options: Sequence[str]) -> None:
    """Train on in integers, and export and evaluate each format that has a place for the scales that were learnt."""
    notes = json.loads((work / NOTES).read_text())
    learnt = work / "learnt"
    chosen = [f"weights={checkpoint}", "quantize=int8", "trainer.accelerator=cpu", f"out={learnt}", *options]
    if not (learnt / WEIGHTS).is_file():
        failed = run("tasks.train", *chosen)
        if failed:
            raise SystemExit(failed)
    own = [option for option in notes["options"] if option != ROOT]
    if "learnt" not in notes:
        metric = evaluate(learnt / WEIGHTS, work / "learnt_evaluated", own)
        notes["learnt"] = {"options": hide_root(options), "checkpoint": metric, "rows": []}
    rows = notes["learnt"]["rows"]
    done = {row["format"] for row in rows}
    for kind in FORMATS.values():
        if "int8" in kind.precisions and kind.name not in done:
            rows.append(export_one(kind.name, "int8", learnt / WEIGHTS, work / "of_learnt", own))
            write_json(work / NOTES, notes)


def time_all(name: str, checkpoint: Path, work: Path) -> None:
    """Time all exported files, the checkpoint and torchvision's model in turns, one image, one thread."""
    notes = json.loads((work / NOTES).read_text())
    rows = [row for row in notes["rows"] if "file" in row and FORMATS[row["format"]].runs]
    with limit_threads(1), torch.inference_mode():
        model = load_model(checkpoint)
        files = [load(work / row["folder"] / row["file"], threads=1) for row in rows]
        size = files[0].settings.size
        image = torch.randint(0, 256, (1, 3, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
        parts = find_task(model.description.arch.head).parts
        runs: dict[str, Callable[[], object]] = {
            "torchvision, eager": build_peer(model.description.arch.head, model.description.arch.num_classes, image),
            "checkpoint, torch": lambda: parts.predict(model, image, size=size),
        }
        for row, file in zip(rows, files, strict=True):
            runs[row["folder"]] = lambda file=file: parts.predict(file, image, size=size)  # type: ignore[misc]
        times = np.array([[seconds(function) for function in runs.values()] for _ in range(WARMUP + ROUNDS)])[WARMUP:]
    peer = times[:, 0]
    notes["latency"] = {
        key: {
            "milliseconds": float(1000 * np.median(column)),
            "quartiles": (1000 * np.percentile(column, (25, 75))).tolist(),
            "share_of_torchvision": float(np.median(column / peer)),
        }
        for key, column in zip(runs, times.T, strict=True)
    }
    save(f"deployment_{name}", {**notes, "size": list(size), "rounds": ROUNDS})


def build_peer(head: str, classes: int, image: torch.Tensor) -> Callable[[], object]:
    """Return torchvision's model of a task in eager mode, with random weights, from uint8 to boxes or classes."""
    torch.manual_seed(0)
    if head == "ssdlite":
        detector = ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=classes + 1).eval()
        return lambda: detector([image[0].float() / 255])
    segmenter = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=classes).eval()
    return lambda: segmenter((image.float() / 255 - 0.45) / 0.225)["out"].argmax(1)


def render_table(results: dict[str, Any]) -> str:
    """Return the files of one model as a table of docs/deploy.md."""
    lines = [
        "| file | metric | MB | milliseconds (quartiles) | of torchvision's | in integers | parity |",
        "|---|---:|---:|---:|---:|---:|---|",
    ]
    own = {"torchvision, eager": None, "checkpoint, torch": results["checkpoint"]}
    for key, metric in own.items():
        lines.append(f"| {key} | {render_number(metric)} | | {render_latency(results['latency'][key])} | | |")
    order = [(kind.name, precision) for kind in FORMATS.values() for precision in kind.precisions]
    for row in sorted(results["rows"], key=lambda row: order.index((row["format"], row["precision"]))):
        latency = results["latency"].get(row["folder"])
        timed = render_latency(latency) if latency else "does not run here | "
        lines.append(render_row(f"{row['format']}, {row['precision']}", row, timed))
    if "learnt" in results:
        learnt = results["learnt"]
        lines.append(f"| checkpoint, trained in int8 | {render_number(learnt['checkpoint'])} | | | | | |")
        lines += [render_row(f"{row['format']}, trained in int8", row, " | ") for row in learnt["rows"]]
    return "\n".join(lines) + "\n"


def render_row(title: str, row: dict[str, Any], timed: str) -> str:
    """Write what one file came to, or why there is none."""
    if "file" not in row:
        return f"| {title} | {row['failed']} | | | | | |"
    share = f"{row['integer_share']:.1%}" if "integer_share" in row else ""
    parity = {True: "holds", False: "fails", None: ""}[row["parity"]]
    numbers = f"{render_number(row.get('metric'))} | {row['megabytes']:.1f}"
    return f"| {title} | {numbers} | {timed} | {share} | {parity} |"


def render_number(metric: float | str | None) -> str:
    """Write a metric, or why there is none."""
    return f"{metric:.4f}" if isinstance(metric, float) else metric or ""


def render_latency(latency: dict[str, Any]) -> str:
    """Write milliseconds, and the share of torchvision's."""
    low, high = latency["quartiles"]
    share = latency["share_of_torchvision"]
    return f"{latency['milliseconds']:.1f} ({low:.1f} to {high:.1f}) | {share:.2f}"


def main() -> None:
    """Run what the command line says."""
    action, name, checkpoint, work, *options = sys.argv[1:]
    Path(work).mkdir(parents=True, exist_ok=True)
    if action == "export":
        export_all(name, Path(checkpoint), Path(work), options)
    elif action == "learn":
        learn_all(Path(checkpoint), Path(work), options)
    else:
        time_all(name, Path(checkpoint), Path(work))


if __name__ == "__main__":
    main()

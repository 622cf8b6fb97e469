"""The layers that a table must have, as files for a device, with what times them there and writes the table."""

import logging
from pathlib import Path

from tasks.adapt.proposals import Space
from tasks.cli.folders import check_new
from tasks.files import write_text
from tasks.latency.runtimes import LayerGraph, find_format, write_graph
from tasks.latency.settings import FORMAT_OF
from tasks.latency.table import COLUMNS, LARGE, SMALL

logger = logging.getLogger(__name__)

LIST, SCRIPT = "layers.csv", "measure.sh"
# runtime -> its tool, how it is called for a file, what is taken of what it prints, and milliseconds from that
TOOLS = {
    "litert": (
        "benchmark_model",
        "--graph=$file --num_threads=${THREADS:-1} --warmup_runs=10 --num_runs=100",
        r"s/.*Inference (avg): \([0-9.e+]*\).*/\1/p",
        "$1 / 1000",
    ),
    "executorch": (
        "executor_runner",
        "--model_path=$file --num_executions=100 --cpu_threads=${THREADS:-1}",
        r"s/.*successfully \([0-9]*\) time(s) in \([0-9.]*\) ms.*/\2 \1/p",
        "$1 / $2",
    ),
}
WRITTEN = """\
#!/bin/sh
# Times every layer in layers.csv on this device and writes latency.csv, a table for tasks.adapt device=latency.csv.
# Put this folder and {tool} on the device; TOOL=./{tool} THREADS=1 sh measure.sh
cd "$(dirname "$0")" || exit 1
echo "{columns}" > latency.csv
tail -n +2 layers.csv | while IFS=, read -r layer file; do
  found=$("${{TOOL:-./{tool}}}" {call} 2>&1 < /dev/null | sed -n '{pattern}' | tail -n 1)
  test -n "$found" || {{ echo "no time for $layer ($file)" >&2; exit 1; }}
  echo "$layer,$(echo "$found" | awk '{{print {number}}}')" >> latency.csv
done
"""


def write_layers(folder: Path, space: Space, *, device: str) -> int:
    """Write every layer of a space into a new folder: their names, and their files in the format of a runtime.

    Args:
        folder: that is written.
        space: of networks.
        device: the runtime; of torch and of a table the names alone are written.

    Returns:
        How many there are.

    Raises:
        InputError: if the folder is not new.
    """
    check_new(folder)
    folder.mkdir(parents=True, exist_ok=True)
    layers = [SMALL, LARGE, *space.layers()]
    kind = find_format(device) if device in FORMAT_OF else None
    files = [""] * len(layers)
    if kind is not None:
        logger.info("%d layers are written to %s; this takes some seconds each", len(layers), folder)
        files = [
            write_graph(LayerGraph(layer.build(), layer.shape), folder / f"layer_{number:04}", kind).name
            for number, layer in enumerate(layers)
        ]
    rows = [f"{layer.name},{file}" for layer, file in zip(layers, files, strict=True)]
    write_text(folder / LIST, "\n".join([f"{COLUMNS[0]},file", *rows, ""]))
    if device in TOOLS:
        tool, call, pattern, number = TOOLS[device]
        text = WRITTEN.format(columns=",".join(COLUMNS), tool=tool, call=call, pattern=pattern, number=number)
        write_text(folder / SCRIPT, text)
    logger.info("%d layers in %s", len(layers), folder / LIST)
    return len(layers)

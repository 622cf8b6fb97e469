"""Every fault that docs/reliability.md speaks of, provoked by the hundred: how often the program held.

Usage:
    python -m benchmarks.faults [share=1.0] [NAME ...]    # writes benchmarks/results/faults.json

NAME is a file of this folder; all by default, which takes about an hour on two cores. A file of which a smaller share
is provoked is noted with the numbers that were.
"""

import json
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.faults.row import Row
from benchmarks.timing import RESULTS, save

COUNTS = {  # of each kind of fault in a file; of strangers' files, all that there are
    "resuming": 300,
    "saves": 500,
    "overhead": 2,
    "flips": 1000,
    "strangers": 1000,
    "hangs": 6,
    "ranks": 20,
    "names": 1,
    "predicting": 3,
    "demo": 3,
}
NAME = "faults"


def measure(name: str, share: float) -> list[Row]:
    """Provoke the faults of one file of this folder."""
    count = max(1, round(share * COUNTS[name]))
    with tempfile.TemporaryDirectory() as folder:
        rows: list[Row] = import_module(f"benchmarks.faults.{name}").measure(count, Path(folder))
    return rows


def note(name: str, rows: list[Row]) -> dict[str, Any]:
    """Put rows in the place of those that were noted of a file before; return all."""
    path = RESULTS / f"{NAME}.json"
    noted = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.is_file() else {}
    noted[name] = [row._asdict() for row in rows]
    results = {"rows": {name: noted[name] for name in COUNTS if name in noted}}
    save(NAME, results)
    return results


def render_table(results: dict[str, Any]) -> str:
    """Return what was noted as a table of docs/reliability.md."""
    lines = ["| provoked | held | |", "|---|---:|---|"]
    for rows in results["rows"].values():
        lines += [f"| {row['what']} | {row['held']} of {row['of']} | {row['note']} |" for row in rows]
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> None:
    """Provoke what the command line says; what came of each file is noted at once."""
    shares = [float(argument.partition("=")[2]) for argument in arguments if argument.startswith("share=")]
    names = [argument for argument in arguments if "=" not in argument] or list(COUNTS)
    for name in names:
        rows = measure(name, *shares or [1.0])
        note(name, rows)
        sys.stdout.write(render_table({"rows": {name: rows and [row._asdict() for row in rows]}}))
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])

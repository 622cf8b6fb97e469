"""Files that are written whole or not at all, and known by their hashes."""

import hashlib
import json
import math
from pathlib import Path
from typing import Any

Metrics = dict[str, Any]  # numbers by name, and dicts of them by class

METRICS = "metrics.json"  # what an evaluation writes
ANALYSIS = "analysis.json"  # and what it found out beside


def write_json(path: Path, values: object) -> None:
    """Write plain values as JSON; NaN and infinity are refused, as no JSON reader takes them."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(values, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    part.replace(path)


def to_number(value: float) -> float | None:
    """Return a number as JSON takes it: None for NaN."""
    return None if math.isnan(value) else float(value)


def hash_file(path: Path, kind: str = "sha256") -> str:
    """Return the hash of a file's content, of hashlib's `kind`, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()

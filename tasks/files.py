"""Files that are written whole or not at all."""

import json
from pathlib import Path
from typing import Any


def write_json(path: Path, values: Any) -> None:
    """Write plain values as JSON; NaN and infinity are refused, as no JSON reader takes them."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(values, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    part.replace(path)

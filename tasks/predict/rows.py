"""Predictions as rows of plain values, and many rows as a file: JSON lines or Parquet."""

import json
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

from data.escapes import to_utf8

if TYPE_CHECKING:
    from tasks.parts import Prediction

Row = dict[str, Any]


def to_row(prediction: "Prediction") -> Row:
    """Return the image's file and size in pixels, and what the model found in it."""
    height, width = prediction.image.shape[:2]
    return {"file": to_utf8(prediction.file), "height": height, "width": width, **prediction.to_row()}


def encode_rows(rows: Sequence[Row], form: str) -> bytes:
    """Return rows of one kind as the content of a file."""
    if form == "jsonl":
        return "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows).encode()
    import pyarrow as pa  # comes with Ray
    from pyarrow import parquet

    numbers = pa.list_(pa.float64())
    kinds = {
        "file": pa.string(),
        "height": pa.int64(),
        "width": pa.int64(),
        "labels": pa.list_(pa.int64()),
        "scores": numbers,
        "boxes": pa.list_(numbers),
        "mask": pa.string(),
        "pixels": pa.list_(pa.int64()),
    }
    names = list(rows[0]) if rows else ["file", "height", "width"]
    schema = pa.schema([(name, kinds[name]) for name in names])  # else an empty list would have no type
    file = BytesIO()
    parquet.write_table(pa.Table.from_pylist(list(rows), schema=schema), file)
    return file.getvalue()

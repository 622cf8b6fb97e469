from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.errors import InputError
from data.findings import Finding
from data.formats import coco
from data.formats.coco_packed import Packed, unpack


def read_both(packed: Packed, path: Path, place: partial[Any]) -> tuple[Any, Any]:
    """Return what is read of a COCO file, and its findings, packed and entry by entry."""
    results = []
    for read in (partial(unpack, packed), coco.read_entries):
        findings: list[Finding] = []
        place_noted = partial(place.func, **{**place.keywords, "report": findings.append})
        try:
            results.append((read(path=path, place=place_noted, report=findings.append), findings))
        except InputError as error:
            results.append((str(error), findings))
    return results[0], results[1]


def check_same(packed: Packed, path: Path, place: partial[Any]) -> None:
    """Check that a COCO file says the same packed as entry by entry, bit for bit."""
    (one, findings), (other, expected) = read_both(packed, path, place)
    assert findings == expected
    if isinstance(one, str) or isinstance(other, str):
        assert one == other
        return
    assert one[:2] == other[:2]
    assert one[2].sizes == other[2].sizes
    for mine, theirs in ((one[2], other[2]), (one[3], other[3])):
        for name, column in vars(theirs).items():
            if isinstance(column, np.ndarray):
                assert vars(mine)[name].dtype == column.dtype, name
                np.testing.assert_array_equal(vars(mine)[name], column, err_msg=name)


@pytest.fixture(autouse=True)
def read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each COCO file that is read at once be read entry by entry, too, and compared."""

    def unpack_checked(packed: Packed, *, path: Path, place: Any, report: Any) -> Any:
        check_same(packed, path, place)
        return unpack(packed, path=path, place=place, report=report)

    monkeypatch.setattr(coco, "unpack", unpack_checked)

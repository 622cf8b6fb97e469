from functools import partial
from pathlib import Path

import pytest

from tests.support.onnx_files import Exporter, export_once


@pytest.fixture(scope="session")
def exported(shared: Path) -> Exporter:
    """Return a function from a kind of ONNX file to a small one, which all tests share."""
    folder = shared / "onnx"
    folder.mkdir(parents=True, exist_ok=True)
    return partial(export_once, root=folder)

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.tasks.export.faults import right, write_onnx


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function from a task to the ONNX file of its small model, with all stages."""
    folder = tmp_path_factory.mktemp("exported")

    @cache
    def write(task: str) -> Path:
        write_onnx(right(task), folder / f"{task}.onnx")
        return folder / f"{task}.onnx"

    return write

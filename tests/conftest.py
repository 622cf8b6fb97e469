import os
from collections.abc import Callable
from functools import partial

import pytest
import torch

from tests.support.trained import Trained, train_once

torch.set_num_threads(1)  # the tensors are small: a second thread costs more than it brings


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Trained]:
    """Return a function from a task to its finished run, which all tests and all test processes share."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    return partial(train_once, root=root / "trained")

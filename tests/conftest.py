import os
import sys
from time import monotonic

os.environ.setdefault("OMP_NUM_THREADS", "1")  # for the processes that tests start

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

if TYPE_CHECKING:
    from tests.support.trained import Trained

if find_spec("absl"):  # comes with export packages; its handler closes the stream that it took, but for the system's
    from absl import logging as absl_logging

    absl_logging.get_absl_handler().python_handler.setStream(sys.__stderr__)

torch.set_num_threads(1)  # the tensors are small: a second thread costs more than it brings
START = monotonic()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--budget", type=float, metavar="MINUTES", help="skip what has not begun by then")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    budget = item.config.getoption("--budget")
    if budget is not None and monotonic() - START > 60 * budget:
        pytest.skip(f"not begun within {budget:g} minutes on this machine: make test-slow runs it")


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that all test processes see."""
    root = tmp_path_factory.getbasetemp()
    return (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / "shared"


@pytest.fixture(scope="session")
def trained(shared: Path) -> "Callable[[str], Trained]":
    """Return a function from a task to its finished run, which all tests share."""
    from tests.support.trained import train_once  # late, as Lightning takes seconds

    return partial(train_once, root=shared)


@pytest.fixture(scope="session")
def paper_table(shared: Path) -> Callable[[int], dict[str, Any]]:
    """Return a function from the number of a table of the paper to what is counted for it."""
    from tasks.benchmark.paper_tables import compare
    from tests.support.once import make_once

    return lambda number: make_once(shared / f"table{number}.json", partial(compare, number))


@pytest.fixture
def blank_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw no figures, for tests that do not look at them."""
    from matplotlib.figure import Figure

    from tests.support.figures import save_blank

    monkeypatch.setattr(Figure, "savefig", save_blank)

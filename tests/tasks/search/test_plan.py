"""The network whose layers are timed is the network that is trained."""

from pathlib import Path

import pytest

from backbones.tables import TABLES
from data.classes import ClassTable
from tasks.models.architecture import Arch
from tasks.models.network import build_model, resolve_table
from tasks.models.table_file import describe, format_table
from tasks.search.blocks import Space
from tasks.search.plan import Network
from tasks.train.config import TrainConfig
from tasks.trials.training import compose_training

CLASSES = ClassTable.create(["person", "rider", "car"], [24, 25, 26])


@pytest.mark.parametrize("task", ["ssdlite", "ssdlite_torchvision", "lraspp", "raspp", "classify"])
@pytest.mark.parametrize("width", ["1.0", "0.35"])
def test_a_file_of_rows_is_the_network_that_was_timed(task: str, width: str, tmp_path: Path) -> None:
    check_timed(task, compose_training((f"task={task}", "backbone=small", f"model.width={width}")), tmp_path)


@pytest.mark.parametrize("task", ["ssdlite", "lraspp", "raspp"])
def test_candidates_have_the_heads_that_a_file_of_rows_gives_theirs(task: str, tmp_path: Path) -> None:
    arch = Arch(task, "table", 1, table=TABLES["small"], filters=64, extras=((64, 128),) * 4)
    (tmp_path / "base.yaml").write_text(format_table(describe(arch)))
    check_timed(task, compose_training((f"task={task}", f"backbone={tmp_path / 'base.yaml'}")), tmp_path)


def check_timed(task: str, config: TrainConfig, tmp_path: Path) -> None:
    """Check that the smallest network around that of a training is trained as it is timed."""
    arch = config.recipe.describe(CLASSES, config.dataset).arch
    network = Network(arch, (64, 96), "torch", 1, tmp_path)
    rows = Space(resolve_table(arch)).smallest
    (tmp_path / "rows.yaml").write_text(network.format(rows))
    trained = compose_training((f"task={task}", f"backbone={tmp_path / 'rows.yaml'}"))
    described = trained.recipe.describe(CLASSES, trained.dataset).arch
    timed = network.build(rows)
    assert described.table == timed.table == rows
    states = [build_model(each).state_dict() for each in (described, timed)]
    assert {name: tensor.shape for name, tensor in states[0].items()} == {
        name: tensor.shape for name, tensor in states[1].items()
    }


def test_the_heads_of_a_narrow_network_stay_narrow(tmp_path: Path) -> None:
    config = compose_training(("task=ssdlite", "backbone=small", "model.width=0.5", "model.halving=none"))
    arch = config.recipe.describe(CLASSES, config.dataset).arch
    network = Network(arch, (64, 96), "torch", 1, tmp_path)
    chosen = {name: values[-2] for name, values in Space(TABLES["small"]).choices.items()}
    plain = network.build(Space(TABLES["small"]).build(chosen))
    assert plain.extras is not None
    assert plain.extras[0] == (128, 256)  # half of the published 256, 512

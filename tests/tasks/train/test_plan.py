"""What is run and where: a new run, or an earlier one that goes on as its config.yaml says, however old that is."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from data.errors import InputError
from tasks.models.seals import pack_checkpoint
from tasks.parsing import to_plain
from tasks.runs.changes import INPUTS
from tasks.runs.checkpoints import NEEDED
from tasks.train import plan
from tasks.train.command import train
from tasks.train.plan import plan_run
from tests.support.runs import CONF, load_config
from tests.support.trained import Trained

EARLIER = Path(__file__).with_name("earlier_config.yaml")


def write_earlier(path: Path, **changes: Any) -> Path:
    """Write a config.yaml of before configurations had types, some of its options changed by their dotted names."""
    config = OmegaConf.load(EARLIER)
    for name, value in changes.items():
        OmegaConf.update(config, name, value)
    OmegaConf.save(config, path)
    return path


def test_an_earlier_configuration_says_what_it_said() -> None:
    config = plan.load_config(EARLIER)
    assert (config.recipe.size, config.recipe.batch_size, config.recipe.lr) == ((64, 96), 3, 0.1)
    assert (config.recipe.own.model.head, config.recipe.own.model.scores) == ("ssdlite", "sigmoid")
    assert (config.recipe.own.loss.assignment, config.recipe.own.loss.candidates) == ("task_aligned", 13)
    assert (config.dataset.root, config.dataset.scenes) == ("outputs/t/syn", {"train": 6, "val": 4})
    assert (config.optimizer.name, config.trainer.log_images, config.freeze) == ("sgd", 5, "none")


@pytest.mark.slow
def test_an_earlier_run_goes_on(trained: Callable[[str], Trained], tmp_path: Path) -> None:
    before = trained("ssdlite").folder
    run = shutil.copytree(before, tmp_path / "run")
    changes = {"dataset.root": str(before.parent / "synthetic"), "trainer.max_epochs": 4, "logger": "csv"}
    write_earlier(run / "config.yaml", **changes)
    (run / INPUTS).unlink()
    assert "mAP" in train(load_config("train", f"resume={run}"))
    last = [torch.load(folder / "checkpoints/last.ckpt", weights_only=True) for folder in (before, run)]
    assert [content["epoch"] for content in last] == [2, 3]
    assert plan.load_config(run / "config.yaml").trainer.max_epochs == 4


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"weights": "imagenet", "freeze": 6}, "freeze", "6"),
        ({"out": 20240518}, "out", Path("20240518")),
        ({"overfit": 8, "trainer.stop_at": 0.7}, "overfit", 8),
    ],
)
def test_options_of_earlier_files_keep_their_meaning(
    changes: dict[str, Any], field: str, value: object, tmp_path: Path
) -> None:
    assert getattr(plan.load_config(write_earlier(tmp_path / "config.yaml", **changes)), field) == value


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trainer.stop": 0.7}, r"trainer\.stop: there is no such option"),
        ({"model.head": "unet"}, r"model\.head: unknown 'unet'; choose from"),
        ({"batch_size": "many"}, r"batch_size: 'many'; expected an integer"),
        ({"freeze": 6}, r"freeze=6: no weights given"),
    ],
)
def test_a_file_that_no_run_can_start_from_is_named_with_the_option(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = write_earlier(tmp_path / "config.yaml", **changes)
    with pytest.raises(InputError, match=rf"^{path}: not the configuration of a run: {message}"):
        plan.load_config(path)


@pytest.mark.parametrize("task", sorted(path.stem for path in (CONF / "task").glob("*.yaml")))
def test_what_a_run_writes_is_what_it_goes_on_with(task: str, tmp_path: Path) -> None:
    options = ("logger=[csv,wandb]", "+dataset.names=[a,b]", "lr=1", "out=2024_05_18")
    config = load_config("train", f"task={task}", *options)
    OmegaConf.save(to_plain(config), tmp_path / "config.yaml")
    assert plan.load_config(tmp_path / "config.yaml") == config


def test_a_run_goes_on_unchanged_but_for_its_tracebacks(tmp_path: Path) -> None:
    scenes = {"dataset.root": str(tmp_path)}  # which is not empty
    last, path = tmp_path / "checkpoints/last.ckpt", write_earlier(tmp_path / "config.yaml", **scenes)
    last.parent.mkdir()
    last.write_bytes(
        pack_checkpoint(
            {"state_dict": {"a": torch.ones(1)}, "bneck": {}, "global_step": 1, **{key: [1] for key in NEEDED}}
        )
    )
    asked = load_config("train", f"resume={tmp_path}", "debug=true")
    assert plan_run(asked) == (replace(plan.load_config(path), debug=True), tmp_path, last)
    with pytest.raises(InputError, match=r"resume: lr=1 size=64 cannot be changed; the run in .* continues as it was"):
        plan_run(replace(asked, typed=(f"resume={tmp_path}", "lr=1", "debug=true", "size=64")))
    path.unlink()
    with pytest.raises(InputError, match=r"holds no config\.yaml and checkpoints/last\.ckpt; expected the folder of a"):
        plan_run(asked)


def test_a_new_run_takes_a_new_folder_alone(tmp_path: Path) -> None:
    config = load_config("train", f"out={tmp_path / 'run'}")
    assert plan_run(config) == (config, tmp_path / "run", None)
    (tmp_path / "run").mkdir()
    (tmp_path / "run/file").touch()
    with pytest.raises(InputError, match=r"out: .*run exists and is not empty; expected a new folder"):
        plan_run(config)

"""A row of tasks/task.py says what its folder, its recipes and its data sets have."""

from dataclasses import fields
from inspect import Parameter, isfunction, signature
from typing import get_args, get_type_hints

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from data.datasets import BOX_FORMATS, LABEL_FORMATS, MASK_FORMATS
from data.errors import InputError
from tasks.classification.module import ClassificationModule
from tasks.detection.module import DetectionModule
from tasks.distillation.settings import Distillation
from tasks.models.architecture import HEADS
from tasks.parsing import flatten, to_plain
from tasks.parts import Parts
from tasks.predict.config import PredictConfig
from tasks.segmentation.module import SegmentationModule
from tasks.task import CLASSIFICATION, DETECTION, KINDS, SEGMENTATION, TASKS, Task, check_serves, find_task
from tests.support.runs import CONF, load_config

FUNCTIONS = sorted(name for name, value in vars(Parts).items() if isfunction(value) and not name.startswith("_"))
RECIPES = sorted(path.stem for path in (CONF / "task").glob("*.yaml"))
ROWS = DETECTION, SEGMENTATION, CLASSIFICATION
every_task = pytest.mark.parametrize("task", KINDS.values(), ids=KINDS)


def test_parts_are_functions_by_name() -> None:
    assert {"build", "evaluate", "predict"} < set(FUNCTIONS)


@every_task
@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_task_has_every_part_with_the_same_parameters(task: Task, name: str) -> None:
    _, *wanted = signature(getattr(Parts, name)).parameters.values()
    found = list(signature(getattr(task.parts, name)).parameters.values())
    own, more = found[: len(wanted)], found[len(wanted) :]
    assert [(each.name, each.kind) for each in own] == [(each.name, each.kind) for each in wanted]
    assert [each.name for each in more if each.default is Parameter.empty] == []


def test_predictions_are_written_in_every_form_that_a_task_has_or_in_none() -> None:
    offered, _ = get_args(get_type_hints(PredictConfig)["results"])
    forms = {form for task in KINDS.values() for form in task.parts.RESULTS}
    assert set(get_args(offered)) == forms | {"none"}


@every_task
def test_a_task_has_the_name_of_its_folder_and_of_its_key(task: Task) -> None:
    assert task.parts.__name__ == f"tasks.{task.kind}.parts"
    assert KINDS[task.kind] is task


@pytest.mark.parametrize(("task", "table"), zip(ROWS, (BOX_FORMATS, MASK_FORMATS, LABEL_FORMATS), strict=True))
def test_a_task_learns_from_every_data_set_of_its_kind(task: Task, table: dict[str, object]) -> None:
    assert task.formats == tuple(sorted(table))
    assert all((CONF / "dataset" / f"{name}.yaml").is_file() for name in task.formats)


@pytest.mark.parametrize(
    ("task", "module"),
    zip(ROWS, (DetectionModule, SegmentationModule, ClassificationModule), strict=True),
)
def test_a_model_is_judged_by_what_its_module_logs_first(task: Task, module: type) -> None:
    assert task.metric == module.headline  # type: ignore[attr-defined]
    assert task.metric == task.big[0]


@every_task
def test_what_distillation_does_in_a_task_are_settings_of_it(task: Task) -> None:
    assert set(task.distills) <= {field.name for field in fields(Distillation)}


def test_every_head_has_a_task() -> None:
    assert set(TASKS) == set(HEADS)


@every_task
def test_a_task_names_a_recipe_of_its_own(task: Task) -> None:
    assert load_config("train", f"task={task.recipe}").recipe.task is task


def test_an_unknown_head_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"^model\.head: unknown 'yolo'; choose from \['classifier', 'lraspp', "):
        find_task("yolo")


@pytest.mark.parametrize(
    ("task", "dataset", "choices"),
    [
        (DETECTION, "masks", "coco, synthetic, voc, yolo, or task=lraspp"),
        (SEGMENTATION, "coco", "cityscapes, masks, synthetic, or task=ssdlite"),
        (DETECTION, "imagenet", "coco, synthetic, voc, yolo, or task=classify"),
        (CLASSIFICATION, "yolo", "csv, folder, imagenet, synthetic, or task=ssdlite"),
        (DETECTION, "pets", "coco, synthetic, voc, yolo"),
    ],
)
def test_a_data_set_that_a_task_does_not_learn_from_is_refused(task: Task, dataset: str, choices: str) -> None:
    with pytest.raises(InputError) as refused:
        check_serves(task, dataset)
    assert str(refused.value) == f"dataset={dataset} is not for {task.kind}; choose from {choices}"


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_sets_every_option_of_its_task(recipe: str) -> None:
    config = load_config("train", f"task={recipe}").recipe
    options = to_plain(config)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        composed = OmegaConf.to_container(compose("train", [f"task={recipe}"]), resolve=False)
    written = {name for name in flatten(composed) if name.partition(".")[0] in options}
    unwritten = set() if config.task.one_size else {"sizes"}  # crops have one
    decided = {"model.se", "model.table", "model.extras"}  # by the weights to start from, or the file of a backbone
    assert set(flatten(options)) - written == (decided & set(flatten(options))) | unwritten
    assert written <= set(flatten(options))

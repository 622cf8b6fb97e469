"""Training with a teacher: what stops a run before it begins, what it leaves behind, and resuming it."""

from collections.abc import Callable
from contextlib import nullcontext
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from data.batches import DetectionBatch
from data.classes import ClassTable
from data.errors import InputError
from tasks.loaders import open_split
from tasks.models.checkpoint import load_checkpoint
from tasks.train.command import train
from tasks.train.config import TrainConfig
from tasks.train.preparation import Start, build_module
from tasks.train.progress import Progress
from tests.support.peers import show_images
from tests.support.runs import describe, load_config, small_run
from tests.support.starts import CLASSES
from tests.support.teachers import SIZE, save_checkpoint, save_features

pytestmark = pytest.mark.usefixtures("blank_figures")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("distill.teacher=none.ckpt",), r"distill.teacher: .*no file none.ckpt"),
        (("distill.teacher=none.ckpt", "distill.weights=x"), r"distill.weights: 'x'; none.ckpt has its own"),
        (("distill.teacher=timm:resnet18",), r"distill.weights: none for timm:resnet18; expected a file"),
        (("distill.teacher=timm:resnet18", "distill.weights=none.pth"), r"distill.weights: none.pth: no such file"),
        (("distill.teacher=timm:resnet0", "distill.weights=x"), r"distill.teacher=timm:resnet0: Unknown model"),
        (("distill.teacher='timm:hf-hub:a/b'", "distill.weights=x"), r"expected a name without a place"),
        (("distill.teacher=torchvision:vgg11", "distill.weights=x"), r"unknown torchvision:vgg11; choose from"),
        (("distill.temperature=0",), r"distill.temperature: 0; expected a number above 0"),
        (("distill.weight=-1",), r"distill.weight: -1; expected a number from 0"),
        (("distill.weight=much",), r"distill.weight: 'much'; expected a number"),
        (("distill.weights=x",), r"distill.weights: 'x' of no network"),
        (("distill.weight=2",), r"distill.weight: does nothing without distill.teacher; leave it out"),
        (("distill.temperature=2",), r"distill.temperature: does nothing without distill.teacher"),
        (("distill.box_weight=0",), r"distill.box_weight: does nothing without distill.teacher"),
        (
            ("distill.teacher=none.ckpt", "distill.box_weight=2"),
            r"box_weight: does nothing for lraspp, which gives masks",
        ),
        (("distill.teacher=timm:x", "distill.temperature=2"), r"temperature: does nothing with the features of timm:x"),
    ],
)
def test_what_cannot_be_a_teacher_stops_a_run_before_it_begins(
    options: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        train(small_run("lraspp", tmp_path / "out", *options))
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Return the options of a teacher of timm's."""
    return save_features(tmp_path_factory.mktemp("timm"))


def build(task: str, *options: str) -> Any:
    config = small_run(task, Path("run"), *options)
    return build_module(Start(config, describe(config, CLASSES), None), [], steps=10)


def test_a_student_starts_as_it_would_without_a_teacher_and_holds_nothing_of_it(features: tuple[str, str]) -> None:
    states = []
    for options in ((), features):
        torch.manual_seed(0)
        module = build("ssdlite", *options)
        states.append({**module.state_dict(), "next": torch.rand(3)})
    assert states[0].keys() == states[1].keys()
    assert [name for name in states[0] if not torch.equal(states[0][name], states[1][name])] == []
    assert deepcopy(module).teacher is module.teacher
    (groups, trained) = module.configure_optimizers()["optimizer"].param_groups, list(module.model.parameters())
    optimized = {id(parameter) for group in groups for parameter in group["params"]}
    assert optimized == {id(p) for p in [*trained, *module.teacher.projection.parameters()]}


@pytest.mark.slow
def test_the_teachers_loss_joins_the_labels_under_its_weight_and_leaves_the_teacher_alone(
    features: tuple[str, str], tmp_path: Path
) -> None:
    teacher = f"distill.teacher={save_checkpoint(tmp_path, 'ssdlite')}"
    boxes, labels = torch.tensor([[[10.0, 10, 50, 60]]] * 2), torch.tensor([[1], [2]])
    crowd, ids, sizes = torch.zeros(2, 1).bool(), torch.arange(2), torch.tensor([SIZE] * 2)
    batch = DetectionBatch(show_images(SIZE), boxes, labels, crowd, ids, sizes)
    for options in (features, (teacher,)):
        logged: list[dict[str, float]] = []
        for weight in (0, 1, 3):
            torch.manual_seed(0)
            module = build("ssdlite", *options, f"distill.weight={weight}")
            losses = module.training_step(batch, 0)
            losses.pop("loss").backward()
            logged.append({name.partition("_")[2]: value.item() for name, value in losses.items()})
        assert all(parameter.grad is None for parameter in module.teacher.network.parameters())
        assert [parts[""] for parts in logged] == pytest.approx([sum(parts.values()) - parts[""] for parts in logged])
        assert [parts["distill"] / logged[1]["distill"] for parts in logged] == pytest.approx([0, 1, 3])


def classes_of(config: TrainConfig) -> ClassTable:
    return open_split(config.recipe.task, config.dataset, "train").classes


def own(folder: Path, classes: ClassTable) -> tuple[str, ...]:
    turned = ClassTable.create(classes.names[::-1], classes.ids[::-1])
    return (f"distill.teacher={save_checkpoint(folder, 'lraspp', 'backbone=large', classes=turned)}",)


def of_timm(folder: Path, classes: ClassTable) -> tuple[str, ...]:
    return save_features(folder)


def final_state(folder: Path) -> dict[str, Any]:
    content = torch.load(folder / "checkpoints/last.ckpt", weights_only=True)
    entries = ("state_dict", "current_model_state", "projection")
    return {f"{entry} {name}": value for entry in entries for name, value in content.get(entry, {}).items()}


@pytest.mark.slow
@pytest.mark.parametrize(("task", "source"), [("lraspp", own), ("ssdlite", of_timm)])
def test_a_run_with_a_teacher_resumes_where_it_was_and_leaves_the_teacher_as_it_is(
    task: str,
    source: Callable[[Path, ClassTable], tuple[str, ...]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = source(tmp_path, classes_of(small_run(task, tmp_path / "_")))
    start, cut, teachers = Progress.on_train_epoch_start, [1], []

    def watch(self: Progress, trainer: Any, module: Any) -> None:
        if trainer.current_epoch == 0:
            teachers.append((module.teacher, deepcopy(module.teacher.network.state_dict())))
        if out == tmp_path / "cut" and trainer.current_epoch in cut:
            cut.clear()
            raise RuntimeError("power cut")
        start(self, trainer, module)

    monkeypatch.setattr(Progress, "on_train_epoch_start", watch)
    for out in (tmp_path / "whole", tmp_path / "cut"):
        with pytest.raises(RuntimeError, match="power cut") if out.name == "cut" else nullcontext():
            train(small_run(task, out, *options))
    train(load_config("train", f"resume={tmp_path / 'cut'}"))
    for teacher, before in teachers:
        after = teacher.network.state_dict()
        assert [name for name in after if not torch.equal(after[name], before[name])] == []
    expected, found = final_state(tmp_path / "whole"), final_state(tmp_path / "cut")
    assert [name for name in expected if not torch.equal(expected[name], found.pop(name))] == []
    assert not found


@pytest.mark.slow
def test_a_run_without_its_teacher_is_not_resumed_and_one_of_before_is(tmp_path: Path) -> None:
    out = tmp_path / "run"
    source = save_checkpoint(tmp_path, "ssdlite", classes=classes_of(small_run("ssdlite", out)))
    train(small_run("ssdlite", out, "trainer.max_epochs=1", f"distill.teacher={source}"))
    content = torch.load(out / "checkpoints/last.ckpt", weights_only=True)
    assert content.keys().isdisjoint({"teacher", "projection"})
    for entry in ("state_dict", "current_model_state"):
        assert {name.removeprefix("model.") for name in content[entry]} == load_checkpoint(Path(source))[1].keys()
    Path(source).unlink()
    config = OmegaConf.load(out / "config.yaml")
    config.trainer.max_epochs = 2
    OmegaConf.save(config, out / "config.yaml")
    with pytest.raises(InputError, match=rf"distill.teacher: .*no file {source}"):
        train(load_config("train", f"resume={out}", "resume_anyway=true"))
    del config["distill"]
    OmegaConf.save(config, out / "config.yaml")
    assert "mAP" in train(load_config("train", f"resume={out}", "resume_anyway=true"))

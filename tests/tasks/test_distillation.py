"""Training with a teacher: which are taken, what a run with one leaves behind, and what is refused."""

from collections.abc import Callable
from contextlib import nullcontext
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from omegaconf import OmegaConf
from torch import Tensor
from torchvision.models.segmentation import deeplabv3_mobilenet_v3_large, lraspp_mobilenet_v3_large

from data.classes import ClassTable
from data.errors import InputError
from data.loading import DetectionBatch
from tasks.build import describe, open_split
from tasks.callbacks import Progress
from tasks.checkpoint import load_checkpoint, save_safetensors
from tasks.distillation.loading import load_teacher
from tasks.distillation.teacher import Teacher
from tasks.model import build_model
from tasks.options import to_plain
from tasks.preprocessing import Preprocessing
from tasks.pretrained.published import voc_classes
from tasks.training import build_module, train
from tests.conftest import _randomize
from tests.tasks.peers import show_images
from tests.tasks.runs import load_config, small_run
from tests.tasks.starts import CLASSES, build_detector, save

SIZE = (64, 96)
TINY = "mobilenetv3_small_050"


def save_checkpoint(folder: Path, task: str, *options: str, classes: ClassTable = CLASSES) -> str:
    """Write a network of random weights as a checkpoint of this project."""
    path = folder / "teacher.safetensors"
    description = describe(to_plain(small_run(task, folder, *options)), classes)
    save_safetensors(path, description, _randomize(build_model(description.arch)).state_dict())
    return str(path)


def teach(task: str, *options: str, classes: ClassTable = CLASSES) -> Teacher:
    """Load the teacher of a training command for data of these classes."""
    config = to_plain(small_run(task, Path("run"), *options))
    teacher = load_teacher(config, describe(config, classes))
    assert teacher is not None
    return teacher


def predict(path: str, images: Tensor) -> Any:
    """Return what a checkpoint predicts, normalised as it says itself."""
    description, weights = load_checkpoint(Path(path))
    model = build_model(description.arch).eval().to(memory_format=torch.channels_last)
    model.load_state_dict(weights)
    with torch.no_grad():
        return model(description.preprocessing.normalize(images))


def test_without_a_teacher_there_is_none_in_older_runs_too() -> None:
    config = to_plain(small_run("ssdlite", Path("run")))
    assert load_teacher(config, describe(config, CLASSES)) is None
    del config["distill"]
    assert load_teacher(config, describe(config, CLASSES)) is None


def test_a_detector_of_another_backbone_teaches_with_its_own_normalisation(tmp_path: Path) -> None:
    source = save_checkpoint(tmp_path, "ssdlite", "backbone=large", "preprocessing.mean=[0.1,0.2,0.3]")
    teacher = teach("ssdlite", f"distill.teacher={source}")
    images = show_images(SIZE)
    for found, expected in zip(teacher(images), predict(source, images), strict=True):
        torch.testing.assert_close(found, expected)
        assert not found.requires_grad
    assert teacher.places is None


def test_torchvisions_detector_teaches_some_of_its_classes(tmp_path: Path) -> None:
    source = save(build_detector(), tmp_path / "ssdlite.pth")
    options = ("task=ssdlite_torchvision", "size=320", f"distill.teacher={source}")
    teacher = teach("ssdlite", *options, classes=ClassTable.create(["car", "person"], [3, 1]))
    assert teacher.places.tolist() == [2, 0]  # type: ignore[union-attr]
    options_that_fit = r"fit: model.anchors=torchvision model.scores=softmax loss.assignment=iou$"
    with pytest.raises(InputError, match=options_that_fit):
        teach("ssdlite", "size=320", f"distill.teacher={source}", classes=ClassTable.create(["car"], [3]))


@pytest.mark.parametrize(("teaches", "learns"), [("lraspp", "raspp"), ("lraspp_torchvision", "lraspp")])
def test_a_segmenter_of_another_head_teaches_at_the_size_of_the_images(
    teaches: str, learns: str, tmp_path: Path
) -> None:
    source = save_checkpoint(tmp_path, teaches, "backbone=large")
    logits = teach(learns, f"distill.teacher={source}")(show_images(SIZE))
    assert logits.shape == (2, len(CLASSES), *SIZE)
    assert logits.dtype == torch.float32


def test_classes_are_found_by_their_names(tmp_path: Path) -> None:
    theirs = ClassTable.create(["car", "dog", "person", "rider"], range(4))
    source = save_checkpoint(tmp_path, "ssdlite", classes=theirs)
    assert teach("ssdlite", f"distill.teacher={source}").places.tolist() == [2, 3, 0]  # type: ignore[union-attr]
    with pytest.raises(InputError, match=r"distill.teacher=.*does not know 'bus'; .*this one knows car, dog"):
        teach("ssdlite", f"distill.teacher={source}", classes=ClassTable.create(["car", "bus"], [0, 1]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("model.anchors=torchvision",), r"model.anchors: torchvision in .*fit: model.anchors=torchvision$"),
        (("model.scores=softmax",), r"model.scores: softmax in the teacher, sigmoid here; options that fit: "),
        (("size=[64,64]",), r"size: \[64, 64\] in the teacher, \[64, 96\] here; options that fit: size=\[64,64\]$"),
    ],
)
def test_a_detector_of_other_anchors_or_scores_is_refused_with_the_option_that_fits(
    options: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    source = save_checkpoint(tmp_path, "ssdlite", *options)
    with pytest.raises(InputError, match=message):
        teach("ssdlite", f"distill.teacher={source}")


def test_a_teacher_of_another_task_is_refused(tmp_path: Path) -> None:
    source = save_checkpoint(tmp_path, "ssdlite")
    with pytest.raises(InputError, match=r"distill.teacher: .*is of ssdlite; expected a teacher for lraspp"):
        teach("lraspp", f"distill.teacher={source}")
    with pytest.raises(InputError, match=r"a segmenter for ssdlite"):
        teach("ssdlite", "distill.teacher=torchvision:fcn_resnet50", "distill.weights=none.pth")


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
    ],
)
def test_what_cannot_be_a_teacher_stops_a_run_before_it_begins(
    options: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        train(small_run("lraspp", tmp_path / "out", *options))
    assert not (tmp_path / "out").exists()


def test_torchvisions_segmenter_teaches_as_torchvision_runs_it(tmp_path: Path) -> None:
    torch.manual_seed(0)
    peer = _randomize(deeplabv3_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=3, aux_loss=True))
    source = save(peer, tmp_path / "deeplab.pth")
    teacher = teach("lraspp", "distill.teacher=torchvision:deeplabv3_mobilenet_v3_large", f"distill.weights={source}")
    images, peer = show_images(SIZE), peer.to(memory_format=torch.channels_last)
    entry = Preprocessing(None, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    with torch.no_grad():
        torch.testing.assert_close(teacher(images), peer(entry.normalize(images))["out"])


def build_voc(path: Path) -> tuple[str, ...]:
    source = save(lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=21), path)
    return "distill.teacher=torchvision:lraspp_mobilenet_v3_large", f"distill.weights={source}"


def test_21_classes_are_those_of_voc_where_the_students_are_among_them(tmp_path: Path) -> None:
    options = build_voc(tmp_path / "voc.pth")
    person = ClassTable.create(["person", "background"], [1, 0])
    assert teach("lraspp", *options, classes=person).places.tolist() == [15, 0]  # type: ignore[union-attr]
    assert teach("lraspp", *options, classes=voc_classes()).places is None
    assert teach("lraspp", *options, classes=ClassTable.create([f"c{i}" for i in range(21)], range(21))).places is None
    with pytest.raises(InputError, match=r"21 classes without names, 3 here; expected as many; .* among VOC's"):
        teach("lraspp", *options)


def test_a_file_of_another_network_is_refused_naming_tensors(tmp_path: Path) -> None:
    source = save(lraspp_mobilenet_v3_large(weights=None, weights_backbone=None), tmp_path / "lraspp.pth")
    with pytest.raises(InputError, match=r"not of torchvision's fcn_resnet50: missing, unknown .* backbone.conv1"):
        teach("lraspp", "distill.teacher=torchvision:fcn_resnet50", f"distill.weights={source}")
    with pytest.raises(InputError, match=rf"not of timm's {TINY}: missing, unknown .* conv_stem"):
        teach("ssdlite", f"distill.teacher=timm:{TINY}", f"distill.weights={source}")


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Return the options of a teacher of timm's."""
    torch.manual_seed(0)
    source = save(_randomize(timm.create_model(TINY)), tmp_path_factory.mktemp("timm") / "tiny.pth")
    return f"distill.teacher=timm:{TINY}", f"distill.weights={source}"


@pytest.mark.parametrize("task", ["ssdlite", "lraspp"])
def test_features_of_timm_are_its_last_map_and_the_projection_leads_to_them(
    task: str, features: tuple[str, str]
) -> None:
    teacher = teach(task, *features)
    peer = timm.create_model(TINY, features_only=True, out_indices=(-1,)).eval()
    peer.load_state_dict(torch.load(features[1].partition("=")[2], weights_only=True), strict=False)
    images = show_images(SIZE)
    entry = Preprocessing(None, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    with torch.no_grad():
        torch.testing.assert_close(teacher(images), peer(entry.normalize(images))[0])
    assert teacher.projection.weight.requires_grad  # type: ignore[union-attr]
    assert teacher.projection.out_channels == teacher(images).shape[1]  # type: ignore[union-attr]


def test_a_model_of_one_size_is_refused_for_another(tmp_path: Path) -> None:
    name = "vit_tiny_patch16_224"
    source = save(timm.create_model(name), tmp_path / "vit.pth")
    with pytest.raises(InputError, match=r"no feature map of images of size \(64, 96\): .*224"):
        teach("ssdlite", f"distill.teacher=timm:{name}", f"distill.weights={source}")


def build(task: str, *options: str) -> Any:
    config = to_plain(small_run(task, Path("run"), *options))
    return build_module(config, describe(config, CLASSES), weights=None, steps=10)


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


def test_the_teachers_loss_joins_the_labels_under_its_weight_and_leaves_the_teacher_alone(
    features: tuple[str, str], tmp_path: Path
) -> None:
    teacher = f"distill.teacher={save_checkpoint(tmp_path, 'ssdlite')}"
    boxes, labels = torch.tensor([[[10.0, 10, 50, 60]]] * 2), torch.tensor([[1], [2]])
    batch = DetectionBatch(show_images(SIZE), boxes, labels, torch.zeros(2, 1).bool(), torch.arange(2))
    for options in (features, (teacher,)):
        logged: list[dict[str, float]] = []
        for weight in (0, 1, 3):
            torch.manual_seed(0)
            module = build("ssdlite", *options, f"distill.weight={weight}")
            values: dict[str, Tensor] = {}
            module.log = lambda name, value, values=values, **_: values.update({name: value})
            module.log_dict = lambda parts, values=values, **_: values.update(parts)
            module.training_step(batch, 0).backward()
            logged.append({name.partition("_")[2]: value.item() for name, value in values.items()})
        assert all(parameter.grad is None for parameter in module.teacher.network.parameters())
        assert [parts[""] for parts in logged] == pytest.approx([sum(parts.values()) - parts[""] for parts in logged])
        assert [parts["distill"] / logged[1]["distill"] for parts in logged] == pytest.approx([0, 1, 3])


def own(folder: Path, classes: ClassTable) -> tuple[str, ...]:
    turned = ClassTable.create(classes.names[::-1], classes.ids[::-1])
    return (f"distill.teacher={save_checkpoint(folder, 'lraspp', 'backbone=large', classes=turned)}",)


def of_timm(folder: Path, classes: ClassTable) -> tuple[str, ...]:
    torch.manual_seed(0)
    source = save(_randomize(timm.create_model(TINY)), folder / "tiny.pth")
    return f"distill.teacher=timm:{TINY}", f"distill.weights={source}"


def final_state(folder: Path) -> dict[str, Any]:
    content = torch.load(folder / "checkpoints/last.ckpt", weights_only=True)
    entries = ("state_dict", "current_model_state", "projection")
    return {f"{entry} {name}": value for entry in entries for name, value in content.get(entry, {}).items()}


@pytest.mark.parametrize(("task", "source"), [("lraspp", own), ("ssdlite", of_timm)])
def test_a_run_with_a_teacher_resumes_where_it_was_and_leaves_the_teacher_as_it_is(
    task: str,
    source: Callable[[Path, ClassTable], tuple[str, ...]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = source(tmp_path, open_split(task, to_plain(small_run(task, tmp_path / "_"))["dataset"], "train").classes)
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


def test_a_run_without_its_teacher_is_not_resumed_and_one_of_before_is(tmp_path: Path) -> None:
    out = tmp_path / "run"
    classes = open_split("ssdlite", to_plain(small_run("ssdlite", out))["dataset"], "train").classes
    source = save_checkpoint(tmp_path, "ssdlite", classes=classes)
    train(small_run("ssdlite", out, "trainer.max_epochs=1", f"distill.teacher={source}"))
    content = torch.load(out / "checkpoints/last.ckpt", weights_only=True)
    assert content.keys().isdisjoint({"teacher", "projection"})
    for entry in ("state_dict", "current_model_state"):
        assert {name.removeprefix("model.") for name in content[entry]} == load_checkpoint(Path(source))[1].keys()
    Path(source).unlink()
    with pytest.raises(InputError, match=rf"distill.teacher: .*no file {source}"):
        train(load_config("train", f"resume={out}"))
    config = OmegaConf.load(out / "config.yaml")
    del config["distill"]
    OmegaConf.save(config, out / "config.yaml")
    assert "mAP" in train(load_config("train", f"resume={out}"))

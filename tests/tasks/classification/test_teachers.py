"""What teaches a classifier: another one of ours, or torchvision's."""

from pathlib import Path

import pytest
import torch
from torchvision.models import mobilenet_v3_small, resnet18

from data.errors import InputError
from tasks.classification.module import ClassificationModule
from tasks.models.checkpoint import save_safetensors
from tasks.models.network import build_model
from tasks.train.teachers import load_teacher
from tests.support.peers import show_images
from tests.support.random_weights import randomize
from tests.support.runs import describe, small_run
from tests.support.starts import CLASSES, save
from tests.tasks.classification.test_classifier import DESCRIPTION, Classifier
from tests.tasks.classification.test_module import random_batch

MEAN, STD = (torch.tensor(values).reshape(3, 1, 1) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


def teach(*options):
    config = small_run("classify", Path("run"), *options)
    return load_teacher(config.distill, describe(config, CLASSES), sizes=config.recipe.training_sizes)


@torch.no_grad()
@pytest.mark.parametrize(("name", "build"), [("resnet18", resnet18), ("mobilenet_v3_small", mobilenet_v3_small)])
def test_torchvisions_classifiers_teach_as_torchvision_runs_them(name, build, tmp_path):
    theirs = randomize(build(num_classes=3))
    teacher = teach(f"distill.teacher=torchvision:{name}", f"distill.weights={save(theirs, tmp_path / 'a.pth')}")
    images = show_images((64, 96))
    torch.testing.assert_close(teacher(images), theirs((images / 255 - MEAN) / STD), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["distill.teacher=torchvision:resnet17"], "unknown torchvision:resnet17; choose from"),
        (["distill.teacher=torchvision:resnet18"], "5 classes without names, 3 here; expected as many"),
        (["distill.teacher=torchvision:vgg11"], r"no classifier\.6\.weight; expected weights of torchvision's vgg11"),
    ],
)
def test_what_cannot_teach_is_refused(options, message, tmp_path):
    source = save(resnet18(num_classes=5), tmp_path / "a.pth")
    with pytest.raises(InputError, match=message):
        teach(*options, f"distill.weights={source}")


def test_a_teacher_that_reads_its_logits_otherwise_is_refused(tmp_path):
    options = ("model.scores=sigmoid", "loss.label_smoothing=0")
    own = describe(small_run("classify", tmp_path / "run", *options), CLASSES)
    save_safetensors(tmp_path / "m.safetensors", own, build_model(own.arch).state_dict())
    with pytest.raises(InputError, match=r"has model\.scores=sigmoid; expected softmax"):
        teach(f"distill.teacher={tmp_path / 'm.safetensors'}")


def test_a_step_adds_what_the_teacher_says(tmp_path):
    source = save(randomize(resnet18(num_classes=3)), tmp_path / "a.pth")
    teacher = teach("distill.teacher=torchvision:resnet18", f"distill.weights={source}", "distill.weight=0.5")
    module = ClassificationModule(Classifier(DESCRIPTION), teacher=teacher)
    losses = module.training_step(random_batch(), 0)
    assert {"train/loss_labels", "train/loss_distill"} < set(losses)
    torch.testing.assert_close(losses["train/loss_labels"] + losses["train/loss_distill"], losses["train/loss"])

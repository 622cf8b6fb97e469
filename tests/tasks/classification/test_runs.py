"""Classifiers from the command's options to the files of a run."""

import json

import numpy as np
import pytest

from data.errors import InputError
from tasks.doctor.command import diagnose
from tasks.evaluate.command import evaluate
from tasks.predict.predictor import Predictor
from tasks.train.command import train
from tests.support.class_trees import write_images, write_table
from tests.support.runs import load_config, small_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return the folder of a run on the scenes' objects."""
    out = tmp_path_factory.mktemp("classify") / "run"
    train(small_run("classify", out, "dataset.scenes={train: 12, val: 8}", "size=64"))
    return out


def read(path):
    return json.loads(path.read_text())


def test_a_run_writes_what_other_runs_write(run):
    names = {path.name for path in run.iterdir()}
    assert {"metrics.json", "analysis.json", "predictions.csv", "report.html", "model.safetensors", "samples"} <= names
    assert {"confusion_matrix.png", "calibration.png", "f1.png"} <= names
    analysis = read(run / "analysis.json")
    assert analysis["task"] == "classification"
    assert set(analysis["per_class"]["car"]) == {"images", "accuracy", "threshold", "precision", "recall", "F1"}
    page = (run / "report.html").read_text()
    assert "share of the images whose best class is right" in page


@pytest.mark.slow
def test_evaluating_the_checkpoint_gives_the_same_metrics(run, tmp_path):
    options = (f"checkpoint={run / 'model.safetensors'}", f"out={tmp_path / 'e'}", "accelerator=cpu")
    again, before = evaluate(load_config("evaluate", *options)), read(run / "metrics.json")
    assert again.pop("per_class") == pytest.approx(before.pop("per_class"), abs=1e-6)
    assert again == pytest.approx(before, abs=1e-6)


@pytest.mark.slow
def test_it_may_be_evaluated_at_another_size(run, tmp_path):
    options = (f"checkpoint={run / 'model.safetensors'}", f"out={tmp_path / 'e'}", "accelerator=cpu", "size=[96,80]")
    evaluate(load_config("evaluate", *options))
    assert read(tmp_path / "e" / "model.json")["input"] == [96, 80]


def test_every_image_has_its_best_class(run):
    image = np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8)
    predictor = Predictor(run / "model.safetensors", accelerator="cpu")
    (prediction,) = predictor(image)
    assert prediction.labels.tolist() == [prediction.scores.argmax()]
    assert prediction.scores.sum() == pytest.approx(1, abs=1e-5)
    (tiled,) = Predictor(run / "model.safetensors", accelerator="cpu", tile=64)(image)
    assert tiled.scores.shape == (6,)


def write_tags(root):
    """Write images with none, one or two of two labels."""
    names = [f"{n}.png" for n in range(24)]
    labels = ["cat", "dog", "cat;dog", ""]
    for split in ("train", "val"):
        rows = [f"{name},{labels[index % 4]}" for index, name in enumerate(names)]
        write_table(write_images(root / split, names).parent, rows, name=f"{split}.csv")
    return root


def tag_options(root, *more):
    return (f"dataset.root={root}", "dataset=csv", "dataset.multilabel=true", "size=64", *more)


def run_tags(out, root, *more):
    options = tag_options(root, *more)
    return load_config(
        "train", "task=classify", "backbone=small", *options, "batch_size=6", "trainer.max_epochs=1",
        "trainer.accelerator=cpu", "trainer.progress_bar=false", "logger=csv", "dataset.workers=0", f"out={out}",
    )  # fmt: skip


@pytest.mark.slow
def test_an_image_may_have_several_labels(tmp_path):
    root, out = write_tags(tmp_path / "tags"), tmp_path / "run"
    metrics = train(run_tags(out, root, "model.scores=sigmoid", "loss.label_smoothing=0"))
    assert set(metrics) == {"macro_AP", "macro_F1", "micro_F1", "calibration_error", "per_class"}
    assert set(read(out / "analysis.json")["per_class"]["cat"]) >= {"AP", "threshold", "F1"}
    rows = (out / "predictions.csv").read_text().splitlines()
    assert rows[3].startswith("2.png,cat;dog,")
    assert not (out / "confusion_matrix.png").exists()
    image = np.zeros((64, 64, 3), np.uint8)
    (prediction,) = Predictor(out / "model.safetensors", accelerator="cpu")(image)
    assert prediction.labels.tolist() == [k for k in np.argsort(-prediction.scores) if prediction.scores[k] >= 0.5]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["loss.label_smoothing=0"], "multilabel=true with model.scores=softmax; expected model.scores=sigmoid"),
        (["model.scores=sigmoid"], r"loss\.label_smoothing: 0\.1 with model\.scores=sigmoid"),
    ],
)
def test_several_labels_need_a_model_for_them(tmp_path, options, message):
    root = write_tags(tmp_path / "tags")
    with pytest.raises(InputError, match=message):
        train(run_tags(tmp_path / "run", root, *options))


def test_the_doctor_counts_labels(tmp_path):
    root = write_tags(tmp_path / "tags")
    options = tag_options(root, "model.scores=sigmoid", "loss.label_smoothing=0", "dataset.workers=0")
    found = diagnose(load_config("doctor", "task=classify", "backbone=small", *options, f"out={tmp_path / 'd'}"))
    labels = found.splits["train"]["labels"]
    assert (labels["unit"], labels["total"], labels["empty"]) == ("labels", 24, 6)
    assert found.may_train

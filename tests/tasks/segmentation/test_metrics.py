import json
import math

import numpy as np
import pytest
import torch
from PIL import Image

from data.classes import ClassTable
from data.samples import IGNORE
from tasks.segmentation.metrics import ConfusionMatrix, evaluate_segmentation

TWO = ClassTable.create(["road", "car"], [0, 1])


def count(predictions, masks, num_classes):
    confusion = ConfusionMatrix(num_classes)
    confusion.update(torch.tensor(predictions), torch.tensor(masks, dtype=torch.uint8))
    return confusion


def test_two_classes_by_hand():
    confusion = count([[0, 0], [1, 1]], [[0, 1], [1, 1]], 2)
    assert confusion.matrix.tolist() == [[1, 0], [1, 2]]
    metrics = evaluate_segmentation(confusion.matrix, TWO)
    assert metrics.iou == {"road": 1 / 2, "car": 2 / 3}
    assert metrics.summary["mIoU"] == (1 / 2 + 2 / 3) / 2
    assert metrics.summary["pixel_accuracy"] == 3 / 4
    assert metrics.summary["class_accuracy"] == (1 + 2 / 3) / 2


def test_ignored_pixels_do_not_count():
    confusion = count([[0, 1, 1]], [[0, IGNORE, 1]], 2)
    assert confusion.matrix.tolist() == [[1, 0], [0, 1]]


def test_a_mask_that_is_all_ignored_gives_no_numbers():
    metrics = evaluate_segmentation(count([[0, 1]], [[IGNORE, IGNORE]], 2).matrix, TWO)
    assert set(metrics.summary.values()) == set(metrics.iou.values()) == {None}


def test_a_class_in_neither_has_no_iou_and_one_only_predicted_has_zero():
    classes = ClassTable.create(["a", "b", "c"], [0, 1, 2])
    metrics = evaluate_segmentation(count([[0, 1]], [[0, 0]], 3).matrix, classes)
    assert metrics.iou == {"a": 1 / 2, "b": 0.0, "c": None}
    assert metrics.summary["mIoU"] == 1 / 4
    assert metrics.summary["class_accuracy"] == 1 / 2  # of class a, the only one with ground truth


def test_a_category_is_its_classes_taken_as_one():
    classes = ClassTable.create(["car", "bus", "sky"], [0, 1, 2], categories=["vehicle", "vehicle", ""])
    metrics = evaluate_segmentation(np.array([[2, 3, 0], [0, 1, 1], [4, 0, 5]]), classes)
    assert metrics.iou_category == {"vehicle": 6 / 11}  # 6 right, 1 missed, 4 too many
    assert metrics.summary["mIoU_category"] == 6 / 11


def test_without_categories_there_are_no_category_entries():
    values = evaluate_segmentation(np.eye(2, dtype=np.int64), TWO).to_dict()
    assert list(values) == ["mIoU", "pixel_accuracy", "class_accuracy", "iou"]


def test_the_numbers_are_valid_json():
    classes = ClassTable.create(["a", "b"], [0, 1], categories=["x", "y"])
    values = evaluate_segmentation(np.array([[3, 0], [0, 0]]), classes).to_dict()
    assert json.loads(json.dumps(values, allow_nan=False))["iou"] == {"a": 1.0, "b": None}
    assert values["iou_category"] == {"x": 1.0, "y": None}


def test_images_one_by_one_count_as_the_batch_does():
    generator = torch.Generator().manual_seed(0)
    predictions = torch.randint(0, 4, (3, 9, 7), generator=generator)
    masks = torch.randint(0, 4, (3, 9, 7), generator=generator)
    masks[masks == 3] = IGNORE
    batch, single, parts = ConfusionMatrix(4), ConfusionMatrix(4), [ConfusionMatrix(4) for _ in range(3)]
    batch.update(predictions, masks)
    for part, prediction, mask in zip(parts, predictions, masks, strict=True):
        single.update(prediction, mask)
        part.update(prediction, mask)
    assert torch.equal(batch.matrix, single.matrix)
    assert torch.equal(batch.matrix, sum(part.matrix for part in parts))
    assert batch.matrix.sum() == (masks != IGNORE).sum()


def test_reset_forgets():
    confusion = count([[0]], [[0]], 2)
    confusion.reset()
    assert confusion.matrix.sum() == 0


@pytest.mark.parametrize(
    ("predictions", "masks", "message"),
    [
        ([[0]], [[0, 1]], "differ in shape"),
        ([[0]], [[2]], "masks hold 2 to 2"),
        ([[2]], [[0]], "predictions hold 2 to 2"),
    ],
)
def test_values_that_are_no_class_are_refused(predictions, masks, message):
    with pytest.raises(ValueError, match=message):
        count(predictions, masks, 2)


def test_a_matrix_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"expected \(2, 2\)"):
        evaluate_segmentation(np.zeros((3, 3), dtype=np.int64), TWO)


def official(folder, pairs):
    """Return the scores of cityscapesscripts for (prediction, ground truth) arrays of label ids."""
    script = pytest.importorskip("cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling")
    script.args.quiet, script.args.JSONOutput, script.args.evalInstLevelScore = True, False, False
    paths = []
    for number, pair in enumerate(pairs):
        paths.append([str(folder / f"{number}_{kind}.png") for kind in ("prediction", "truth")])
        for path, ids in zip(paths[-1], pair, strict=True):
            Image.fromarray(ids).save(path)
    return script.evaluateImgLists(*map(list, zip(*paths, strict=True)), script.args)


@pytest.mark.parametrize("seed", range(3))
def test_iou_equals_that_of_cityscapesscripts(tmp_path, seed):
    from cityscapesscripts.helpers.labels import labels

    used = sorted((label for label in labels if not label.ignoreInEval), key=lambda label: label.trainId)
    names, ids, categories = zip(*[(label.name, label.id, label.category) for label in used], strict=True)
    classes = ClassTable.create(names, ids, categories=categories)
    rng = np.random.default_rng(seed)
    in_truth = np.array([i for i in range(34) if i not in (12, 23, 31)])  # with ignored ids; wall, sky, train absent
    in_predictions = np.array([i for i in ids if i not in (23, 31)])  # sky, train absent here too
    index = np.full(34, IGNORE, dtype=np.uint8)
    index[list(ids)] = np.arange(len(ids))
    confusion, pairs = ConfusionMatrix(len(ids)), []
    for _ in range(3):
        truth = rng.choice(in_truth, (37, 53)).astype(np.uint8)
        prediction = rng.choice(in_predictions, (37, 53)).astype(np.uint8)
        prediction = np.where(
            index[truth] == IGNORE, prediction, np.where(rng.random((37, 53)) < 0.6, truth, prediction)
        )
        confusion.update(torch.from_numpy(index[prediction]), torch.from_numpy(index[truth]))
        pairs.append((prediction, truth))
    metrics, expected = evaluate_segmentation(confusion.matrix, classes), official(tmp_path, pairs)
    for ours, theirs in ((metrics.iou, "classScores"), (metrics.iou_category, "categoryScores")):
        scores = {name: None if math.isnan(value) else value for name, value in expected[theirs].items()}
        assert ours == {name: scores[name] for name in ours}
    assert metrics.iou["sky"] is metrics.iou["train"] is metrics.iou_category["sky"] is None
    assert metrics.iou["wall"] == 0.0
    assert metrics.summary["mIoU"] == expected["averageScoreClasses"]
    assert metrics.summary["mIoU_category"] == expected["averageScoreCategories"]

import numpy as np
from PIL import Image

from data.classes import ClassTable
from data.images import load_mask
from data.samples import IGNORE
from tasks.segmentation.prediction import MaskPrediction
from tasks.segmentation.results import LabelMasks, MaskTally

CLASSES = ClassTable.create(["cat", "dog"], [3, 7], colors=[(255, 0, 0), (0, 0, 255)])


def found(*classes, table=CLASSES):
    """Return a mask of one row, a pixel of each of these classes."""
    image = np.zeros((1, len(classes), 3), np.uint8)
    return MaskPrediction(image=image, name="one", classes=table, mask=np.array([classes], np.uint8))


def test_a_mask_holds_label_ids_and_shows_the_colours(tmp_path):
    writer = LabelMasks(tmp_path / "masks")
    writer.write(found(0, 1, IGNORE))
    assert load_mask(tmp_path / "masks/one.png").tolist() == [[3, 7, 255]]
    with Image.open(tmp_path / "masks/one.png") as image:
        assert np.array(image.convert("RGB")).tolist() == [[[255, 0, 0], [0, 0, 255], [255, 255, 255]]]


def test_pixels_of_no_class_have_no_value_of_a_class(tmp_path):
    writer = LabelMasks(tmp_path / "masks")
    writer.write(found(0, 1, IGNORE, table=ClassTable.create(["rest", "crack"], [0, 255])))
    assert load_mask(tmp_path / "masks/one.png").tolist() == [[0, 255, 254]]


def test_the_classes_in_masks_are_counted():
    tally = MaskTally()
    tally.write(found(0, 0, IGNORE))
    assert str(tally) == "masks of 1 class"
    tally.write(found(0, 1, IGNORE))
    assert str(tally) == "masks of 2 classes"

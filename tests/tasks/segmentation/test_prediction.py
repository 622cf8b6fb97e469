import numpy as np
import pytest

from data.classes import ClassTable
from data.errors import InputError
from data.samples import IGNORE
from tasks.segmentation.prediction import MaskPrediction

CLASSES = ClassTable.create(["cat", "dog", "cow"], [3, 7, 8])
MASK = MaskPrediction(
    image=np.full((60, 80, 3), 90, np.uint8),
    name="mask",
    classes=CLASSES,
    mask=np.repeat(np.uint8([[0, 1]]), 60, 0).repeat(40, 1),
)


def test_pixels_of_other_classes_are_left_out():
    assert np.unique(MASK.keep(classes=["dog"]).mask).tolist() == [1, IGNORE]
    assert MASK.keep().mask is MASK.mask


def test_an_unknown_class_is_refused_with_those_there_are():
    with pytest.raises(InputError, match=r"'bird'; choose from cat, dog, cow"):
        MASK.keep(classes=["dog", "bird"])


def test_pictures_of_a_video_agree_in_size():
    nothing = MASK.keep(classes=[])
    assert MASK.draw(legend=CLASSES.names).shape == nothing.draw(legend=CLASSES.names).shape
    np.testing.assert_array_equal(nothing.draw(), MASK.image)
    assert MASK.draw(legend=()).shape == MASK.image.shape

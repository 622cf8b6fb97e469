import numpy as np
import pytest

from data.classes import ClassTable
from data.errors import InputError
from tasks.detection.prediction import BoxPrediction

CLASSES = ClassTable.create(["cat", "dog", "cow"], [3, 7, 8])
BOXES = BoxPrediction(
    image=np.full((60, 80, 3), 90, np.uint8),
    name="boxes",
    classes=CLASSES,
    boxes=np.array([[1.0, 2.0, 30.0, 40.0]] * 3),
    labels=np.array([0, 1, 1]),
    scores=np.array([0.9, 0.5, 0.4]),
)


@pytest.mark.parametrize(
    ("settings", "scores"),
    [
        ({}, [0.9, 0.5, 0.4]),
        ({"threshold": 0.5}, [0.9, 0.5]),
        ({"threshold": (0.95, 0.4, 0.0)}, [0.5, 0.4]),
        ({"classes": ["dog"]}, [0.5, 0.4]),
        ({"classes": "cow"}, []),
        ({"classes": ["cat", "dog"], "threshold": 0.6}, [0.9]),
    ],
)
def test_boxes_are_kept_by_score_and_class(settings, scores):
    kept = BOXES.keep(**settings)
    assert kept.scores.tolist() == scores
    assert len(kept.boxes) == len(kept.labels) == len(scores)


def test_an_unknown_class_is_refused_with_those_there_are():
    with pytest.raises(InputError, match=r"'bird'; choose from cat, dog, cow"):
        BOXES.keep(classes=["dog", "bird"])


def test_a_picture_has_a_legend_of_what_was_found():
    drawn = BOXES.draw()
    assert drawn.shape[0] > 60
    assert drawn.shape[1:] == (80, 3)
    strip = {tuple(color) for color in drawn[60:].reshape(-1, 3).tolist()}
    assert {CLASSES.colors[0], CLASSES.colors[1]} <= strip
    assert CLASSES.colors[2] not in strip


def test_pictures_of_a_video_agree_in_size():
    nothing = BOXES.keep(classes=[])
    assert BOXES.draw(legend=CLASSES.names).shape == nothing.draw(legend=CLASSES.names).shape
    np.testing.assert_array_equal(nothing.draw(), BOXES.image)
    assert BOXES.draw(legend=()).shape == BOXES.image.shape

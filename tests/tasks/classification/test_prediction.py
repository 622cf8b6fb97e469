import csv

import numpy as np
import pytest

from data.classes import ClassTable
from data.streams.sources import Frame
from tasks.classification.pictures import choose_labels, draw_labels
from tasks.classification.prediction import predict_classes
from tasks.classification.results import ClassTally, CsvResults, ScoreResults

CLASSES = ClassTable.create(["cat", "dog", "cow"], range(3))
IMAGE = np.zeros((50, 60, 3), np.uint8)
FRAME = Frame(image=IMAGE, name="a", file="photos/a.jpg", timestamp=None)
SCORES = np.array([0.2, 0.7, 0.1])


def predict(scores=SCORES, *, single=True, threshold=0.0, wanted=None, frame=FRAME):
    return predict_classes(frame, scores, classes=CLASSES, single=single, threshold=threshold, wanted=wanted)


@pytest.mark.parametrize(
    ("single", "threshold", "labels"),
    [
        (True, 0.0, [1]),
        (True, 0.7, [1]),
        (True, 0.71, []),
        (True, (0.0, 0.8, 0.0), []),
        (False, 0.15, [1, 0]),
        (False, (0.3, 0.5, 0.05), [1, 2]),
    ],
)
def test_classes_hold_from_their_threshold_on(single, threshold, labels):
    assert choose_labels(SCORES, single=single, threshold=np.array(threshold)) == labels
    assert predict(single=single, threshold=threshold).labels.tolist() == labels


def test_classes_that_are_not_wanted_are_left_out_and_their_scores_stay():
    prediction = predict(wanted=["cat"])
    assert prediction.names == []
    assert prediction.scores.tolist() == SCORES.tolist()


def test_small_images_are_enlarged_so_that_the_tag_can_be_read():
    drawn = predict().draw()
    assert drawn.shape == (240, 288, 3)
    assert (drawn[0, -1] == CLASSES.colors[1]).all()  # the frame
    assert (predict(threshold=0.9).draw() == 0).all()
    assert predict().draw(legend=["cat"]).shape[0] > 240


def test_an_image_without_classes_is_drawn_as_it_is():
    assert (draw_labels(IMAGE, [], classes=CLASSES) == IMAGE).all()


def read(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_tables_have_a_line_for_each_class_and_one_where_there_is_none(tmp_path):
    results, scores, tally = CsvResults(tmp_path / "a.csv"), ScoreResults(tmp_path / "b.csv"), ClassTally()
    for threshold in (0.15, 0.9):
        prediction = predict(single=False, threshold=threshold)
        for writer in (results, scores, tally):
            writer.write(prediction)
    rows = read(tmp_path / "a.csv")  # complete before it is closed
    assert rows[0] == ["file", "frame", "seconds", "class", "score"]
    assert [row[3:] for row in rows[1:]] == [["dog", "0.7"], ["cat", "0.2"], ["", ""]]
    rows = read(tmp_path / "b.csv")
    assert rows[0] == ["file", "frame", "seconds", "cat", "dog", "cow"]
    assert [float(value) for value in rows[2][3:]] == SCORES.tolist()
    assert str(tally) == "2 labels of 2 classes"
    for writer in (results, scores, tally):
        writer.close()


def test_the_page_gets_the_score_of_each_class():
    assert predict().to_message() == {"scores": SCORES.tolist()}

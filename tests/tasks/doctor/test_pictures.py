import numpy as np
import pytest
from PIL import Image

from data.classes import ClassTable
from data.images import load_image
from tasks.detection.box_plots import plot_box_sizes
from tasks.doctor.leaks import Pair
from tasks.doctor.sheets import GAP, choose_samples, draw_pairs, tile
from tasks.drawing.images import add_title
from tasks.examination.counts import Counts
from tasks.examination.orphans import find_ending
from tasks.examination.plots import plot_classes
from tests.support.figures import drawn


def test_every_class_has_a_sample_the_rarest_first():
    presence = np.zeros((50, 4), bool)
    presence[:, 0] = True
    presence[10:20, 1] = True
    presence[17, 2] = True  # this image shows three of the four classes
    presence[40, 3] = True
    assert choose_samples(presence, 2) == [17, 40]
    more = choose_samples(presence, 6)
    assert {17, 40} <= set(more)
    assert len(more) == 6


def test_images_without_labels_are_samples_too():
    assert choose_samples(np.zeros((3, 2), bool), 20) == [0, 1, 2]
    assert choose_samples(np.zeros((100, 2), bool), 3) == [0, 49, 99]


def test_pictures_of_several_sizes_stand_in_the_middle_of_their_places():
    white, black = np.full((10, 20, 3), 255, np.uint8), np.zeros((4, 6, 3), np.uint8)
    sheet = tile([white, black, white], columns=2)
    assert sheet.shape == (2 * (10 + GAP) + GAP, 2 * (20 + GAP) + GAP, 3)
    rows, columns = np.nonzero(sheet[..., 0] == 0)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (GAP + 3, GAP + 6, 2 * GAP + 27, 2 * GAP + 32)


def test_a_title_that_is_too_long_shows_its_end():
    image = np.zeros((40, 60, 3), np.uint8)
    titled = add_title(image, "a/very/long/path/to/an/image/of/a/cat.jpg")
    assert titled.shape[1] == 60
    assert (titled[: -len(image)] < 128).any()
    assert not (add_title(image, "")[: -len(image)] < 128).any()


def test_pairs_of_any_size_are_drawn_side_by_side(tmp_path):
    paths = []
    for number, size in enumerate([(90, 60), (45, 30), (50, 50), (2, 40)]):
        paths.append(tmp_path / f"{number}.png")
        Image.new("RGB", size, "red").save(paths[-1])
    pairs = [
        Pair(("train", "val"), (one, two), False, 0, 0.0) for one, two in zip(paths[::2], paths[1::2], strict=True)
    ]
    assert draw_pairs(pairs, lambda _, path: load_image(path)).shape[1] > 4 * 400


@pytest.mark.parametrize("classes", [1, 3, 60, 300])
def test_classes_are_drawn_for_any_number_of_them(tmp_path, classes):
    amounts = np.arange(classes) * 100
    counts = {name: Counts("boxes", amounts, np.minimum(amounts, 9), (), 9) for name in ("train", "val")}
    table = ClassTable.create([f"class {n}" for n in range(classes)], range(classes))
    plot_classes(counts, table, tmp_path / "classes.png")
    assert drawn(tmp_path / "classes.png")[1] <= 22 * 150


@pytest.mark.parametrize(("count", "classes"), [(0, 2), (1, 2), (500, 2), (500, 30)])
def test_box_sizes_are_drawn_for_any_number_of_boxes_and_classes(tmp_path, count, classes):
    random = np.random.default_rng(0)
    sides = {"train": random.uniform(0, 300, (count, 2)), "val": np.ones((1, 2))}
    labels = {"train": random.integers(0, classes, count), "val": np.zeros(1, np.int64)}
    table = ClassTable.create([f"class {n}" for n in range(classes)], range(classes))
    plot_box_sizes(sides, labels, classes=table, anchors=np.array([[32.0, 64.0]]), path=tmp_path / "boxes.png")
    assert drawn(tmp_path / "boxes.png")[0] == round((0.6 + 2 * 5.6) * 150)


@pytest.mark.parametrize(
    ("names", "ending"),
    [
        (["a_1_gtFine_labelIds.png", "b_21_gtFine_labelIds.png"], "_gtFine_labelIds.png"),
        (["10.png", "20.png"], ".png"),
        (["a_mask.png", "b_mask.png"], "_mask.png"),
        (["a.jpg", "b.png"], ".jpg"),
    ],
)
def test_the_ending_of_names_begins_at_a_mark(names, ending):
    assert find_ending(names) == ending

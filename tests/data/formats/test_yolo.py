import pytest
import yaml

from data.boxes import BoxDataset
from data.errors import InputError
from data.findings import EntryError, refuse
from data.formats.yolo import parse_line, read_yolo
from data.splits import Part
from tests.support import trees

TRAIN = Part("train", "train")


def read(root, *, names=None, report=refuse):
    return read_yolo(root, TRAIN, names=names, report=report)


def parse(text, *, keypoints=False):
    return parse_line(text.encode(), "a.txt: line 1", trees.NAMES, keypoints=keypoints)


def test_a_line_by_hand():
    label, box = parse("2 0.5 0.25 0.2 0.1")
    assert label == 2
    assert box == pytest.approx([0.4, 0.2, 0.2, 0.1])


def test_polygons_become_their_boxes():
    assert parse("1 0.1 0.2 0.5 0.3 0.4 0.9") == (1, pytest.approx([0.1, 0.2, 0.4, 0.7]))
    assert parse("1 0.1 0.2 0.5 0.2 0.5 0.9 0.1 0.9")[1] == pytest.approx([0.1, 0.2, 0.4, 0.7])  # four corners


def test_key_points_behind_a_box_are_no_polygon():
    assert parse("0 0.5 0.5 0.2 0.2 0.9 0.9 2 0.1 0.1 2", keypoints=True)[1] == pytest.approx([0.4, 0.4, 0.2, 0.2])


def test_a_class_may_be_written_as_a_float_and_lines_may_be_empty():
    assert parse("2.0 .5 .5 .2 .2")[0] == 2
    assert parse("  \t") is None


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_numbers_that_are_not_finite_make_a_box_that_is_left_out(value):
    assert parse(f"0 {value} .5 .2 .2") == (0, [float("inf")] * 4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 .5 .5 .2", "4 values; expected class, centre"),
        ("0 .5 .5 .2 .2 .9", "6 values; expected"),
        ("cat .5 .5 .2 .2", "'cat .5 .5 .2 .2'; expected"),
        ("3 .5 .5 .2 .2", "class 3; expected 0 to 2"),
        ("-1 .5 .5 .2 .2", "class -1; expected 0 to 2"),
        ("0.5 .5 .5 .2 .2", "class 0.5; expected 0 to 2"),
        ("nan .5 .5 .2 .2", "class nan; expected 0 to 2"),
        ("\xff\x00", "expected class"),
    ],
)
def test_a_malformed_line_is_refused_by_its_place(text, message):
    with pytest.raises(EntryError, match=message) as info:
        parse(text)
    assert str(info.value).startswith("a.txt: line 1: ")


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ({"data.yaml": "names: [a, b, c]"}, ["a", "b", "c"]),
        ({"data.yaml": "names: {0: a, 1: b, 2: c}"}, ["a", "b", "c"]),
        ({"data.yaml": "names: {2: c, 1: b, 0: a}", "classes.txt": "x\ny\nz"}, ["a", "b", "c"]),
        ({"cats.yml": "names: [1, 2, 3]"}, ["1", "2", "3"]),
        ({"classes.txt": "a\nb \n\nc\n"}, ["a", "b", "c"]),
        ({"labels/classes.txt": "a\nb\nc"}, ["a", "b", "c"]),
        ({"obj.names": "a\r\nb\r\nc"}, ["a", "b", "c"]),
    ],
)
def test_names_come_from_where_they_stand(tmp_path, files, names):
    trees.write_yolo(tmp_path, yaml="")
    for name, text in files.items():
        trees.write_text(tmp_path / name, text)
    assert list(read(tmp_path).classes.names) == names
    assert list(read(tmp_path, names=["x", "y", "z"]).classes.names) == ["x", "y", "z"]


@pytest.mark.parametrize("names", ["[]", "[a, a]", "3", "{0: a, 2: b}", "null"])
def test_unfit_names_are_refused(tmp_path, names):
    trees.write_yolo(tmp_path, yaml=f"names: {names}\n")
    with pytest.raises(InputError, match=r"data\.yaml: names: .*; expected different names|no class names; expected"):
        read(tmp_path)


def test_data_without_names_say_how_to_give_them(tmp_path):
    trees.write_yolo(tmp_path, yaml="")
    with pytest.raises(InputError, match=r"no class names; expected data\.yaml, classes\.txt.*dataset\.names="):
        read(tmp_path)


def test_the_root_may_be_the_yaml_file(tmp_path):
    trees.write_yolo(tmp_path)
    (tmp_path / "data.yaml").rename(tmp_path / "animals.yaml")
    assert len(read(tmp_path / "animals.yaml").images) == 3


def test_a_split_may_be_several_folders(tmp_path):
    trees.write_yolo(tmp_path, yaml=yaml.safe_dump({"train": ["images/train", "images/val"], "names": trees.NAMES}))
    labels = read(tmp_path)
    assert labels.images.names.tolist() == ["train/a.png", "train/b.png", "train/d.png", "val/c.png"]
    assert labels.folder == tmp_path / "images"


def test_an_image_that_is_listed_and_missing_is_refused(tmp_path):
    trees.write_yolo(tmp_path, yaml=f"train: train.txt\nnames: {trees.NAMES}\n")
    (tmp_path / "train.txt").write_text("images/train/a.png\nimages/train/gone.png\n")
    with pytest.raises(InputError, match=r"1 of 2 files(.|\n)*gone\.png: no such file; expected"):
        BoxDataset(read(tmp_path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("!!python/object/apply:os.system ['touch PWNED']", r"data\.yaml: not yaml"),
        ("names: [a", r"data\.yaml: not yaml"),
        ("- a", r"data\.yaml: holds a list"),
        ("train: 3", r"data\.yaml: train: 3; expected a folder"),
        ("train: nowhere", r"data\.yaml: nowhere: no such folder or file"),
        ("path: [1]\ntrain: images/train", r"data\.yaml: path: \[1\]; expected a folder"),
    ],
)
def test_a_bad_yaml_is_refused_and_never_run(tmp_path, text, message, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trees.write_yolo(tmp_path, yaml=text)
    with pytest.raises(InputError, match=message):
        read(tmp_path)
    assert not (tmp_path / "PWNED").exists()


def test_a_download_key_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    download = "download: |\n  open('PWNED', 'w')\n"
    trees.write_yolo(tmp_path, yaml=f"train: images/train\nnames: {trees.NAMES}\n{download}")
    assert len(read(tmp_path).images) == 3
    assert not (tmp_path / "PWNED").exists()


def test_data_without_any_label_file_are_refused(tmp_path):
    trees.write_yolo(tmp_path, labels="elsewhere/{}")
    with pytest.raises(InputError, match="3 of 3 images have no label file; expected labels in a folder labels"):
        read(tmp_path)


def test_labels_lie_beside_the_images_though_a_folder_above_is_called_images(tmp_path):
    trees.write_yolo(tmp_path / "images" / "mine", images="{}", labels="{}", yaml=f"names: {trees.NAMES}\n")
    assert len(read(tmp_path / "images" / "mine").boxes) == 3

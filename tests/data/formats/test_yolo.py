import os
import random
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from data.boxes import BoxDataset
from data.errors import InputError
from data.findings import EntryError, Finding, refuse
from data.formats.yolo import parse_lines, read_yolo
from data.formats.yolo_layout import YoloLayout
from data.formats.yolo_lines import BOXES, POLYGONS, find_meaning, pack_lines, parse_line, to_box
from data.splits import Part
from tests.support import trees

TRAIN = Part("train", "train")


def read(root, *, names=None, report=refuse):
    return read_yolo(root, TRAIN, names=names, report=report)


def parse(text, **options):
    return parse_line(text.encode(), "a.txt: line 1", trees.NAMES, **options)


def find_boxes(*lines, task="", keypoints=0, report=refuse):
    """Return what the lines of a split mean, and their boxes."""
    values = [parse(line, task=task, keypoints=keypoints)[1] for line in lines]
    meaning = find_meaning(values, task=task, keypoints=keypoints, source="data.yaml", report=report)
    return meaning, [to_box(line, meaning) for line in values]


def test_a_line_by_hand():
    assert parse("2 0.5 0.25 0.2 0.1") == (2, [0.5, 0.25, 0.2, 0.1])
    meaning, (box,) = find_boxes("2 0.5 0.25 0.2 0.1")
    assert meaning is None
    assert box == pytest.approx([0.4, 0.2, 0.2, 0.1])


TRIANGLE = "1 0.1 0.2 0.5 0.3 0.4 0.9"  # xywh 0.1 0.2 0.4 0.7
ORIENTED = "1 0.3 0.4 0.5 0.3 0.6 0.5 0.4 0.6"  # a square on its corner: xywh 0.3 0.3 0.3 0.3
FACE = "0 0.5 0.5 0.2 0.2 0.45 0.45 0.55 0.45 0.5 0.5"  # three landmarks in the box 0.4 0.4 0.2 0.2


@pytest.mark.parametrize(
    ("lines", "options", "meaning", "box"),
    [
        ([TRIANGLE], {}, POLYGONS, [0.1, 0.2, 0.4, 0.7]),  # as a box it would leave the image
        ([ORIENTED], {}, POLYGONS, [0.3, 0.3, 0.3, 0.3]),  # a parallelogram
        ([FACE, TRIANGLE], {}, POLYGONS, [0.2, 0.2, 0.35, 0.3]),  # as many numbers as each needs
        ([FACE], {"task": "segment"}, POLYGONS, [0.2, 0.2, 0.35, 0.3]),
        ([FACE], {"task": "detect"}, BOXES, [0.4, 0.4, 0.2, 0.2]),
        ([FACE], {"keypoints": 6}, BOXES, [0.4, 0.4, 0.2, 0.2]),
        (["0 .5 .5 .2 .2 .87 3"], {}, BOXES, [0.4, 0.4, 0.2, 0.2]),  # a score and the number of a track
        (["0 .5 .5 .2 .2 .87"], {"task": "detect"}, BOXES, [0.4, 0.4, 0.2, 0.2]),
        (["0 .5 .5 .2 .2 .87", "0 .5 .5 .2 .2"], {}, BOXES, [0.4, 0.4, 0.2, 0.2]),  # no polygon has half a point
        (["0 .5 .5 .2 .2 .45 .45 2 0 0 0"], {"keypoints": 6}, BOXES, [0.4, 0.4, 0.2, 0.2]),
    ],
)
def test_longer_lines_are_read_as_what_they_are_and_that_is_said(lines, options, meaning, box):
    findings = []
    found, boxes = find_boxes(*lines, report=findings.append, **options)
    assert (found, boxes[0]) == (meaning, pytest.approx(box))
    assert [(f.level, f.found.endswith(f"values: {meaning}")) for f in findings] == [("note", True)]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([FACE, FACE], "2 of 2 lines hold 11 values, which fit both polygons and boxes followed by other values"),
        (["0 .5 .5 .2 .2 .87 1"], "1 of 1 lines hold 7 values, which fit both polygons and boxes"),
        (["0 .9 .9 .4 .4 3 4"], "which fit neither polygons nor boxes followed by other values"),
    ],
)
def test_lines_that_fit_two_meanings_or_none_are_refused_with_the_way_to_say_it(lines, message):
    with pytest.raises(
        InputError, match=rf"data\.yaml: .*{message}.*; expected in data\.yaml task: segment .*kpt_shape"
    ):
        find_boxes(*lines)


def test_polygons_that_a_few_sloppy_points_leave_stay_polygons():
    lines = ["1 0.9 0.9 0.95 0.9 0.95 0.95"] * 19 + ["1 0.9 0.9 1.05 0.9 0.95 0.95"]
    assert find_boxes(*lines)[0] == POLYGONS


def test_a_class_may_be_written_as_a_float_and_lines_may_be_empty():
    assert parse("2.0 .5 .5 .2 .2")[0] == 2
    assert parse("  \t") is None


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_numbers_that_are_not_finite_make_a_box_that_is_left_out(value):
    assert find_boxes(f"0 {value} .5 .2 .2")[1] == [[float("inf")] * 4]
    assert find_boxes(f"0 {value} .5 .2 .2 .3 .3")[1] == [[float("inf")] * 4]


def test_key_points_are_as_many_as_the_yaml_says():
    with pytest.raises(
        InputError, match=r"12 values; expected 11, a class, a box and 6 of key points, as kpt_shape says"
    ):
        parse(f"{FACE} 0.5", keypoints=6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 .5 .5 .2", "4 values; expected class, centre"),
        ("0 .5 .5 .2 .2 .9 .1 .3", "8 values; expected"),
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
        ({"data.yaml": "names: [no, Yes, off]"}, ["no", "Yes", "off"]),
        ({"data.yaml": "names: {0: 02146, 1: 1_000, 2: 12:30:45}"}, ["02146", "1_000", "12:30:45"]),
        ({"data.yaml": "names:\n- null\n- 1.10\n- 1e3  # a comment"}, ["null", "1.10", "1e3"]),
        ({"data.yaml": "names: [0x1F, 2024-05-18, 'a: b']"}, ["0x1F", "2024-05-18", "a: b"]),
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


@pytest.mark.parametrize("names", ["[]", "[a, a]", "3", "{0: a, 2: b}", "null", "[a, '', b]", "{00: a, 1: b}"])
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
        ("names: &a [1]\ntrain: !!int 3", r"data\.yaml: not yaml \(tag 'tag:yaml\.org,2002:int'"),
        ("names: [a]\nnames: [b]", r"data\.yaml: not yaml \(key 'names' appears twice"),
        ("names: {0: a, 0: b}", r"data\.yaml: not yaml \(key '0' appears twice"),
        ("train: {a: b}", r"data\.yaml: train: \{'a': 'b'\}; expected a folder"),
        (
            "train: images/train\nnames: [a]\nkpt_shape: 17",
            r"data\.yaml: kpt_shape: '17'; expected \[points, numbers a point\]",
        ),
        ("train: nowhere", r"data\.yaml: train: nowhere: no such folder or file"),
        ("path: [1]\ntrain: images/train", r"data\.yaml: path: \['1'\]; expected a folder"),
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
    with pytest.raises(InputError, match="none of 3 images has a label file; expected labels in a folder labels"):
        read(tmp_path)


def test_labels_lie_beside_the_images_though_a_folder_above_is_called_images(tmp_path):
    trees.write_yolo(tmp_path / "images" / "mine", images="{}", labels="{}", yaml=f"names: {trees.NAMES}\n")
    assert len(read(tmp_path / "images" / "mine").boxes) == 3


def test_two_images_of_one_label_file_are_refused(tmp_path):
    trees.write_yolo(tmp_path)
    Image.new("RGB", (60, 40)).save(tmp_path / "images/train/a.jpg")
    with pytest.raises(
        InputError, match=r"a\.jpg and a\.png share the labels of \S*a\.txt; expected one label file per image"
    ):
        read(tmp_path)


def test_two_images_of_one_name_without_labels_are_both_background(tmp_path):
    trees.write_yolo(tmp_path)
    Image.new("RGB", (64, 64)).save(tmp_path / "images/train/d.jpg")
    assert read(tmp_path).images.names.tolist() == ["a.png", "b.png", "d.jpg", "d.png"]


def write_cvat(root):
    """Write CVAT's YOLO 1.1: one folder of both, and a list of paths that begin with data/."""
    trees.write_yolo(root, images="obj_train_data", labels="obj_train_data", yaml="")
    lines = "".join(f"data/obj_train_data/{stem}.png\n" for stem in "abcd")
    (root / "train.txt").write_text(lines)
    (root / "obj.names").write_text("\n".join(trees.NAMES))
    return root


def write_label_studio(root):
    trees.write_yolo(root, images="images", labels="labels", yaml="")
    (root / "classes.txt").write_text("\n".join(trees.NAMES))
    return root


@pytest.mark.parametrize("write", [write_cvat, write_label_studio])
def test_exports_of_one_split_are_divided_by_a_share(tmp_path, write):
    root = write(tmp_path)
    labels = read_yolo(root, Part("train", "train", 0.5), names=None, report=refuse)
    assert labels.images.names.tolist() == ["a.png", "b.png", "c.png", "d.png"]
    assert np.bincount(labels.boxes.rows, minlength=4).tolist() == [2, 1, 2, 0]


def test_an_export_of_one_split_says_the_option_that_divides_it(tmp_path):
    root = write_label_studio(tmp_path)
    with pytest.raises(
        InputError,
        match=r"no split 'train'; expected .*train\.txt \(there: classes\.txt, images, labels\), or dataset\.val_",
    ):
        read(root)


@pytest.mark.parametrize(
    "line",
    [
        "{root}/images/train/{name}",
        '"images/train/{name}"',
        "images\\train\\{name}",
        "/home/me/set/images/train/{name}",
        "./images/train/{name}",
    ],
)
def test_a_list_names_images_as_tools_write_them(tmp_path, line, monkeypatch):
    root = trees.write_yolo(tmp_path / "set", yaml=f"train: train.txt\nnames: {trees.NAMES}\n")
    (root / "images/train/a.png").rename(root / "images/train/my photo 1.png")
    (root / "labels/train/a.txt").rename(root / "labels/train/my photo 1.txt")
    names = ["b.png", "my photo 1.png"]
    (root / "train.txt").write_text("".join(f"{line.format(root=root, name=name)}\n" for name in names))
    monkeypatch.chdir(tmp_path)
    reader = BoxDataset(read(Path("set")))
    assert reader.names.tolist() == names
    assert [len(sample.boxes) for sample in reader] == [1, 2]


def test_a_list_of_paths_of_two_places_is_taken_whole(tmp_path, monkeypatch):
    root = trees.write_yolo(tmp_path / "set", yaml=f"train: train.txt\nnames: {trees.NAMES}\n")
    (root / "train.txt").write_text(f"images/train/a.png\n{root}/images/train/b.png\n")
    monkeypatch.chdir(tmp_path)
    assert BoxDataset(read(Path("set"))).names.tolist() == ["a.png", "b.png"]


def test_paths_of_another_machine_are_noted(tmp_path):
    findings = []
    read_yolo(write_cvat(tmp_path), Part("train", "train", 0.5), names=None, report=findings.append)
    (finding,) = [f for f in findings if f.kind == "path from another place"]
    assert finding.found.startswith("4 paths were not found as written (first: data/obj_train_data/a.png is ")


def test_names_that_are_no_utf_8_are_read(tmp_path):
    root = trees.write_yolo(tmp_path, yaml=f"train: train.txt\nnames: {trees.NAMES}\n")
    name = os.fsdecode(b"caf\xe9")
    (root / "images/train/a.png").rename(root / "images/train" / f"{name}.png")
    (root / "labels/train/a.txt").rename(root / "labels/train" / f"{name}.txt")
    (root / "train.txt").write_bytes(b"images/train/caf\xe9.png\nimages/train/b.png\n")
    reader = BoxDataset(read(root))
    assert [len(sample.boxes) for sample in reader] == [1, 2]
    assert len(reader.fingerprint()["sha256"]) == 64
    assert sum(Part("val", "train", 0.5).select([f"{name}{i}.png" for i in range(100)])) in range(30, 70)


def test_images_may_lie_deeper_than_their_labels(tmp_path):
    root = trees.write_yolo(tmp_path)
    (root / "images/train/cam0").mkdir()
    for path in list((root / "images/train").glob("*.png")):
        path.rename(root / "images/train/cam0" / path.name)
    labels = read(root)
    assert labels.images.names.tolist() == ["a.png", "b.png", "d.png"]
    assert np.bincount(labels.boxes.rows, minlength=3).tolist() == [2, 1, 0]


@pytest.mark.parametrize("number", [3, -0.7, 1.2])
def test_a_number_behind_a_box_that_is_no_score_is_refused(number):
    """CVAT's number of a track, or the angle of a turned box."""
    with pytest.raises(InputError, match="2 of 2 lines hold 6 values, which fit both boxes with the number of a track"):
        find_boxes("0 .5 .5 .2 .2 0", f"0 .5 .5 .2 .2 {number}")


def test_a_split_that_is_missing_says_what_there_is(tmp_path):
    trees.write_yolo(tmp_path, images="{}", labels="{}", yaml="")
    (tmp_path / "train").rename(tmp_path / "Train")
    for name in ("obj.names", "Train.txt", "x.png", "x.txt"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"no split 'train'; expected .* \(there: Train, Train\.txt, val\)"):
        read(tmp_path)


def test_lines_with_a_score_among_polygons_are_refused():
    with pytest.raises(InputError, match="fit neither polygons nor boxes followed by other values; expected in"):
        find_boxes("0 .5 .5 .2 .2 .87", TRIANGLE)


@pytest.mark.parametrize(
    ("train", "val"),
    [
        ("/content/datasets/pets-3/images/train", "/content/datasets/pets-3/images/val"),  # after a run in Colab
        ("../Pets/images/train", "../Pets/images/val"),  # Supervisely
        ("images\\train", "D:\\pets\\images\\val"),
    ],
)
def test_folders_of_another_machine_are_found_where_they_are(tmp_path, train, val):
    trees.write_yolo(tmp_path, yaml=f"train: {train}\nval: {val}\nnames: {trees.NAMES}\n")
    assert read(tmp_path).folder == tmp_path / "images/train"
    findings = []
    labels = read_yolo(tmp_path, Part("val", "val"), names=None, report=findings.append)
    assert labels.images.names.tolist() == ["c.png"]
    assert [f.kind for f in findings] == ["path from another place"]


def test_one_folder_is_not_taken_for_two_splits(tmp_path):
    """Both images/... would be it, if their first folders were left out."""
    yaml_text = f"train: /set/train/images\nval: /set/valid/images\nnames: {trees.NAMES}\n"
    trees.write_yolo(tmp_path, images="images", labels="labels", yaml=yaml_text)
    with pytest.raises(InputError, match=r"data\.yaml: train: /set/train/images: no such folder or file"):
        read(tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_labels_that_windows_wrote_are_read(tmp_path, encoding):
    trees.write_yolo(tmp_path)
    path = tmp_path / "labels/train/b.txt"
    path.write_bytes(path.read_text().replace("\n", "\r\n").encode(encoding))
    assert np.bincount(read(tmp_path).boxes.rows).tolist() == [2, 1]


LINES = (  # as most files have them; and others
    (
        b"0 .5 .5 .2 .2",
        b"1 0.1 0.9 1e-3 0.25",
        b"",
        b"2.0 .5 .5 1 1",
        b"  1\t.3 .3 .1 .1 ",
        b"-0 .5 .5 .2 .2",
        b"0 nan .5 .5 inf",
        b"1 1_0 .5 .2 .3",
    ),
    (
        b"3 .5 .5 .2 .2",
        b"x .5 .5 .2 .2",
        b"0 .5 .5 .2",
        b"0.5 .5 .5 .2 .2",
        b"nan 1 1 1 1",
        b"inf 1 1 1 1",
        b"0 .1 .1 .9 .1 .9 .9",
        b"-1 1 1 1 1",
    ),
)


@pytest.mark.parametrize("oddness", [0.0, 0.1])
def test_lines_say_the_same_read_at_once_as_one_by_one(oddness):
    generator, packed = random.Random(0), 0
    for _ in range(300):
        counts = [generator.choice([None, 0, 1, 3]) for _ in range(generator.randint(1, 4))]
        files = [
            None if count is None else [generator.choice(LINES[generator.random() < oddness]) for _ in range(count)]
            for count in counts
        ]
        layout = YoloLayout(Path("set"), Path("set"), [], ["a", "b", "c"])
        findings: list[Finding] = []
        expected = parse_lines([Path(f"{n}.txt") for n in range(len(files))], files, layout, report=findings.append)
        found = pack_lines(files, count=3)
        if found is None:
            assert findings or any(len(line.split()) > 5 for lines in files for line in lines or ())
            continue
        packed += 1
        assert not findings
        for name, column in vars(expected).items():
            np.testing.assert_array_equal(vars(found)[name], column, err_msg=name)
            assert vars(found)[name].dtype == column.dtype
    assert packed == 300 if not oddness else packed > 100

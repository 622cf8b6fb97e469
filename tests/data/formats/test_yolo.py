import os
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from data.boxes import BoxDataset
from data.errors import InputError
from data.findings import refuse
from data.formats.yolo import read_yolo
from data.splits import Part
from tests.support import trees

TRAIN = Part("train", "train")


def read(root, *, names=None, report=refuse):
    return read_yolo(root, TRAIN, names=names, report=report)


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


def test_a_split_that_is_missing_says_what_there_is(tmp_path):
    trees.write_yolo(tmp_path, images="{}", labels="{}", yaml="")
    (tmp_path / "train").rename(tmp_path / "Train")
    for name in ("obj.names", "Train.txt", "x.png", "x.txt"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"no split 'train'; expected .* \(there: Train, Train\.txt, val\)"):
        read(tmp_path)


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

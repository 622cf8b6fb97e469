"""The same boxes written in every format are read back the same."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.config import DatasetConfig
from data.datasets import open_boxes, read_labels
from data.errors import InputError
from data.findings import Finding, refuse
from data.splits import Part
from tests.support import trees

ROBOFLOW_YAML = f"train: ../train/images\nval: ../valid/images\nnc: 3\nnames: {trees.NAMES}\n"


def roboflow_coco(root: Path) -> Path:
    """Write Roboflow's export: its valid split, and its category of all others."""
    trees.write_coco(root, annotations="{}/_annotations.coco.json")
    (root / "val").rename(root / "valid")
    for path in root.glob("*/*.json"):
        content = json.loads(path.read_text())
        group = [{"id": 3, "name": "animal", "supercategory": "none"}]
        path.write_text(json.dumps({**content, "categories": group + content["categories"]}))
    return root


def roboflow_yolo(root: Path) -> Path:
    trees.write_yolo(root, images="{}/images", labels="{}/labels", yaml=ROBOFLOW_YAML)
    (root / "val").rename(root / "valid")
    return root


def listed_yolo(root: Path) -> Path:
    """Write lists of images, and names as a dict."""
    yaml = "train: train.txt\nval: lists/val.txt\nnames: {0: cat, 1: dog, 2: axolotl}\n"
    trees.write_yolo(root, yaml=yaml)
    (root / "train.txt").write_text("".join(f"./images/train/{stem}.png\n" for stem in trees.SPLITS["train"]))
    trees.write_text(root / "lists" / "val.txt", "".join(f"images/val/{stem}.png\n" for stem in trees.SPLITS["val"]))
    return root


def darknet(root: Path) -> Path:
    trees.write_yolo(root, images="{}", labels="{}", yaml="")
    trees.write_text(root / "obj.names", "\n".join(trees.NAMES))
    return root


def folders_of_voc(root: Path) -> Path:
    trees.write_voc(root)
    for split, stems in trees.SPLITS.items():
        for folder, name, suffix in (("images", "JPEGImages", "png"), ("annotations", "Annotations", "xml")):
            (root / folder / split).mkdir(parents=True)
            for stem in stems:
                (root / name / f"{stem}.{suffix}").rename(root / folder / split / f"{stem}.{suffix}")
    (root / "ImageSets").rename(root / "unused")
    return root


WRITERS = {
    "coco": ("coco", trees.write_coco),
    "coco of Roboflow": ("coco", roboflow_coco),
    "coco of CVAT": ("coco", lambda root: trees.write_coco(root, images="images/{}")),
    "coco in the root": ("coco", lambda root: trees.write_coco(root, images="images", annotations="{}.json")),
    "yolo": ("yolo", trees.write_yolo),
    "yolo of Roboflow": ("yolo", roboflow_yolo),
    "yolo of lists": ("yolo", listed_yolo),
    "yolo of darknet": ("yolo", darknet),
    "voc": ("voc", trees.write_voc),
    "voc of the challenge": ("voc", lambda root: trees.write_voc(root, database="The VOC2007 Database", shift=1)),
    "voc of labelImg": ("voc", trees.write_flat_voc),
    "voc of folders": ("voc", folders_of_voc),
}


def open_tree(name: str, root: Path, role: str = "train", *, report=refuse, **options):
    config = DatasetConfig(name, str(root), "train", "val", **options)
    return open_boxes(config, role, report=report)


def boxes_by_stem(reader) -> dict[str, list]:
    """Return stem -> sorted class names and boxes, xyxy rounded to a hundredth of a pixel."""
    samples = [(str(name), reader.make_sample(index, None)) for index, name in enumerate(reader.names)]
    return {
        Path(name).stem: sorted(
            (reader.classes.names[label], *box)
            for label, box in zip(sample.labels.tolist(), sample.boxes.round(2).tolist(), strict=True)
        )
        for name, sample in samples
    }


def expected_boxes(split: str) -> dict[str, list]:
    return {
        stem: sorted((trees.NAMES[k], x, y, x + w, y + h) for k, (x, y, w, h) in trees.BOXES[stem])
        for stem in trees.SPLITS[split]
    }


@pytest.mark.parametrize("role", ["train", "val"])
@pytest.mark.parametrize("writer", WRITERS)
def test_every_format_gives_the_same_boxes(tmp_path, writer, role):
    name, write = WRITERS[writer]
    reader = open_tree(name, write(tmp_path), role)
    assert boxes_by_stem(reader) == expected_boxes(role)
    assert sorted(reader.classes.names) == sorted(trees.NAMES)
    sample = reader[0]
    assert sample.image.shape[:2] == tuple(reader.sizes[0]) == trees.SIZES[Path(str(reader.names[0])).stem]


@pytest.mark.parametrize(("name", "names"), [("yolo", trees.NAMES), ("voc", sorted(trees.NAMES))])
def test_classes_without_ids_are_numbered_from_0(tmp_path, name, names):
    reader = open_tree(name, WRITERS[name][1](tmp_path))
    assert reader.classes.names == tuple(names)
    assert reader.classes.ids == (0, 1, 2)
    assert {entry["category_id"] for entry in reader.ground_truth()["annotations"]} == {0, 1, 2}


def test_areas_are_those_of_the_boxes_where_no_file_says_them(tmp_path):
    truth = open_tree("yolo", trees.write_yolo(tmp_path)).ground_truth()
    assert sorted(round(entry["area"]) for entry in truth["annotations"]) == [108, 600, 2400]


@pytest.mark.parametrize("writer", ["coco", "yolo", "voc of labelImg", "voc"])
def test_a_share_of_one_split_is_evaluated_on_whatever_the_format(tmp_path, writer):
    name, write = WRITERS[writer]
    root, found = write(tmp_path), {}
    for role in ("train", "val"):
        found |= {role: set(boxes_by_stem(open_tree(name, root, role, val_share=0.5)))}
    assert found == {"train": {"b", "d"}, "val": {"a"}}


def test_a_split_that_is_missing_names_the_option_that_makes_one(tmp_path):
    for writer in ("coco", "yolo of darknet", "voc of labelImg"):
        name, write = WRITERS[writer]
        write(tmp_path / writer)
        config = DatasetConfig(name, str(tmp_path / writer), "train", "other")
        with pytest.raises(InputError, match=r"no split 'other'; expected .*dataset\.val_share=0\.2"):
            read_labels(config, Part("val", "other"))


def test_classes_of_another_order_are_mapped_by_name_where_the_files_hold_no_ids(tmp_path):
    reader = open_tree("coco", trees.write_coco(tmp_path / "coco"))
    config = DatasetConfig("voc", str(trees.write_voc(tmp_path / "voc")), "train", "val")
    voc = open_boxes(config, "train", classes=reader.classes)
    assert voc.classes is reader.classes
    assert boxes_by_stem(voc) == expected_boxes("train")


def test_a_report_that_does_not_refuse_hears_of_everything_and_the_rest_is_read(tmp_path):
    root, findings = trees.write_yolo(tmp_path), []
    (root / "labels/train/a.txt").write_text("0 .5 .5 .2 .2\n9 .5 .5 .2 .2\nx y\n1 .5 .5 0 .2\n0 300 200 20 20\n")
    (root / "images/train/b.png").write_bytes(b"")
    reader = open_boxes(DatasetConfig("yolo", str(root), "train", "val"), "train", report=findings.append)
    assert {Path(str(name)).stem for name in reader.names} == {"a", "d"}
    assert len(reader.ground_truth()["annotations"]) == 1
    assert sorted((finding.level, finding.kind) for finding in findings) == [
        ("error", "empty file"),
        ("error", "malformed line"),
        ("error", "unknown class"),
        ("note", "image without a label file"),
        ("warning", "box: values that are not fractions of the image's sides"),
        ("warning", "box: zero width or height"),
    ]
    assert all(isinstance(finding, Finding) and finding.cure for finding in findings)


def test_the_first_error_is_refused_in_training(tmp_path):
    root = trees.write_yolo(tmp_path)
    (root / "labels/train/a.txt").write_text("9 .5 .5 .2 .2\n")
    with pytest.raises(InputError, match=r"a\.txt: line 1: class 9; expected 0 to 2, as there are 3 names"):
        open_tree("yolo", root)


def test_images_whose_labels_are_relative_are_taken_upright(tmp_path):
    root = trees.write_yolo(tmp_path)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", trees.SIZES["b"]).save(root / "images/train/b.png", exif=exif)  # raw: as wide as b is high
    assert boxes_by_stem(open_tree("yolo", root)) == expected_boxes("train")


def test_no_boxes_at_all_are_refused(tmp_path):
    root = trees.write_yolo(tmp_path)
    for path in (root / "labels/train").iterdir():
        path.write_text("\n")
    with pytest.raises(InputError, match=r"data\.yaml: none of 3 images has a box; expected"):
        open_tree("yolo", root)


def test_boxes_keep_their_order_within_an_image(tmp_path):
    reader = open_tree("voc", trees.write_voc(tmp_path))
    sample = reader.make_sample(reader.names.tolist().index("a.png"), None)
    np.testing.assert_array_equal(sample.boxes, [[10, 5, 30, 35], [0, 0, 60, 40]])

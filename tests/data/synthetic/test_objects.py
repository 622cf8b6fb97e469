import json

from data.config import DatasetConfig
from data.datasets import open_labels
from data.images import load_image
from data.synthetic.objects import MARGIN, MIN_SIDE, write_objects
from data.synthetic.writing import write_synthetic


def test_each_object_is_an_image_in_the_folder_of_its_class(tmp_path):
    write_synthetic(tmp_path / "s", train=6, val=2)
    folder = write_objects(tmp_path / "s")
    content = json.loads((tmp_path / "s/coco/annotations/instances_train.json").read_text())
    names = {entry["id"]: entry["name"] for entry in content["categories"]}
    wanted = {
        f"{names[entry['category_id']]}/{entry['image_id']:06d}_{entry['id']:06d}.png": entry
        for entry in content["annotations"]
        if not entry["iscrowd"] and min(entry["bbox"][2:]) >= MIN_SIDE
    }
    found = {path.relative_to(folder / "train").as_posix(): path for path in (folder / "train").rglob("*.png")}
    assert set(found) == set(wanted)
    assert len(found) > 5
    for name, path in found.items():
        height, width = load_image(path).shape[:2]
        box_width, box_height = wanted[name]["bbox"][2:]
        assert box_height <= height <= (1 + 2 * MARGIN) * box_height + 1
        assert box_width <= width <= (1 + 2 * MARGIN) * box_width + 1


def test_the_objects_are_cut_once(tmp_path):
    write_synthetic(tmp_path / "s", train=2, val=1)
    stamp = write_objects(tmp_path / "s").stat().st_mtime_ns
    assert write_objects(tmp_path / "s").stat().st_mtime_ns == stamp


def test_classifiers_read_the_scenes_objects(tmp_path):
    config = DatasetConfig("synthetic", str(tmp_path / "s"), "train", "val", scenes={"train": 8, "val": 2})
    reader = open_labels(config, "train")
    assert "car" in reader.classes.names
    assert (reader.presence.sum(axis=1) == 1).all()

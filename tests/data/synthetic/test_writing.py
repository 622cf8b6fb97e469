import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from cityscapesscripts.helpers.labels import id2label, name2label
from pycocotools.coco import COCO

from data.errors import InputError
from data.synthetic import writing as synthetic
from data.synthetic.canvas import FIRST_OBJECT
from data.synthetic.scene import Scene, draw_scene
from data.synthetic.writing import CATEGORIES, write_synthetic

SIZE = (96, 144)
LABEL_OF = {name: name for name in CATEGORIES} | {"stop sign": "traffic sign"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synthetic") / "set"
    write_synthetic(folder, train=60, val=6, size=SIZE, seed=3)
    return folder


def read_annotations(root: Path, split: str) -> dict:
    return json.loads((root / "coco" / "annotations" / f"instances_{split}.json").read_text())


def read_masks(root: Path, split: str, kind: str) -> list[np.ndarray]:
    paths = sorted((root / "cityscapes" / "gtFine" / split).glob(f"*/*_gtFine_{kind}.png"))
    return [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in paths]


def read_bytes(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def tight_box(pixels: np.ndarray) -> list[int]:
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    return [int(v) for v in (columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1)]


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("first", "second"):
        write_synthetic(tmp_path / name, train=3, val=2, size=SIZE, seed=5)
    assert read_bytes(tmp_path / "first") == read_bytes(tmp_path / "second")


def test_a_larger_set_begins_with_the_scenes_of_a_smaller_one(tmp_path: Path, root: Path) -> None:
    write_synthetic(tmp_path / "small", train=2, val=1, size=SIZE, seed=3)
    whole = read_bytes(root)
    assert all(whole[name] == content for name, content in read_bytes(tmp_path / "small").items() if "json" not in name)


def test_seeds_splits_and_numbers_all_give_other_scenes() -> None:
    keys = [(0, "train", 1), (1, "train", 1), (0, "val", 1), (0, "train", 2)]
    images = {draw_scene(seed, split, number=number, size=SIZE).image.tobytes() for seed, split, number in keys}
    assert len(images) == 4


def test_each_box_is_the_tight_box_of_its_pixels() -> None:
    for number in range(20):
        scene = draw_scene(0, "train", number=number, size=SIZE)
        for annotation in scene.annotations:
            pixels = scene.index == annotation.number
            assert list(annotation.box_xywh) == tight_box(pixels)
            assert annotation.area == np.count_nonzero(pixels)
            assert set(scene.labels[pixels]) == {name2label[LABEL_OF[annotation.category]].id}


def test_boxes_of_things_agree_with_the_instance_ids(root: Path) -> None:
    document, masks = read_annotations(root, "train"), read_masks(root, "train", "instanceIds")
    names = {c["id"]: c["name"] for c in document["categories"]}
    checked = 0
    for annotation in document["annotations"]:
        label = name2label[LABEL_OF[names[annotation["category_id"]]]]
        if not label.hasInstances or annotation["iscrowd"]:
            continue
        mask = masks[annotation["image_id"] - 1]
        instances = [mask == value for value in np.unique(mask) if value // 1000 == label.id]
        assert (annotation["bbox"], annotation["area"]) in [(tight_box(m), int(m.sum())) for m in instances]
        checked += 1
    assert checked > 100


def test_a_crowd_is_marked_as_a_group_without_instances(root: Path) -> None:
    crowds = [a for a in read_annotations(root, "train")["annotations"] if a["iscrowd"]]
    masks = read_masks(root, "train", "instanceIds")
    assert crowds
    assert all(tight_box(masks[a["image_id"] - 1] == name2label["person"].id) == a["bbox"] for a in crowds)


def test_an_object_that_hardly_shows_has_no_box() -> None:
    scenes = [draw_scene(0, "train", number=number, size=SIZE) for number in range(150)]
    boxed = [{annotation.number for annotation in scene.annotations} for scene in scenes]
    shown = [set(np.unique(scene.index[scene.index >= FIRST_OBJECT]).tolist()) for scene in scenes]
    assert all(b <= s for b, s in zip(boxed, shown, strict=True))
    assert any(s - b for b, s in zip(boxed, shown, strict=True))


def test_ids_are_those_of_coco_and_numbered_from_one(root: Path) -> None:
    document = read_annotations(root, "train")
    annotations = document["annotations"]
    assert {c["name"]: c["id"] for c in document["categories"]} == CATEGORIES
    assert [a["id"] for a in annotations] == list(range(1, len(annotations) + 1))
    assert [i["id"] for i in document["images"]] == list(range(1, 61))
    assert {a["category_id"] for a in annotations} == set(CATEGORIES.values())


def test_pycocotools_loads_the_annotations(root: Path) -> None:
    coco = COCO(root / "coco" / "annotations" / "instances_val.json")
    boxes = np.array([a["bbox"] for a in coco.loadAnns(coco.getAnnIds())])
    assert len(coco.getImgIds()) == 6
    assert (boxes[:, 2:] > 0).all()
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, :2] + boxes[:, 2:] <= SIZE[::-1]).all()


def test_masks_hold_known_labels_and_agree_with_the_instance_ids(root: Path) -> None:
    pairs = zip(read_masks(root, "train", "labelIds"), read_masks(root, "train", "instanceIds"), strict=True)
    for labels, instances in pairs:
        assert labels.dtype == np.uint8
        assert instances.dtype == np.uint16
        assert set(np.unique(labels).tolist()) <= set(id2label)
        np.testing.assert_array_equal(np.where(instances >= 1000, instances // 1000, instances), labels)


def test_some_pixels_are_ignored_in_evaluation(root: Path) -> None:
    ignored = [label for label, row in id2label.items() if row.ignoreInEval and label >= 0]
    shares = [np.isin(labels, ignored).mean() for labels in read_masks(root, "train", "labelIds")]
    assert 0 < np.mean(shares) < 0.05


def test_some_images_have_no_object(root: Path) -> None:
    document = read_annotations(root, "train")
    empty = {i["id"] for i in document["images"]} - {a["image_id"] for a in document["annotations"]}
    assert 0 < len(empty) < 8


def test_both_trees_hold_the_same_scenes_in_one_size(root: Path) -> None:
    photos = sorted((root / "cityscapes" / "leftImg8bit" / "val").glob("*/*.png"))
    pictures = sorted((root / "coco" / "val").glob("*.jpg"))
    for photo, picture, mask in zip(photos, pictures, read_masks(root, "val", "labelIds"), strict=True):
        a, b = cv2.imread(str(photo)), cv2.imread(str(picture))
        assert a.shape == b.shape == (*mask.shape, 3) == (*SIZE, 3)
        assert np.abs(a.astype(int) - b).mean() < 6  # what JPEG loses


def test_a_scene_fits_any_shape() -> None:
    for size in ((64, 64), (65, 201), (300, 130)):
        scene = draw_scene(0, "val", number=1, size=size)
        assert scene.image.shape == (*size, 3)
        assert scene.labels.min() > 0


def test_an_interrupted_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(seed: int, split: str, **options: Any) -> Scene:
        if split == "val":  # the training scenes are on disk
            raise KeyboardInterrupt
        return draw_scene(seed, split, **options)

    monkeypatch.setattr(synthetic, "draw_scene", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_synthetic(tmp_path / "set", train=1, val=1, size=SIZE)
    assert list(tmp_path.iterdir()) == []


def test_the_same_recipe_is_not_drawn_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthetic, "draw_scene", None)
    write_synthetic(root, train=60, val=6, size=SIZE, seed=3)
    assert json.loads((root / "recipe.json").read_text())["size"] == list(SIZE)


def test_another_recipe_is_refused(root: Path) -> None:
    with pytest.raises(InputError, match=r"set: holds the set .*'train': 60.* asked for .*'train': 61"):
        write_synthetic(root, train=61, val=6, size=SIZE, seed=3)


def test_a_folder_of_something_else_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(InputError, match=r"no readable recipe\.json"):
        write_synthetic(tmp_path, train=1, val=1, size=SIZE)
    assert (tmp_path / "thesis.tex").read_text() == "precious"


def test_the_slower_of_two_writers_accepts_the_set_of_the_faster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtaken(seed: int, split: str, *, number: int, size: tuple[int, int]) -> object:
        monkeypatch.setattr(synthetic, "draw_scene", draw_scene)
        write_synthetic(tmp_path / "set", train=2, val=1, size=SIZE)
        return draw_scene(seed, split, number=number, size=size)

    monkeypatch.setattr(synthetic, "draw_scene", overtaken)
    write_synthetic(tmp_path / "set", train=2, val=1, size=SIZE)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
    assert len(read_annotations(tmp_path / "set", "train")["images"]) == 2


@pytest.mark.parametrize("wrong", [{"train": 0}, {"val": 0}, {"size": (63, 100)}, {"seed": -1}])
def test_numbers_out_of_range_are_refused(tmp_path: Path, wrong: dict) -> None:
    with pytest.raises(InputError, match="expected train and val of at least 1"):
        write_synthetic(tmp_path / "set", **({"train": 1, "val": 1} | wrong))

import os
from pathlib import Path

import numpy as np
import pytest
from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as Official
from cityscapesscripts.helpers.labels import id2label
from PIL import Image

from data.errors import InputError
from data.formats.cityscapes import CITYSCAPES_CLASSES, read_cityscapes
from data.masks import MaskDataset
from data.splits import Part

HEIGHT, WIDTH = 16, 32
FRAMES = [("frankfurt", "frankfurt_000000_000294"), ("lindau", "lindau_000001_000019")]


def ids(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 34, (HEIGHT, WIDTH), dtype=np.uint8)


def paths(root: Path, city: str, frame: str) -> tuple[Path, Path]:
    return (
        root / "leftImg8bit" / "val" / city / f"{frame}_leftImg8bit.png",
        root / "gtFine" / "val" / city / f"{frame}_gtFine_labelIds.png",
    )


@pytest.fixture
def root(tmp_path) -> Path:
    """A tree of two cities with one image each, and the other files that Cityscapes brings."""
    for index, (city, frame) in enumerate(FRAMES):
        image, mask = paths(tmp_path, city, frame)
        for path in (image, mask):
            path.parent.mkdir(parents=True)
        Image.fromarray(np.full((HEIGHT, WIDTH, 3), index, dtype=np.uint8)).save(image)
        Image.fromarray(ids(index)).save(mask)
        mask.with_name(f"{frame}_gtFine_polygons.json").write_text("{}")
        Image.fromarray(ids(index)).save(mask.with_name(f"{frame}_gtFine_instanceIds.png"))
    return tmp_path


def test_the_classes_are_the_19_of_cityscapes():
    assert len(CITYSCAPES_CLASSES) == 19
    assert (CITYSCAPES_CLASSES.names[0], CITYSCAPES_CLASSES.names[18]) == ("road", "bicycle")
    assert (CITYSCAPES_CLASSES.ids[0], CITYSCAPES_CLASSES.ids[18]) == (7, 33)
    assert CITYSCAPES_CLASSES.categories[13] == "vehicle"
    assert CITYSCAPES_CLASSES.colors[0] == (128, 64, 128)


def test_every_label_id_becomes_the_official_train_id(root):
    dataset = MaskDataset(read_cityscapes(root, Part("val", "val")))
    for index in range(2):
        sample = dataset[index]
        expected = np.vectorize(lambda i: id2label[i].trainId)(ids(index))
        assert sample.mask.dtype == np.uint8
        np.testing.assert_array_equal(sample.mask, expected)
        assert (sample.image == index).all()


def test_names_are_those_that_the_official_script_looks_for(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("predictions")
    dataset = MaskDataset(read_cityscapes(root, Part("val", "val")))
    assert (len(dataset), len(dataset.classes)) == (2, 19)
    assert dataset[0].name == "frankfurt_000000_000294_leftImg8bit"
    for index in range(2):
        (folder / f"{dataset[index].name}.png").touch()
    Official.args.predictionPath, Official.args.predictionWalk = str(folder), None
    found = [Official.getPrediction(Official.args, path) for path in dataset.mask_paths]
    assert [os.path.basename(path) for path in found] == [f"{dataset[i].name}.png" for i in range(2)]  # noqa: PTH119


def test_images_may_be_jpegs(root):
    image, _ = paths(root, *FRAMES[0])
    Image.open(image).save(image.with_suffix(".jpg"))
    image.unlink()
    dataset = MaskDataset(read_cityscapes(root, Part("val", "val")))
    assert Path(dataset.image_paths[0]).suffix == ".jpg"
    assert dataset[0].name == "frankfurt_000000_000294_leftImg8bit"


@pytest.mark.parametrize("value", [34, 200, 255])
def test_an_id_that_cityscapes_does_not_know_is_refused_when_it_is_read(root, value):
    _, mask = paths(root, *FRAMES[0])
    values = ids()
    values[3, 4] = value
    Image.fromarray(values).save(mask)
    dataset = MaskDataset(read_cityscapes(root, Part("val", "val")))
    with pytest.raises(InputError, match=rf"labelIds\.png: ids \[{value}\]; expected Cityscapes label ids 0 to 33"):
        dataset[0]


def test_instance_ids_in_16_bits_are_refused_with_their_values(root):
    _, mask = paths(root, *FRAMES[0])
    Image.fromarray(np.full((HEIGHT, WIDTH), 26001, dtype=np.uint16)).save(mask)
    with pytest.raises(InputError, match=r"ids \[26001\]; expected"):
        MaskDataset(read_cityscapes(root, Part("val", "val")))[0]


@pytest.mark.parametrize("missing", ["", "leftImg8bit", "gtFine"])
def test_a_missing_tree_says_where_to_get_it(root, missing):
    for path in root.iterdir():
        if missing in ("", path.name):
            path.rename(path.with_name(f"{path.name}_elsewhere"))
    with pytest.raises(InputError, match=rf"{missing}: no such folder; expected leftImg8bit_trainvaltest\.zip") as info:
        MaskDataset(read_cityscapes(root, Part("val", "val")))
    for word in ("gtFine_trainvaltest.zip", "cityscapes-dataset.com", "BNECK_DATA", "dataset=synthetic", str(root)):
        assert word in str(info.value)


def test_a_missing_split_names_those_that_there_are(root):
    with pytest.raises(InputError, match=r"leftImg8bit: no split 'train'; expected one of \['val'\]"):
        MaskDataset(read_cityscapes(root, Part("train", "train")))


def test_an_empty_split_is_refused(root):
    (root / "leftImg8bit" / "train" / "aachen").mkdir(parents=True)
    with pytest.raises(InputError, match=r"train: no images \(splits: \['train', 'val'\]\); expected"):
        MaskDataset(read_cityscapes(root, Part("train", "train")))


def test_images_without_a_mask_are_counted_and_named(root):
    paths(root, *FRAMES[1])[1].unlink()
    with pytest.raises(
        InputError, match=r"1 of 2 files(.|\n)*has no mask; expected .*lindau_000001_000019_gtFine_label"
    ):
        MaskDataset(read_cityscapes(root, Part("val", "val")))


def test_a_mask_of_another_size_is_refused_before_training(root):
    Image.fromarray(ids()[:8]).save(paths(root, *FRAMES[0])[1])
    with pytest.raises(InputError, match="mask is height 8 x width 32, its image height 16 x width 32; expected"):
        MaskDataset(read_cityscapes(root, Part("val", "val")))


@pytest.mark.parametrize("which", [0, 1])
def test_an_unreadable_header_is_refused_before_training(root, which):
    path = paths(root, *FRAMES[0])[which]
    path.write_text("hello")
    with pytest.raises(InputError, match=rf"1 of 2 files(.|\n)*{path.name}: not an image.*; expected"):
        MaskDataset(read_cityscapes(root, Part("val", "val")))


def test_a_mask_of_colours_is_refused_before_training(root):
    Image.new("RGB", (WIDTH, HEIGHT)).save(paths(root, *FRAMES[0])[1])
    with pytest.raises(InputError, match="pixel format is 'RGB'; expected a complete single-channel"):
        MaskDataset(read_cityscapes(root, Part("val", "val")))


@pytest.mark.parametrize("which", [0, 1])
def test_a_truncated_file_is_refused_when_it_is_read(root, which):
    path = paths(root, *FRAMES[1])[which]
    noise = np.random.default_rng(0).integers(0, 34, (HEIGHT, WIDTH), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:-60])
    dataset = MaskDataset(read_cityscapes(root, Part("val", "val")))
    with pytest.raises(InputError, match=rf"{path.name}: .*; expected a complete"):
        dataset[1]


def test_all_ids_ignored_gives_a_mask_of_ignore(root):
    Image.fromarray(np.zeros((HEIGHT, WIDTH), dtype=np.uint8)).save(paths(root, *FRAMES[0])[1])
    assert (MaskDataset(read_cityscapes(root, Part("val", "val")))[0].mask == 255).all()


def test_label_ids_of_a_list_of_its_own_are_refused(root):
    """CVAT's export has them: 7 is not road there."""
    (root / "label_colors.txt").write_text("0 0 0 background\n250 50 83 cat\n")
    with pytest.raises(InputError, match=r"label_colors\.txt: defines label ids of its own.*; expected dataset="):
        read_cityscapes(root, Part("val", "val"))

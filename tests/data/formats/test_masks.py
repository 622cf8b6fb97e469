from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data import datasets
from data.config import DatasetConfig
from data.errors import InputError
from data.readers import MaskReader

HEIGHT, WIDTH = 12, 18
NAMES = ["sky", "road", "car"]


def values(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).choice(np.array([0, 1, 2, 255], dtype=np.uint8), (HEIGHT, WIDTH))


@pytest.fixture
def root(tmp_path) -> Path:
    """Two images, a JPEG and a PNG, with their masks."""
    for folder in ("images", "masks"):
        (tmp_path / folder / "train").mkdir(parents=True)
    for index, name in enumerate(["a.jpg", "b.png"]):
        Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "images" / "train" / name)
        Image.fromarray(values(index)).save(tmp_path / "masks" / "train" / f"{Path(name).stem}.png")
    return tmp_path


def open_masks(root: Path, role: str = "train", **options) -> MaskReader:
    config = DatasetConfig("masks", str(root), "train", "val", **{"names": NAMES, **options})
    return datasets.open_masks(config, role)


def test_a_sample_holds_the_image_its_mask_and_its_name(root):
    dataset = open_masks(root)
    assert len(dataset) == 2
    for index, name in enumerate("ab"):
        sample = dataset[index]
        assert (sample.image.shape, sample.name) == ((HEIGHT, WIDTH, 3), name)
        assert sample.mask.dtype == np.uint8
        np.testing.assert_array_equal(sample.mask, values(index))


def test_the_classes_are_the_names_with_mask_values_as_ids(root):
    classes = open_masks(root).classes
    assert classes.names == ("sky", "road", "car")
    assert classes.ids == (0, 1, 2)


@pytest.mark.parametrize(("dtype", "value"), [(np.uint8, 3), (np.uint8, 254), (np.uint16, 256), (np.uint16, 65535)])
def test_a_value_that_is_no_class_is_refused_when_it_is_read(root, dtype, value):
    mask = values(0).astype(dtype)
    mask[5, 5] = value
    Image.fromarray(mask).save(root / "masks" / "train" / "a.png")
    dataset = open_masks(root)
    with pytest.raises(
        InputError, match=rf"a\.png: values {value} \(1 pixel\); expected 0 sky, 1 road, 2 car, or 255 to ignore"
    ):
        dataset[0]


def test_a_16_bit_mask_of_small_values_is_taken(root):
    Image.fromarray(values(0).astype(np.uint16)).save(root / "masks" / "train" / "a.png")
    sample = open_masks(root)[0]
    assert sample.mask.dtype == np.uint8
    np.testing.assert_array_equal(sample.mask, values(0))


@pytest.mark.parametrize("names", ["person", ["a", "a"], [str(i) for i in range(256)]])
def test_unfit_class_names_are_refused(root, names):
    with pytest.raises(InputError, match=r"class names .*; expected a list of 1 to 254 unique names"):
        open_masks(root, names=names)


@pytest.mark.parametrize("folder", ["images", "masks"])
def test_a_missing_folder_is_refused(root, folder):
    (root / folder).rename(root / "elsewhere")
    with pytest.raises(InputError, match=r"no split 'train'; expected images/train and masks/train \(folders there: "):
        open_masks(root)


def test_missing_and_empty_splits_are_told_apart(root):
    with pytest.raises(InputError, match=r"no split 'val'; expected .*masks/train\), or dataset\.val_share=0\.2"):
        open_masks(root, "val")
    for folder in ("images", "masks"):
        (root / folder / "val").mkdir()
    with pytest.raises(InputError, match=r"images/val: no images; expected"):
        open_masks(root, "val")


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        ("images/train", "labels/train"),
        ("train/images", "train/masks"),
        ("train/data", "train/labels"),
        ("train", "trainannot"),
        ("train", "train"),
    ],
)
def test_folders_may_be_named_otherwise(root, images, masks):
    for source, target, suffix in (("images", images, ""), ("masks", masks, "_mask" if images == masks else "")):
        for path in sorted((root / source / "train").iterdir()):
            (root / target).mkdir(parents=True, exist_ok=True)
            path.rename(root / target / f"{path.stem}{suffix}{path.suffix}")
        if not any((root / source / "train").iterdir()):
            (root / source / "train").rmdir()
    dataset = open_masks(root)
    assert [dataset[index].name for index in range(len(dataset))] == ["a", "b"]
    np.testing.assert_array_equal(dataset[1].mask, values(1))


def test_a_share_of_one_split_is_evaluated_on(root):
    assert [open_masks(root, role, val_share=0.5)[0].name for role in ("train", "val")] == ["b", "a"]
    for folder in ("images", "masks"):  # no splits at all
        for path in list((root / folder / "train").iterdir()):
            path.rename(root / folder / path.name)
        (root / folder / "train").rmdir()
    assert [open_masks(root, role, val_share=0.5)[0].name for role in ("train", "val")] == ["b", "a"]
    with pytest.raises(InputError, match=r"no split 'train'; expected .*, or dataset\.val_share=0\.2, as all of it is"):
        open_masks(root)


def test_images_without_a_mask_are_counted_and_named(root):
    (root / "masks" / "train" / "b.png").unlink()
    with pytest.raises(InputError, match=r"1 of 2 files(.|\n)*b\.png: has no mask; expected .*b\.png"):
        open_masks(root)


def test_two_images_of_one_name_are_refused(root):
    Image.new("RGB", (WIDTH, HEIGHT)).save(root / "images" / "train" / "a.png")
    with pytest.raises(InputError, match=r"1 names are shared by several images: \['a'\]; expected unique names"):
        open_masks(root)


def test_a_sideways_photograph_takes_the_orientation_of_its_mask(root):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (HEIGHT, WIDTH)).save(root / "images" / "train" / "a.jpg", exif=exif)
    sample = open_masks(root)[0]
    assert sample.image.shape[:2] == sample.mask.shape == (HEIGHT, WIDTH)


def test_bad_headers_and_sizes_are_refused_before_training(root):
    Image.fromarray(values(0)[:5]).save(root / "masks" / "train" / "a.png")
    (root / "images" / "train" / "b.png").write_text("hello")
    with pytest.raises(InputError, match=r"2 of 2 files(.|\n)*mask is height 5 x width 18(.|\n)*b\.png: not an image"):
        open_masks(root)


def move(root: Path, places: dict[str, str]) -> None:
    for source, target in places.items():
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        (root / source).rename(root / target)


def test_images_in_folders_of_a_split_have_their_masks_in_folders_alike(root):
    move(root, {"images/train/a.jpg": "images/train/cam0/1.jpg", "images/train/b.png": "images/train/cam1/1.png"})
    move(root, {"masks/train/a.png": "masks/train/cam0/1.png", "masks/train/b.png": "masks/train/cam1/1.png"})
    dataset = open_masks(root)
    assert [sample.name for sample in dataset] == ["cam0_1", "cam1_1"]
    for index in range(2):
        np.testing.assert_array_equal(dataset[index].mask, values(index))


def test_images_one_folder_deeper_than_their_masks_are_found_by_name(root):
    move(root, {"images/train/a.jpg": "images/train/raw/a.jpg", "images/train/b.png": "images/train/raw/b.png"})
    dataset = open_masks(root)
    assert [sample.name for sample in dataset] == ["raw_a", "raw_b"]
    np.testing.assert_array_equal(dataset[1].mask, values(1))


def test_a_mask_is_not_lent_to_an_image_of_another_folder(root):
    move(root, {"images/train/a.jpg": "images/train/cam0/1.jpg", "images/train/b.png": "images/train/cam1/1.png"})
    move(root, {"masks/train/a.png": "masks/train/cam0/1.png"})
    with pytest.raises(
        InputError, match=r"1 of 2 files(.|\n)*cam1/1\.png: has no mask; expected .*masks/train/cam1/1\.png"
    ):
        open_masks(root)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ["a.jpg", "b.jpg"],
            r"no mask for any of 2 images \(2 \.jpg there, such as a\.jpg\); expected \S*a\.png for a\.jpg; "
            "JPEG and WebP change values: write masks as PNG",
        ),
        (["a_L.png", "b_L.png"], r"\(2 \.png there, such as a_L\.png\); expected \S*masks/train/a\.png for a\.jpg$"),
        ([], r"\(nothing there\); expected \S*masks/train/a\.png for a\.jpg$"),
    ],
)
@pytest.mark.parametrize("options", [{}, {"names": None}])
def test_masks_of_which_none_is_found_are_asked_for_by_name(root, names, message, options):
    for path in list((root / "masks/train").iterdir()):
        path.unlink()
    for name in names:
        Image.fromarray(values(0)).save(root / "masks/train" / name)
    with pytest.raises(InputError, match=message):
        open_masks(root, **options)


def test_a_mask_that_is_a_jpeg_is_told_so(root):
    Image.fromarray(values(1)).save(root / "masks/train/b.jpg")
    (root / "masks/train/b.png").unlink()
    with pytest.raises(
        InputError, match=r"b\.png: has no mask but b\.jpg, whose format changes values; expected .*b\.png"
    ):
        open_masks(root)


@pytest.mark.parametrize("other", ["a.tif", "a_mask.png"])
def test_two_masks_of_an_image_are_refused(root, other):
    Image.fromarray(values(1)).save(root / "masks/train" / other)
    with pytest.raises(
        InputError, match=rf"a\.jpg: has 2 masks, \S*a\.png and \S*{other}; expected one, remove the other"
    ):
        open_masks(root)


def write_voc(root, lines, *, split="train"):
    """Write the folders of Pascal VOC's segmentation, with an image of no mask, and a list."""
    for source, target in (("images", "JPEGImages"), ("masks", "SegmentationClass")):
        (root / source / "train").rename(root / target)
        (root / source).rmdir()
    Image.new("RGB", (WIDTH, HEIGHT)).save(root / "JPEGImages/detection alone.jpg")
    (root / "ImageSets/Segmentation").mkdir(parents=True)
    (root / f"ImageSets/Segmentation/{split}.txt").write_text(lines)
    return root


@pytest.mark.parametrize("lines", ["a\nb\n", '"a"\r\n"b"\r\n', "a.jpg\nb.png\n", "/JPEGImages/a.jpg\nb\n"])
def test_a_list_of_pascal_voc_names_the_images_of_a_split(root, lines):
    reader = open_masks(write_voc(root, lines))
    assert [(sample.name, sample.mask.tolist()) for sample in reader] == [
        ("a", values(0).tolist()),
        ("b", values(1).tolist()),
    ]


def test_a_listed_image_that_is_missing_is_refused(root):
    with pytest.raises(InputError, match=r"train\.txt: 1 of 2 lines name no image in \S+JPEGImages \(first: 'c'\);"):
        open_masks(write_voc(root, "a\nc\n"))


def test_a_list_of_another_split_is_named(root):
    with pytest.raises(InputError, match=r"masks/train \(folders .*; lists: ImageSets/Segmentation/default\.txt\)"):
        open_masks(write_voc(root, "a\nb\n", split="default"))


def test_the_folders_of_pascal_voc_without_lists_are_one_split(root):
    write_voc(root, "")
    (root / "ImageSets").rename(root / "unused")
    (root / "JPEGImages/detection alone.jpg").unlink()
    assert [open_masks(root, role, val_share=0.5)[0].name for role in ("train", "val")] == ["b", "a"]


def test_a_mask_may_have_the_whole_name_of_its_image(root):
    for name in ("a.jpg", "b.png"):
        (root / "masks/train" / name).with_suffix(".png").rename(root / "masks/train" / f"{name}.png")
    assert [sample.mask.tolist() for sample in open_masks(root)] == [values(0).tolist(), values(1).tolist()]

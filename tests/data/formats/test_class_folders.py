import pytest
from PIL import Image

from data.config import DatasetConfig
from data.datasets import open_labels
from data.errors import InputError
from tests.support.class_trees import write_folders, write_images


def open_folder(root, role="train", **options):
    report = options.pop("report", None)
    config = DatasetConfig("folder", str(root), "train", "val", **options)
    return open_labels(config, role) if report is None else open_labels(config, role, report=report)


def test_a_folder_is_a_class_and_classes_are_sorted_as_text(tmp_path):
    reader = open_folder(write_images(tmp_path, ["train/10/a.png", "train/9/a.png", "train/9/deep/b.png"]))
    assert reader.classes.names == ("10", "9")
    assert reader.names.tolist() == ["10/a.png", "9/a.png", "9/deep/b.png"]
    assert reader.presence.tolist() == [[True, False], [False, True], [False, True]]
    sample = reader[2]
    assert (sample.image.shape, sample.target.tolist(), sample.name) == ((40, 48, 3), [False, True], "9/deep/b.png")


def test_names_say_the_order_of_the_classes(tmp_path):
    reader = open_folder(write_folders(tmp_path), names=["dog", "cat"])
    assert reader.classes.names == ("dog", "cat")
    assert reader.names[0] == "dog/0.png"
    with pytest.raises(InputError, match=r"dataset\.names: .*train holds dog too; expected the name of each folder"):
        open_folder(tmp_path, names=["cat"])


def test_one_split_without_a_name_is_shared_class_by_class(tmp_path):
    write_images(tmp_path, [f"{name}/{n}.png" for name in ("cat", "dog") for n in range(20)])
    parts = {role: open_folder(tmp_path, role, val_share=0.25) for role in ("train", "val")}
    found = {role: set(reader.names.tolist()) for role, reader in parts.items()}
    assert not found["train"] & found["val"]
    assert len(found["train"] | found["val"]) == 40
    counts = parts["val"].tally().amounts
    assert counts.min() >= 1
    assert counts.max() < 12
    with pytest.raises(InputError, match=r"no split 'train'; expected .*dataset\.val_share=0\.2"):
        open_folder(tmp_path)


def test_a_class_of_one_image_cannot_be_shared(tmp_path):
    write_images(tmp_path, ["cat/a.png", "cat/b.png", "dog/a.png"])
    with pytest.raises(InputError, match=r"val_share: .* 1 images .* of the class 'dog'"):
        open_folder(tmp_path, val_share=0.5)


def test_the_share_is_the_same_whenever_it_is_drawn(tmp_path):
    write_images(tmp_path, [f"{name}/{n}.png" for name in ("cat", "dog") for n in range(10)])
    first = open_folder(tmp_path, "val", val_share=0.3).names.tolist()
    write_images(tmp_path, ["cat/new.png"])
    assert [name for name in open_folder(tmp_path, "val", val_share=0.3).names.tolist() if "new" not in name] == first


def test_a_class_without_images_is_an_error_in_training_and_a_warning_in_evaluation(tmp_path):
    write_folders(tmp_path)
    for split in ("train", "val"):
        (tmp_path / split / "cow").mkdir()
    with pytest.raises(InputError, match=r"train/cow: no images in it; expected images of this class, or no folder"):
        open_folder(tmp_path)
    found = []
    open_folder(tmp_path, "val", report=found.append)
    assert [(finding.level, finding.kind) for finding in found] == [("warning", "class without images")]


def test_images_in_the_folder_of_no_class_are_reported(tmp_path):
    write_images(write_folders(tmp_path), ["train/lone.png"])
    found = []
    assert len(open_folder(tmp_path, report=found.append)) == 6
    assert [(finding.level, finding.kind) for finding in found] == [("warning", "image without a class")]
    assert "lone.png" in found[0].found


def test_an_image_that_cannot_be_read_is_named(tmp_path):
    write_folders(tmp_path)
    (tmp_path / "train/cat/0.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"1 of 6 files cannot be used, the first:\n.*cat/0\.png"):
        open_folder(tmp_path)
    found = []
    assert open_folder(tmp_path, report=found.append).names.tolist()[0] == "cat/1.png"


def test_classes_of_another_split_are_known_by_name(tmp_path):
    write_folders(tmp_path)
    train = open_folder(tmp_path, names=["dog", "cat"])
    config = DatasetConfig("folder", str(tmp_path), "train", "val")
    val = open_labels(config, "val", classes=train.classes)
    assert val.classes is train.classes
    assert val[0].target.tolist() == [False, True]
    write_images(tmp_path, ["val/cow/a.png"])
    with pytest.raises(InputError, match="unknown classes 'cow'"):
        open_labels(config, "val", classes=train.classes)


def test_several_splits_are_one_in_their_order(tmp_path):
    write_folders(tmp_path)
    reader = open_labels(DatasetConfig("folder", str(tmp_path), ["train", "val"], "val"), "train")
    assert len(reader) == 12
    assert reader.names.tolist()[::6] == ["train/cat/0.png", "val/cat/0.png"]
    assert reader[7].target.tolist() == [True, False]
    part = reader.subset([11, 0, 0])
    assert [sample.target.tolist() for sample in part] == [[False, True], [True, False], [True, False]]
    assert part.tally().amounts.tolist() == [2, 1]


def test_photographs_are_turned_upright(tmp_path):
    write_folders(tmp_path)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (48, 40)).save(tmp_path / "train/cat/0.png", exif=exif)
    reader = open_folder(tmp_path)
    assert tuple(reader.pixel_sizes[0]) == reader[0].image.shape[:2] == (48, 40)


def test_the_fingerprint_follows_labels_and_not_the_place(tmp_path):
    first = open_folder(write_folders(tmp_path / "a")).fingerprint()
    assert open_folder(write_folders(tmp_path / "b")).fingerprint() == first
    (tmp_path / "b/train/cat/0.png").rename(tmp_path / "b/train/dog/9.png")
    assert open_folder(tmp_path / "b").fingerprint()["sha256"] != first["sha256"]


def test_cached_samples_are_the_same(tmp_path):
    reader = open_folder(write_folders(tmp_path))
    cached = reader.cached()
    assert all((cached[index].image == reader[index].image).all() for index in (0, 0, 5))


def test_a_class_may_have_the_name_of_a_split(tmp_path):
    write_images(tmp_path, [f"{name}/{n}.png" for name in ("bus", "car", "train") for n in range(8)])
    reader = open_folder(tmp_path, val_share=0.25)
    assert reader.classes.names == ("bus", "car", "train")
    with pytest.raises(InputError, match=r"no split 'train'; expected train/CLASS/ \(bus, car, train there\)"):
        open_folder(tmp_path)

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import VOCDetection

from data.boxes import BoxDataset
from data.errors import InputError
from data.findings import refuse
from data.formats.voc import read_voc
from data.splits import Part
from tests.support import trees

TRAIN = Part("train", "train")


def read(root, *, names=None, report=refuse):
    return read_voc(root, TRAIN, names=names, report=report)


def test_difficult_objects_become_crowds(tmp_path):
    reader = BoxDataset(read(trees.write_voc(tmp_path, difficult=True)))
    assert reader[0].crowd.all()
    assert {entry["iscrowd"] for entry in reader.ground_truth()["annotations"]} == {1}
    assert len(reader.boxes_at((32, 32))[0]) == 0


def test_classes_are_those_of_all_splits_sorted(tmp_path):
    for write in (trees.write_voc, trees.write_flat_voc):
        root = write(tmp_path / write.__name__)
        for split in ("train", "val"):
            labels = read_voc(root, Part("val", split), names=None, report=refuse)
            assert labels.classes.names == ("axolotl", "cat", "dog")


def test_names_that_are_given_set_the_order_and_leave_no_other(tmp_path):
    root = trees.write_voc(tmp_path)
    assert read(root, names=trees.NAMES).classes.names == tuple(trees.NAMES)
    with pytest.raises(InputError, match=r"a\.xml: object 2: 'axolotl'; expected one of \['cat', 'dog'\]"):
        read(root, names=["cat", "dog"])


def test_a_list_may_say_more_than_names(tmp_path):
    root = trees.write_voc(tmp_path)
    (root / "ImageSets/Main/train.txt").write_text("a  1\n\nb -1\n")
    assert read(root).images.names.tolist() == ["a.png", "b.png"]


def test_a_listed_image_without_xml_is_refused(tmp_path):
    root = trees.write_voc(tmp_path)
    (root / "Annotations" / "b.xml").unlink()
    with pytest.raises(InputError, match=r"1 of 3 files(.|\n)*b\.xml: no such file; expected Pascal VOC XML"):
        read(root)


def test_xml_without_its_image_is_refused(tmp_path):
    root = trees.write_flat_voc(tmp_path)
    (root / "train" / "b.png").unlink()
    with pytest.raises(InputError, match=r"b\.jpg: no such file; expected"):
        BoxDataset(read(root))


def test_a_data_set_without_splits_is_taken_whole_for_a_share(tmp_path):
    root = trees.write_voc(tmp_path)
    (root / "ImageSets").rename(root / "unused")
    labels = read_voc(root, Part("train", "train", 0.5), names=None, report=refuse)
    assert [str(name) for name in labels.images.names] == ["a.png", "b.png", "c.png", "d.png"]
    with pytest.raises(InputError, match=r"no split 'train'; expected .*, or dataset\.val_share=0\.2, as all of it is"):
        read(root)


def test_objects_are_those_of_torchvision(tmp_path):
    root = trees.write_voc(tmp_path / "VOCdevkit" / "VOC2012")
    for path in (root / "JPEGImages").iterdir():
        path.rename(path.with_suffix(".jpg"))
    reader = BoxDataset(read(root))
    peer = VOCDetection(str(tmp_path), year="2012", image_set="train")
    assert len(reader) == len(peer) == 3
    for index, (image, target) in enumerate(peer):
        sample = reader[index]
        objects = target["annotation"]["object"]
        corners = [[float(e["bndbox"][c]) for c in ("xmin", "ymin", "xmax", "ymax")] for e in objects]
        assert sample.boxes.tolist() == corners
        assert [reader.classes.names[k] for k in sample.labels] == [entry["name"] for entry in objects]
        np.testing.assert_array_equal(sample.image, np.asarray(image))


def rename(root, names):
    """Give the images and XML files of `write_voc` other names, in folders too."""
    for stem, name in names.items():
        for folder, suffix in (("JPEGImages", "png"), ("Annotations", "xml")):
            target = root / folder / f"{name}.{suffix}"
            target.parent.mkdir(parents=True, exist_ok=True)
            (root / folder / f"{stem}.{suffix}").rename(target)


@pytest.mark.parametrize("line", ["{}", '"{}"', "{}.png", "JPEGImages/{}.png", "/home/me/JPEGImages/{}.png", "{}  1"])
@pytest.mark.parametrize("name", ["photo (1)", "my photo 1", "cam0/frame.0001"])
def test_a_list_names_images_as_tools_write_them(tmp_path, name, line):
    root = trees.write_voc(tmp_path)
    rename(root, {"a": name, "b": "other"})
    (root / "ImageSets/Main/train.txt").write_text(f"{line.format(name)}\n{line.format('other')}\n")
    labels = read(root)
    assert labels.images.names.tolist() == [f"{name}.png", "other.png"]
    assert np.bincount(labels.boxes.rows).tolist() == [2, 1]


def test_copies_that_windows_made_are_images_of_their_own(tmp_path):
    root = trees.write_voc(tmp_path)
    rename(root, {"a": "photo", "b": "photo (1)", "c": "photo (2)"})
    (root / "ImageSets/Main/train.txt").write_text("photo\nphoto (1)\nphoto (2)\n")
    labels = read(root)
    assert labels.images.names.tolist() == ["photo.png", "photo (1).png", "photo (2).png"]
    assert labels.boxes.rows.tolist() == [0, 0, 1, 2, 2]


def test_images_may_lie_deeper_than_their_xml(tmp_path):
    root = trees.write_flat_voc(tmp_path)
    (root / "train/raw").mkdir()
    for path in list((root / "train").glob("*.png")):
        path.rename(root / "train/raw" / path.name)
    reader = BoxDataset(read(root))
    assert reader.names.tolist() == ["raw/a.png", "raw/b.png", "raw/d.png"]
    assert [len(sample.boxes) for sample in reader] == [2, 1, 0]


def write_twins(root, filename):
    """Write a.png and a.jpg, and an XML file of one of them."""
    trees.write_flat_voc(root)
    Image.new("RGB", (60, 40)).save(root / "train/a.jpg")
    path = root / "train/a.xml"
    path.write_text(path.read_text().replace("<filename>a.png</filename>", filename))
    return root


@pytest.mark.parametrize(
    ("filename", "owner"),
    [("<filename>a.jpg</filename>", "a.jpg"), (r"<filename>C:\photos\a.png</filename>", "a.png")],
)
def test_of_two_images_of_one_name_the_file_names_its_own(tmp_path, filename, owner):
    findings = []
    labels = read(write_twins(tmp_path, filename), report=findings.append)
    counts = np.bincount(labels.boxes.rows, minlength=len(labels.images))
    assert dict(zip(labels.images.names.tolist(), counts.tolist(), strict=True)) == {
        "a.jpg": 2 * (owner == "a.jpg"),
        "a.png": 2 * (owner == "a.png"),
        "b.png": 1,
        "d.png": 0,
    }
    (other,) = {"a.jpg", "a.png"} - {owner}
    assert ("warning", "images with the same name", (other,)) in [(f.level, f.kind, f.places) for f in findings]


@pytest.mark.parametrize("filename", ["", "<filename>a</filename>", "<filename>b.png</filename>"])
def test_two_images_of_one_name_that_nothing_tells_apart_are_refused(tmp_path, filename):
    with pytest.raises(InputError, match=r"a\.xml: a\.jpg and a\.png have its name, and its <filename> is '"):
        read(write_twins(tmp_path, filename))


def test_an_image_of_another_name_is_the_one_that_the_file_names(tmp_path):
    root = trees.write_flat_voc(tmp_path)
    (root / "train/a.xml").rename(root / "train/000001.xml")
    labels = read(root)
    assert labels.images.names.tolist() == ["a.png", "b.png", "d.png"]
    assert labels.place("a.png", 1) == "000001.xml, object 1"


def test_a_file_of_its_image_that_names_another_is_noted(tmp_path):
    root, findings = trees.write_flat_voc(tmp_path), []
    (root / "train/b.xml").write_text(trees.voc_text("b").replace("b.png", "d.png"))
    labels = read(root, report=findings.append)
    assert np.bincount(labels.boxes.rows, minlength=3).tolist() == [2, 1, 0]
    (finding,) = [f for f in findings if f.kind == "label file that names another image"]
    assert finding.level == "note"
    assert finding.found.endswith("b.xml of b.png: d.png)")


def test_two_files_of_one_image_are_refused(tmp_path):
    root = trees.write_flat_voc(tmp_path)
    (root / "train/more.xml").write_text(trees.voc_text("a"))
    with pytest.raises(InputError, match=r"more\.xml: belongs to a\.png, and so does a\.xml; expected one file"):
        read(root)


def test_a_split_that_is_a_link_is_entered(tmp_path):
    root = trees.write_flat_voc(tmp_path / "data")
    (root / "val/c.xml").write_text(trees.voc_text("c").replace("cat", "eel"))
    (root / "val").rename(tmp_path / "elsewhere")
    (root / "val").symlink_to(tmp_path / "elsewhere")
    labels = read_voc(root, Part("val", "val"), names=None, report=refuse)
    assert (labels.images.names.tolist(), len(labels.boxes)) == (["c.png"], 2)
    assert read(root).classes.names == ("axolotl", "cat", "dog", "eel")


def write_class_lists(root):
    """Write VoTT's lists: one for each class, of all images of a split."""
    trees.write_voc(root)
    lists = root / "ImageSets/Main"
    for name, flags in (("cat", "a.png 1\nb.png -1\n"), ("dog", "a.png -1\nb.png 1\n")):
        (lists / f"{name}_train.txt").write_text(flags)
    (lists / "train.txt").unlink()
    return root


def test_lists_of_each_class_are_one_split_together(tmp_path):
    assert read(write_class_lists(tmp_path)).images.names.tolist() == ["a.png", "b.png"]


def test_the_list_of_a_split_goes_before_those_of_its_classes(tmp_path):
    root = write_class_lists(tmp_path)
    (root / "ImageSets/Main/train.txt").write_text("d\n")
    assert read(root).images.names.tolist() == ["d.png"]


def test_a_split_that_is_missing_says_which_lists_there_are(tmp_path):
    root = trees.write_voc(tmp_path)
    (root / "ImageSets/Main/train.txt").rename(root / "ImageSets/Main/default.txt")
    with pytest.raises(InputError, match=r"no split 'train'; expected \S+train\.txt \(lists there: default, val\)"):
        read(root)


def test_a_list_in_utf_16_is_read(tmp_path):
    root = trees.write_voc(tmp_path)
    (root / "ImageSets/Main/train.txt").write_bytes("a\r\nb\r\n".encode("utf-16"))
    assert read(root).images.names.tolist() == ["a.png", "b.png"]


def test_where_no_object_can_be_read_the_first_says_why(tmp_path):
    root = trees.write_flat_voc(tmp_path)
    for path in root.rglob("*.xml"):
        path.write_text(path.read_text().replace("bndbox", "robndbox"))
    with pytest.raises(InputError, match=r"a\.xml: object 1: no <bndbox>; expected <bndbox> with xmin"):
        read(root)


def test_labels_of_another_tool_in_place_of_xml_are_named(tmp_path):
    root = trees.write_flat_voc(tmp_path)
    for path in root.rglob("*.xml"):
        path.rename(path.with_suffix(".csv"))
    with pytest.raises(InputError, match=r"train: none of 3 images has an XML file \(2 \.csv there\); expected"):
        read(root)

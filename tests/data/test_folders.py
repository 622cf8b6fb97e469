from pathlib import Path

import pytest
from PIL import Image

from data.findings import refuse
from data.folders import find_images_below, list_files, no_images, report_left_out
from tests.data.test_formats import open_tree
from tests.support import trees


def write(root: Path, *names: str) -> None:
    for name in names:
        trees.write_text(root / name, "")


def test_files_are_found_in_linked_folders_too_and_each_once(tmp_path):
    write(tmp_path / "data", "b.jpg", "cam0/a.png", ".cache/c.jpg", ".d.jpg")
    write(tmp_path / "more", "e.jpg")
    (tmp_path / "data/cam1").symlink_to(tmp_path / "more")
    (tmp_path / "data/cam0/again").symlink_to(tmp_path / "data")
    found = [path.relative_to(tmp_path / "data").as_posix() for path in find_images_below(tmp_path / "data")]
    assert found == ["b.jpg", "cam0/a.png", "cam1/e.jpg"]
    assert list_files(tmp_path / "none") == []


def test_images_of_a_linked_folder_are_trained_on(tmp_path):
    root = trees.write_yolo(tmp_path / "data")
    for kind in ("images", "labels"):
        (root / kind / "train").rename(tmp_path / kind)
        (root / kind / "train").mkdir()
        (root / kind / "train/first").symlink_to(tmp_path / kind)
    reader = open_tree("yolo", root)
    assert reader.names.tolist() == ["a.png", "b.png", "d.png"]
    assert [len(sample.boxes) for sample in reader] == [2, 1, 0]


def left_out(root: Path, *images: str) -> list[str]:
    findings = []
    report_left_out([root / name for name in images], source="data.yaml", report=findings.append)
    return [str(finding) for finding in findings]


def test_files_that_may_be_images_are_named_where_they_are_passed_over(tmp_path):
    write(tmp_path, "a.jpg", "a.txt", "b.psd", "c.PSD", "d.heic", "e.png", "LICENSE", ".hidden", "classes.json")
    (message,) = left_out(tmp_path, "a.jpg")
    assert message == (
        f"data.yaml: ignored 3 files beside the images: 2 .psd, 1 .heic (first: {tmp_path / 'b.psd'}); "
        "expected .jpg, .png or similar; pip install pillow-heif to read HEIC"
    )


def test_an_image_without_an_extension_is_known_by_its_content(tmp_path):
    write(tmp_path, "a.jpg")
    Image.new("RGB", (8, 8)).save(tmp_path / "b", format="PNG")
    (message,) = left_out(tmp_path, "a.jpg")
    assert "ignored 1 files beside the images: 1 without a suffix" in message


def test_nothing_is_said_where_nothing_is_passed_over(tmp_path):
    write(tmp_path, "a.jpg", "a.txt", "Thumbs.db")
    assert left_out(tmp_path, "a.jpg") == left_out(tmp_path / "none", "a.jpg") == []


def test_a_folder_without_images_says_what_there_is(tmp_path):
    write(tmp_path, "a.heic", "b.heic", "c.txt")
    assert str(no_images(tmp_path)) == (
        f"{tmp_path}: no images (2 .heic, 1 .txt there); "
        "expected .jpg, .png or similar; pip install pillow-heif to read HEIC"
    )


@pytest.mark.parametrize("format_", ["yolo", "voc"])
def test_training_warns_of_files_beside_its_images(tmp_path, format_):
    root = {"yolo": trees.write_yolo, "voc": trees.write_flat_voc}[format_](tmp_path)
    folder = root / ("images/train" if format_ == "yolo" else "train")
    write(folder, "x.cr2")
    findings = []
    open_tree(format_, root, report=findings.append)
    assert [f.places for f in findings if f.kind == "file that is not read"] == [(str(folder / "x.cr2"),)]
    open_tree(format_, root, report=refuse)

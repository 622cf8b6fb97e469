import unicodedata

import numpy as np
import pytest

from data.errors import InputError
from data.findings import refuse
from data.formats.placing import choose_folder, place_images
from data.labels import ImageList


def place(folder, names, files, *, report=refuse):
    """Return the names that images of these written names have, where a folder has these files."""
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    images = ImageList(np.arange(len(names)), np.array(names), [None] * len(names))
    return place_images(images, folder, source=folder / "set.json", report=report).names.tolist()


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("sub/a.png", "sub/a.png"),
        ("/home/me/photos/a.png", "a.png"),
        ("C:/Users/me/photos/a.png", "photos/a.png"),
        ("../train/a.png", "a.png"),
        ("data/labelme/my a.png", "my a.png"),
        ("my%20a.png", "my a.png"),
        ("my a.png", "my%20a.png"),
        ("IMG_1.JPG", "img_1.jpg"),
        ("/data/local-files/?d=photos/my%20a.png", "photos/my a.png"),
        ("https:/host/bucket/a.png", "a.png"),
        (unicodedata.normalize("NFC", "café.png"), unicodedata.normalize("NFD", "café.png")),
    ],
)
def test_a_name_in_another_writing_is_the_file_that_it_means(tmp_path, name, file):
    assert place(tmp_path, [name], [file, "other.png"]) == [file]


def test_a_name_that_is_there_as_written_is_no_other(tmp_path):
    assert place(tmp_path, ["A.png", "a%20b.png"], ["A.png", "a.png", "a%20b.png", "a b.png"]) == ["A.png", "a%20b.png"]


def test_of_two_files_that_a_name_could_mean_none_is_taken(tmp_path):
    assert place(tmp_path, ["A.PNG"], ["a.png", "a.PNG"]) == ["A.PNG"]


def test_a_file_that_two_names_could_mean_is_neither_of_them(tmp_path):
    assert place(tmp_path, ["cam0/1.png", "cam1/1.png"], ["1.png"]) == ["cam0/1.png", "cam1/1.png"]
    assert place(tmp_path, ["1.png", "cam1/1.png"], ["1.png"]) == ["1.png", "cam1/1.png"]


def test_what_was_found_otherwise_is_noted(tmp_path):
    findings = []
    place(tmp_path, ["a.png", "/old/b.png"], ["a.png", "b.png"], report=findings.append)
    (finding,) = findings
    assert (finding.level, finding.places) == ("note", ("/old/b.png is b.png",))


def test_names_that_leave_the_folder_are_left_out_where_errors_pass(tmp_path):
    findings = []
    assert place(tmp_path, ["a.png", "../b.png"], ["a.png", "../b.png"], report=findings.append) == ["a.png"]
    assert [finding.kind for finding in findings] == ["file name outside the folder"]
    with pytest.raises(InputError, match=r"set\.json: images: none can be used; expected at least one"):
        place(tmp_path, ["../b.png"], [], report=findings.append)


def test_the_folder_with_a_name_as_written_goes_before_one_with_another_writing(tmp_path):
    folders = [tmp_path / name for name in ("none", "first", "second")]
    for folder, file in zip(folders[1:], ("a.PNG", "a.png"), strict=True):
        folder.mkdir()
        (folder / file).touch()
    assert choose_folder(["a.png"], folders) == folders[2]
    assert choose_folder(["old/A.png"], folders) == folders[1]
    assert choose_folder(["b.png"], folders) == folders[0]

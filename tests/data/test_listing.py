from pathlib import Path

import pytest

from data.errors import InputError
from data.findings import refuse
from data.formats.listing import find_listed, read_listing

WHERE = Path("train.txt")


def find(lines, *known, report=refuse):
    return list(find_listed(lines, {name: name for name in known}, where=WHERE, report=report))


def test_quotes_and_folders_of_windows_are_read_as_they_are_meant(tmp_path):
    (tmp_path / "train.txt").write_bytes(b'\xef\xbb\xbf"my photo 0"\r\n\n cam0\\a.png \n\'b\'\nit"s\n')
    assert read_listing(tmp_path / "train.txt") == ["my photo 0", "cam0/a.png", "b", 'it"s']


def test_names_in_other_encodings_are_those_of_the_files(tmp_path):
    name = b"caf\xe9".decode(errors="surrogateescape")
    (tmp_path / "train.txt").write_bytes(b"caf\xe9\n")
    assert read_listing(tmp_path / "train.txt") == [name]


def test_blanks_belong_to_names_that_are_there():
    assert find(["photo", "photo (1)", "photo 1"], "photo", "photo (1)", "photo 1") == ["photo", "photo (1)", "photo 1"]


def test_flags_belong_to_no_name():
    assert find(["a  1", "b -1", "c  0"], "a", "b", "c") == ["a", "b", "c"]


def test_a_flag_is_one_in_the_whole_list():
    """Though `photo 1` is there, the line means `photo`: the others have flags too."""
    assert find(["photo 1", "cat -1"], "photo", "photo 1", "cat") == ["photo", "cat"]


def test_folders_of_another_machine_are_left_out():
    assert find(["/home/me/cam0/a", "data/b"], "cam0/a", "b") == ["cam0/a", "b"]


def test_unknown_lines_stay_as_they_are():
    assert find(["gone 1", "x/gone"], "a") == ["gone 1", "x/gone"]


def test_two_lines_that_mean_one_image_are_refused():
    with pytest.raises(InputError, match=r"train\.txt: 'cam0/a' and 'cam1/a' both refer to a; expected one line"):
        find(["cam0/a", "cam1/a"], "a")


def test_a_line_that_stands_twice_is_taken_once_and_noted():
    findings = []
    assert find(["a", "b", "a"], "a", "b", report=findings.append) == ["a", "b"]
    assert [(f.level, f.found) for f in findings] == [("note", "1 lines repeat earlier ones (first: 'a')")]

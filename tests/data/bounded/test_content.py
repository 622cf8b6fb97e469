import os

import pytest

from data.bounded.content import BoundError, open_regular, read_content


def test_a_pipe_and_a_device_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BoundError, match="is a pipe; expected a regular file"):
        read_content(tmp_path / "pipe")
    with pytest.raises(BoundError, match="is a device"):
        open_regular("/dev/zero")


def test_a_folder_and_a_missing_file_are_the_systems_errors(tmp_path):
    with pytest.raises(IsADirectoryError):
        read_content(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_content(tmp_path / "none")


def test_no_more_is_read_than_is_allowed_whatever_the_size_is_said_to_be(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert read_content(tmp_path / "a", most=5) == b"12345"
    with pytest.raises(BoundError, match="more than 4 bytes"):
        read_content(tmp_path / "a", most=4)
    with pytest.raises(BoundError, match="more than 3 bytes"):
        read_content("/proc/self/status", most=3)  # whose size is said to be 0
    assert read_content("/proc/self/status").startswith(b"Name:")

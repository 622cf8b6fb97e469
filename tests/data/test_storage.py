"""What is read of objects, by a client that a test stands in for."""

import errno
from typing import BinaryIO

import pytest

from data import storage
from data.errors import AccessError, InputError
from data.storage import find_cloud, read_object
from data.streams.objects import fetch


class Client:
    """A client of objects of ten bytes, or one that fails.

    Args:
        error: that it fails with.
    """

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.asked = error, []

    def download(self, bucket: str, name: str, file: BinaryIO) -> None:
        self.asked.append((bucket, name))
        if self.error is not None:
            raise self.error
        file.write(bytes(10))


class NoCredentialsError(Exception):
    """What botocore raises without credentials."""


class StatusError(Exception):
    """What botocore raises for an answer of a status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.response = {"ResponseMetadata": {"HTTPStatusCode": status}}


@pytest.fixture
def use(monkeypatch):
    """Return a function that has a client used."""

    def take(client: Client) -> Client:
        monkeypatch.setattr(storage, "find_cloud", lambda scheme, process: client)
        return client

    return take


def test_a_full_disk_here_is_no_fault_of_an_image(use):
    use(Client(OSError(errno.ENOSPC, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        fetch("s3://bucket/a.jpg", patience=1)


@pytest.mark.parametrize("error", [NoCredentialsError("no credentials"), *map(StatusError, (400, 401, 403))])
def test_who_is_not_let_in_knows_nothing_of_an_image(use, error):
    use(Client(error))
    with pytest.raises(AccessError, match=rf"s3://bucket/a.jpg: {error}; expected credentials of this machine"):
        fetch("s3://bucket/a.jpg", patience=1)


def test_an_image_that_is_not_there_is_its_own_fault(use):
    use(Client(StatusError(404)))
    said = fetch("s3://bucket/a.jpg", patience=1)
    assert isinstance(said, InputError)
    assert str(said) == "s3://bucket/a.jpg: status 404; expected an object that may be read"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ModuleNotFoundError("No module named 'litdata'", name="litdata"), r"litdata is not installed; pip install"),
        (NoCredentialsError("no default credentials"), "no default credentials; expected credentials of this machine"),
    ],
)
def test_without_a_client_nothing_is_known_of_an_image(monkeypatch, error, said):
    def fail():
        raise error

    monkeypatch.setitem(storage.CLOUDS, "s3", fail)
    find_cloud.cache_clear()
    with pytest.raises(AccessError, match=f"s3://bucket/a.jpg: {said}"):
        fetch("s3://bucket/a.jpg", patience=1)


def test_a_node_without_the_folder_knows_nothing_of_an_image(tmp_path):
    assert fetch(str(tmp_path / "none.jpg"), patience=1) == tmp_path / "none.jpg"
    with pytest.raises(
        AccessError, match=r"a.jpg: this machine has no folder .*photos; expected one that all nodes see"
    ):
        fetch(str(tmp_path / "photos/a.jpg"), patience=1)


def test_an_object_that_is_too_large_is_named(use):
    use(Client())
    assert read_object("s3://bucket/a", most=10, patience=1) == bytes(10)
    with pytest.raises(InputError, match=r"s3://bucket/a: holds more than 9 bytes; expected at most as many"):
        read_object("s3://bucket/a", most=9, patience=1)


@pytest.mark.parametrize("name", ["a#1.jpg", "a?b=c.jpg", "/a.jpg", "a;b/c%20d.jpg"])
def test_an_object_is_asked_for_by_its_whole_name(use, name):
    client = use(Client())
    read_object(f"s3://bucket/{name}", most=10, patience=1)
    assert client.asked == [("bucket", name)]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"a.json: .*expected a file that may be read"):
        read_object(str(tmp_path / "a.json"), most=9, patience=1)

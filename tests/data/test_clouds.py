"""Objects of real servers: S3's protocol and that of Google's storage."""

import pytest

from data.errors import InputError, RunError
from data.storage import find_cloud, is_there, list_objects, read_object, upload
from tests.support import google_server, s3_server

pytestmark = pytest.mark.slow


@pytest.fixture(params=["s3", "gs"])
def place(request, tmp_path, monkeypatch):
    """Return the address of an empty bucket on a server that runs."""
    if request.param == "s3":
        pytest.importorskip("moto")
        (tmp_path / "buckets/data").mkdir(parents=True)
        server = s3_server.running(tmp_path / "buckets")
    else:
        pytest.importorskip("gcp_storage_emulator")
        server = google_server.running("data")
    find_cloud.cache_clear()
    with server as started:
        for name, value in started.variables.items():
            monkeypatch.setenv(name, value)
        yield f"{request.param}://data"
    find_cloud.cache_clear()


def test_objects_are_known_by_their_whole_names_and_read_up_to_their_bound(place, tmp_path):
    content = bytes(range(256)) * 2**16  # is fetched in several pieces at a time
    (tmp_path / "file").write_bytes(content)
    first, second = f"{place}/a", f"{place}/a#1?b c%20.txt"
    upload(tmp_path / "file", second, patience=10)
    assert [is_there(address, patience=10) for address in (first, second)] == [False, True]
    assert list_objects(place, patience=10) == [second]
    assert read_object(second, most=2**24, patience=10) == content
    with pytest.raises(InputError, match=r"txt: holds more than 16,777,215 bytes; expected at most as many"):
        read_object(second, most=2**24 - 1, patience=10)
    with pytest.raises(InputError, match=r"/a: .*404.*; expected an object that may be read"):
        read_object(first, most=1, patience=10)


@pytest.mark.parametrize(
    ("scheme", "variable", "package"),
    [("s3", "AWS_ENDPOINT_URL", "boto3"), ("gs", "STORAGE_EMULATOR_HOST", "google.cloud.storage")],
)
def test_storage_that_does_not_answer_is_given_up_on_as_soon_as_was_said(scheme, variable, package, monkeypatch):
    pytest.importorskip(package)
    for name, value in {**s3_server.KEYS, variable: f"http://127.0.0.1:{s3_server.find_port()}"}.items():
        monkeypatch.setenv(name, value)
    find_cloud.cache_clear()
    with pytest.raises(RunError, match=r"/a: no answer for \d seconds"):
        read_object(f"{scheme}://data/a", most=1, patience=2)
    find_cloud.cache_clear()

"""Objects of a real S3 server."""

import pytest

from data.errors import InputError
from data.storage import find_cloud, is_there, list_objects, read_object, upload
from tests.support.s3_server import running


@pytest.mark.slow
def test_objects_are_known_by_their_whole_names_and_read_up_to_their_bound(tmp_path, monkeypatch):
    pytest.importorskip("moto")
    (tmp_path / "buckets/data").mkdir(parents=True)
    content = bytes(range(256)) * 2**16  # is fetched in several pieces at a time
    (tmp_path / "file").write_bytes(content)
    with running(tmp_path / "buckets") as server:
        for name, value in server.variables.items():
            monkeypatch.setenv(name, value)
        find_cloud.cache_clear()
        places = ["s3://data/a", "s3://data/a#1?b c%20.txt"]
        for place in places[1:]:
            upload(tmp_path / "file", place, patience=10)
        assert [is_there(place, patience=10) for place in places] == [False, True]
        assert list_objects("s3://data", patience=10) == places[1:]
        assert read_object(places[1], most=2**24, patience=10) == content
        with pytest.raises(InputError, match=r"txt: holds more than 16,777,215 bytes; expected at most as many"):
            read_object(places[1], most=2**24 - 1, patience=10)
    find_cloud.cache_clear()

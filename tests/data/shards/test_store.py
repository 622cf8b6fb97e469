"""Shards of any bytes, fetched by a client that a test stands in for."""

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest
from torch.utils.data import DataLoader

from data import storage
from data.errors import InputError, RunError
from data.shards.store import Shard, ShardStore, find_fetcher
from tasks.cli.failures import explain


class Folder:
    """A client whose objects are files of a folder; as long as it is told to, it fails."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.asked, self.errors = folder, 0, []

    def download(self, bucket: str, name: str, file: BinaryIO) -> None:
        self.asked += 1
        if self.errors:
            error = self.errors.pop(0)
            file.write(b"half")
            if error is not None:
                raise error
            return
        file.write((self.folder / Path(name).name).read_bytes())


class Bytes:
    """The first bytes of shards, as samples."""

    def __init__(self, store: ShardStore) -> None:
        self.store = store

    def __len__(self) -> int:
        return len(self.store.shards)

    def __getitem__(self, index: int) -> bytes:
        return self.store.read(index, 0, 1)


class RefusedError(Exception):
    """What botocore raises for an object that is not there."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.response = {"ResponseMetadata": {"HTTPStatusCode": 404}}


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    found = Folder(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(storage, "find_client", lambda place: found)
    monkeypatch.setattr(storage.time, "sleep", lambda seconds: None)
    return found


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., ShardStore]:
    """Return a function that writes shards of 1000 bytes of their number, and opens them."""

    def write(count: int = 4, *, most: int = 10_000, root: str = "s3://bucket/set", patience: float = 60) -> ShardStore:
        shards = []
        for number in range(count):
            content = bytes([number]) * 1000
            (tmp_path / f"{number}.bin").write_bytes(content)
            shards.append(Shard(f"{root}/{number}.bin", 1000, hashlib.sha256(content).hexdigest()))
        return ShardStore(shards, most=most, patience=patience)

    return write


def list_cache(tmp_path: Path) -> list[str]:
    return [path.name for path in (tmp_path / "cache/bneck/shards").iterdir()]


def test_a_shard_is_fetched_once_for_all_stores(client, make):
    for store in (make(), make()):
        assert store.read(2, 10, 3) == b"\2\2\2"
        assert store.read(2, 999, 1) == b"\2"
    assert client.asked == 1


def test_what_was_not_read_for_longest_makes_room(client, make, tmp_path):
    store = make(most=2500)
    for number in (0, 1, 2, 3, 2):
        store.read(number, 0, 1)
    assert len(list_cache(tmp_path)) == 2
    assert client.asked == 4
    assert store.read(0, 0, 1) == b"\0"
    assert client.asked == 5


def test_what_another_process_is_fetching_stays_though_it_takes_the_room(client, make, tmp_path):
    folder = tmp_path / "cache/bneck/shards"
    folder.mkdir(parents=True)
    for name in ("new.part", "abandoned.part"):
        (folder / name).write_bytes(bytes(1000))
    os.utime(folder / "abandoned.part", (0, 0))
    store = make(most=1500)
    for number in (0, 1):
        store.read(number, 0, 1)
    assert sorted(list_cache(tmp_path)) == sorted(["new.part", store.shards[1].sha256])


def test_a_shard_larger_than_the_cache_is_read_all_the_same(client, make):
    store = make(most=10)
    assert [store.read(number, 0, 1) for number in (0, 1, 0)] == [b"\0", b"\1", b"\0"]


@pytest.mark.parametrize("errors", [[ConnectionError("reset")] * 3, [TimeoutError("slow"), ConnectionError("reset")]])
def test_storage_that_does_not_answer_is_asked_again(client, make, errors, caplog):
    client.errors = list(errors)
    assert make().read(1, 0, 4) == b"\1\1\1\1"
    assert "s3://bucket/set/1.bin" in caplog.text
    assert "answered after" in caplog.text


def test_storage_that_answers_too_late_ends_the_run_and_is_named(client, make):
    client.errors = [ConnectionError("reset")] * 100
    with pytest.raises(RunError, match=r"s3://bucket/set/1.bin: no answer .*reset"):
        make(patience=0.1).read(1, 0, 4)


def test_who_waited_for_another_process_in_vain_asks_once(client, make, monkeypatch):
    store, moments = make(patience=60), iter([0.0])
    monkeypatch.setattr("data.shards.store.time.monotonic", lambda: next(moments, 60.0))  # the lock takes a minute
    client.errors = [ConnectionError("reset")] * 100
    with pytest.raises(RunError, match=r"s3://bucket/set/1.bin: no answer for 60 seconds \(reset\)"):
        store.read(1, 0, 4)
    assert client.asked == 1


def test_what_is_refused_is_not_asked_for_again(client, make):
    client.errors = [RefusedError("Not Found")] * 100
    with pytest.raises(InputError, match=r"s3://bucket/set/1.bin: Not Found"):
        make().read(1, 0, 4)
    assert client.asked == 1


def test_a_shard_that_arrives_otherwise_is_fetched_again(client, make):
    client.errors = [None]
    assert make().read(1, 0, 4) == b"\1\1\1\1"
    assert client.asked == 2


def test_a_damaged_shard_is_named_and_nothing_of_it_is_kept(client, make, tmp_path):
    store = make()
    (tmp_path / "1.bin").write_bytes(b"\1" * 999 + b"\0")
    with pytest.raises(InputError, match=r"s3://bucket/set/1.bin: SHA-256 is"):
        store.read(1, 0, 4)
    assert list_cache(tmp_path) == []


def test_a_file_of_the_cache_that_the_disk_damaged_is_fetched_anew(client, make, tmp_path):
    make().read(1, 0, 1)
    (name,) = list_cache(tmp_path)
    (tmp_path / "cache/bneck/shards" / name).write_bytes(b"\0" * 1000)
    assert make().read(1, 0, 2) == b"\1\1"
    assert client.asked == 2


def test_shards_in_a_folder_are_read_where_they_are(client, make, tmp_path):
    store = make(root=str(tmp_path))
    assert store.read(3, 0, 2) == b"\3\3"
    assert client.asked == store.count_fetched() == 0


def test_a_damaged_or_missing_shard_of_a_folder_is_named(make, tmp_path):
    store = make(root=str(tmp_path))
    (tmp_path / "0.bin").write_bytes(b"\0" * 998)
    (tmp_path / "1.bin").unlink()
    with pytest.raises(InputError, match=r"0.bin: holds 998 bytes, the index has 1000; expected the shard as"):
        store.read(0, 0, 1)
    with pytest.raises(InputError, match=r"1.bin: no such file"):
        store.read(1, 0, 1)


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_fails_while_a_shard_is_fetched_is_named_with_the_folder(client, make, tmp_path, error):
    client.errors = [OSError(error, os.strerror(error))]
    said = rf"cache/bneck/shards: {os.strerror(error).lower()}; expected room for s3://bucket/set/1.bin"
    with pytest.raises(RunError, match=said):
        make().read(1, 0, 4)
    assert list_cache(tmp_path) == []


def test_what_a_full_disk_said_to_a_loading_process_is_said_by_the_command(client, make):
    client.errors = [OSError(errno.ENOSPC, "No space left on device")] * 2
    with pytest.raises(RunError) as caught:
        list(DataLoader(Bytes(make()), num_workers=1))
    message, status = explain(caught.value)
    assert (message.partition(": ")[2].partition(";")[0], status) == ("no space left on device", 1)


def test_a_shard_that_is_a_pipe_or_a_folder_is_named(make, tmp_path):
    store = make(root=str(tmp_path))
    for number, create in enumerate((os.mkfifo, os.mkdir)):
        (tmp_path / f"{number}.bin").unlink()
        create(tmp_path / f"{number}.bin")
        with pytest.raises(InputError, match=rf"{number}.bin: .*expected the shard as tasks.shard wrote it"):
            store.read(number, 0, 1)


def test_a_shard_that_is_larger_than_its_index_says_is_not_fetched_whole(client, make, tmp_path):
    store = make()
    (tmp_path / "1.bin").write_bytes(bytes(2000))
    with pytest.raises(InputError, match=r"s3://bucket/set/1.bin: holds more than 1,000 bytes"):
        store.read(1, 0, 4)
    assert client.asked == 1


def test_bytes_beyond_the_end_of_a_shard_are_an_error(make, tmp_path):
    with pytest.raises(InputError, match="ends within"):
        make(root=str(tmp_path)).read(0, 990, 20)


def test_what_is_wanted_is_fetched_by_a_thread(client, make):
    store = make()
    store.want(2)
    store.want(2)
    find_fetcher().wait()
    assert client.asked == 1
    assert store.read(2, 0, 1) == b"\2"
    assert client.asked == 1


def test_of_what_cannot_be_fetched_ahead_nothing_is_said_until_it_is_read(client, make):
    client.errors = [RefusedError("Not Found")] * 2
    store = make()
    store.want(2)
    find_fetcher().wait()
    with pytest.raises(InputError, match="Not Found"):
        store.read(2, 0, 1)
    assert store.read(2, 0, 1) == b"\2"

"""What an index may say: it is read from wherever its owner likes, and names files of this machine's cache."""

import msgspec
import pytest

from data.errors import InputError
from data.shards.index import INDEX, VERSION, File, Index, hash_index, parse_index

HASH = "0" * 64


def encode(**shard: object) -> bytes:
    """Return an index of one shard, with the hash that fits it."""
    shards = [File(**{"file": "chunk-0-0.bin", "bytes": 9, "sha256": HASH, **shard})]
    samples = File("samples.safetensors", 9, HASH)
    index = Index(
        version=VERSION, holds="boxes", classes={}, source="", images=1, samples=samples, shards=shards, sha256=HASH
    )
    index.sha256 = hash_index(index)
    return msgspec.json.encode(index)


def test_an_index_is_read_as_it_was_written():
    assert parse_index(encode(), INDEX).shards == [File("chunk-0-0.bin", 9, HASH)]


@pytest.mark.parametrize("name", ["", "0" * 63, "/home/me/.ssh/id_rsa", "../../notes.txt", f"{HASH}\n"])
def test_a_hash_that_is_none_names_no_file(name):
    with pytest.raises(InputError, match=r"sha256.*expected what tasks.shard writes"):
        parse_index(encode(sha256=name), INDEX)


@pytest.mark.parametrize("name", ["../val/chunk-0-0.bin", "/etc/passwd", "", "..", "a\0"])
def test_a_file_of_another_folder_is_refused(name):
    with pytest.raises(InputError, match=r"file.*expected what tasks.shard writes"):
        parse_index(encode(file=name), INDEX)


@pytest.mark.parametrize("size", [-1, 2**33 + 1, 10**30])
def test_a_size_that_no_file_has_is_refused(size):
    with pytest.raises(InputError, match=r"expected what tasks.shard writes"):
        parse_index(encode(bytes=size), INDEX)

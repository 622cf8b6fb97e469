"""What a file of weights says of itself is looked at before it is read."""

import json
import resource
import struct
import zipfile

import pytest
import torch
from safetensors.torch import save_file

from data.errors import InputError
from tasks.models.pretrained.bounds import list_entries
from tasks.models.pretrained.state_files import load_pickled, read_state_file
from tests.hostile import weights


def test_the_directory_of_an_archive_is_that_which_python_reads(tmp_path):
    torch.save({"state_dict": {"a": torch.zeros(1000)}}, tmp_path / "a.ckpt")
    with zipfile.ZipFile(tmp_path / "a.ckpt") as archive, (tmp_path / "a.ckpt").open("rb") as file:
        expected = [(entry.filename, entry.file_size) for entry in archive.infolist()]
        assert list(list_entries(file, (tmp_path / "a.ckpt").stat().st_size)) == expected
    assert load_pickled(tmp_path / "a.ckpt")["state_dict"]["a"].shape == (1000,)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("write", "name", "message"),
    [
        (weights.write_bomb, "bomb.ckpt", "unpacked it takes over"),
        (weights.write_pickle_bomb, "bomb.ckpt", "bytes of values that are no tensors; expected at most"),
        (weights.write_overlap, "bomb.ckpt", "directory of its archive is damaged|unpacked it takes over"),
        (weights.write_two_directories, "bomb.ckpt", "the directory of its archive is damaged"),
        (weights.write_sparse, "big.ckpt", r"1,099,511,627,776 bytes; expected at most"),
        (
            weights.header("{}", length=2**63),
            "evil.safetensors",
            "bytes of header follow; expected at most the 2 there",
        ),
        (weights.header('{"a":' + "[" * 99), "evil.safetensors", "nested 100 levels deep"),
        (weights.metadata("[" * 99), "evil.safetensors", "nested 99 levels deep"),
        (weights.saved(weights.view), "evil.ckpt", "says that it holds 1,000,000,000,000 numbers"),
        (weights.saved(weights.nest), "evil.ckpt", "nested more than 50 levels deep"),
        (weights.saved(weights.loop), "evil.ckpt", "or inside themselves"),
    ],
)
def test_what_would_fill_the_memory_is_refused_before_it_does(write, name, message, tmp_path):
    write(tmp_path, tmp_path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match=rf"{name}: .*(?:{message})"):
        read_state_file(tmp_path / name)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB


def test_a_header_of_any_length_is_not_read(tmp_path):
    text = json.dumps({"__metadata__": {"x": "y" * 20_000_000}}).encode()
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", len(text)) + text)
    with pytest.raises(InputError, match=r"a header of 20,000,\d+ bytes; expected at most 16,777,216"):
        read_state_file(tmp_path / "a.safetensors")


def test_sound_files_are_read_as_they_were(tmp_path):
    save_file({"a": torch.ones(3)}, tmp_path / "a.safetensors", {"format": "pt"})
    assert read_state_file(tmp_path / "a.safetensors").tensors["a"].tolist() == [1, 1, 1]
    half = torch.ones(4, 2).t()  # not contiguous, and yet whole
    torch.save({"a": half, "b": torch.tensor(3)}, tmp_path / "a.pth")
    torch.save({"a": half}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert set(read_state_file(tmp_path / "a.pth").tensors) == {"a", "b"}
    assert read_state_file(tmp_path / "old.pth").tensors["a"].shape == (2, 4)

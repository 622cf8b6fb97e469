import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from data.errors import InputError
from tasks.models.checkpoint import load_checkpoint, save_safetensors, store_thresholds
from tasks.models.pretrained.state_files import read_state_file
from tasks.models.seals import check_seal, pack_checkpoint, pack_safetensors
from tests.support.untrained import write_untrained

TENSORS = {"b.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(3, dtype=torch.float16)}
CONTENT = {"state_dict": TENSORS, "bneck": {"version": 2}, "global_step": 4}
METADATA = {"bneck": '{"version": 2}'}


def write(path: Path) -> bytes:
    """Write a file of two tensors, and return what is in it."""
    content = pack_safetensors(TENSORS, METADATA) if path.suffix == ".safetensors" else pack_checkpoint(CONTENT)
    path.write_bytes(content)
    return bytes(content)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.ckpt", "a.safetensors"])
def test_every_single_bit_of_a_file_is_looked_after(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    good, passed = write(path), []
    assert check_seal(path)
    for bit in range(8 * len(good)):
        flipped = bytearray(good)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            read_state_file(path)
            passed.append(bit)
        except InputError as error:
            passed += [] if str(error).startswith(f"{path}: ") else [bit]
    assert not passed


@pytest.mark.parametrize("name", ["a.ckpt", "a.safetensors"])
@pytest.mark.parametrize("change", [lambda content: content[:-5], lambda content: content + b"more"])
def test_a_file_that_is_shorter_or_longer_than_it_was_is_refused(name: str, change, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(change(write(path)))
    with pytest.raises(InputError, match=f"{path}: .*damaged|not a readable"):
        read_state_file(path)


def test_other_programs_open_the_files_as_before(tmp_path: Path) -> None:
    write(tmp_path / "a.ckpt")
    write(tmp_path / "a.safetensors")
    for options in ({}, {"mmap": True}):
        loaded = torch.load(tmp_path / "a.ckpt", weights_only=True, **options)
        assert torch.equal(loaded["state_dict"]["b.weight"], TENSORS["b.weight"])
    with safe_open(tmp_path / "a.safetensors", framework="pt") as file:
        assert file.metadata()["bneck"] == METADATA["bneck"]
        assert torch.equal(file.get_tensor("a.bias"), TENSORS["a.bias"])


def test_files_without_a_checksum_are_read_as_they_are(tmp_path: Path) -> None:
    torch.save(TENSORS, tmp_path / "new.pth")
    torch.save(TENSORS, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    save_file(TENSORS, tmp_path / "a.safetensors", metadata={"format": "pt"})
    for path in tmp_path.iterdir():
        assert not check_seal(path)
        assert read_state_file(path).tensors.keys() == TENSORS.keys()


def test_the_same_model_is_the_same_file() -> None:
    files = {pack_safetensors(TENSORS, dict(pairs)) for pairs in (METADATA.items(), reversed(METADATA.items()))}
    assert len(files) == 1
    length = int.from_bytes(next(iter(files))[:8], "little")
    assert length % 8 == 0


def test_stored_thresholds_renew_the_checksum(tmp_path: Path) -> None:
    path = write_untrained("ssdlite", tmp_path)
    description, weights = load_checkpoint(path)
    checkpoint = tmp_path / "best.ckpt"
    checkpoint.write_bytes(pack_checkpoint({"state_dict": weights, "bneck": description.to_dict()}))
    for file in (path, checkpoint):
        store_thresholds(file, (0.1, 0.2, 0.3))
        assert check_seal(file)
        assert load_checkpoint(file)[0].thresholds == (0.1, 0.2, 0.3)


def test_a_disk_that_fails_in_between_leaves_the_model_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_untrained("ssdlite", tmp_path)
    shutil.copy(path, tmp_path / "copy")
    description, weights = load_checkpoint(path)

    def fail(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        save_safetensors(path, description, weights)
    assert path.read_bytes() == (tmp_path / "copy").read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["copy", "ssdlite.safetensors"]

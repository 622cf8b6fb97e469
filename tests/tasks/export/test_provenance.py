"""Where the weights of an export come from."""

import hashlib
from pathlib import Path

import pytest
import torch

from tasks.export.provenance import FILE, find_origin, write_provenance
from tasks.models.pretrained.published import WHOLE
from tests.support.exports import describe_small


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_published_weights_are_named_with_their_address_and_checksum(name, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    file = tmp_path / "checkpoints" / WHOLE[name].url.rpartition("/")[2]
    file.parent.mkdir()
    file.write_bytes(b"weights")
    origin = find_origin(Path(name))
    assert origin == (file.name, hashlib.sha256(b"weights").hexdigest(), WHOLE[name].url)
    write_provenance(tmp_path, describe_small("ssdlite"), checkpoint=Path(name), origin=origin)
    text = (tmp_path / FILE).read_text()
    assert WHOLE[name].url in text
    assert origin.sha256 in text
    assert "BSD-3-Clause (torchvision)" in text


def test_a_run_is_named_by_its_file(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"own")
    origin = find_origin(tmp_path / "model.safetensors")
    assert origin == ("model.safetensors", hashlib.sha256(b"own").hexdigest(), "a run of Bneck")

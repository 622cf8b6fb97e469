import json
from pathlib import Path

import pytest
import torch

from data.errors import InputError
from tasks.models.seals import pack_checkpoint
from tasks.runs.manifest import NEWER, find_faults, list_files, read_manifest, record_change, record_file, record_files


def write(out: Path) -> Path:
    """Write a run's folder of three files, with a manifest."""
    (out / "checkpoints").mkdir()
    (out / "checkpoints/last.ckpt").write_bytes(pack_checkpoint({"state_dict": {"a": torch.zeros(3)}}))
    (out / "metrics.json").write_text("{}")
    (out / "curves.png").write_bytes(b"curves")
    record_files(out, list_files(out))
    return out


def test_a_manifest_lists_each_file_with_its_size_and_hash(tmp_path: Path) -> None:
    write(tmp_path)
    for name in (".lock", ".bneck-part-0123.json", "wandb/run.log"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.name for path in list_files(tmp_path)] == ["last.ckpt", "curves.png", "metrics.json"]
    files = json.loads((tmp_path / "manifest.json").read_text())["files"]
    assert list(files) == ["checkpoints/last.ckpt", "curves.png", "metrics.json"]
    assert files["metrics.json"]["bytes"] == 2
    assert files["metrics.json"]["sha256"].startswith(
        "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    )
    assert not find_faults(tmp_path)


def test_each_file_that_is_missing_or_another_is_named(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "curves.png").write_bytes(b"curvez")
    (tmp_path / "metrics.json").unlink()
    checkpoint = tmp_path / "checkpoints/last.ckpt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1])
    faults = {path.name: fault.split(":")[0] for path, fault in find_faults(tmp_path).items()}
    assert faults == {"curves.png": "changed", "metrics.json": "missing", "last.ckpt": "damaged"}


def test_a_checkpoint_that_a_cut_run_has_written_after_its_manifest_is_no_damage(tmp_path: Path) -> None:
    write(tmp_path)
    path = tmp_path / "checkpoints/last.ckpt"
    path.write_bytes(pack_checkpoint({"state_dict": {"a": torch.ones(3)}}))
    assert find_faults(tmp_path) == {path: NEWER}
    record_file(tmp_path, path)
    assert not find_faults(tmp_path)


def test_a_tensor_file_beside_the_manifest_is_looked_at_too(tmp_path: Path) -> None:
    content = bytearray(pack_checkpoint({"state_dict": {"a": torch.zeros(3)}}))
    content[99] ^= 1
    (write(tmp_path) / "checkpoints/best.ckpt").write_bytes(content)
    assert [path.name for path in find_faults(tmp_path)] == ["best.ckpt"]


@pytest.mark.parametrize("name", ["metrics.json", "checkpoints/last.ckpt"])
def test_a_file_that_a_later_command_changes_is_noted_where_it_is_listed(name: str, tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / name).write_bytes(pack_checkpoint({"more": 1}))
    record_change(tmp_path / name)
    assert not find_faults(tmp_path)
    (tmp_path / "new.json").touch()
    record_change(tmp_path / "new.json")
    assert "new.json" not in (tmp_path / "manifest.json").read_text()


def test_a_manifest_of_another_form_is_refused(tmp_path: Path) -> None:
    (write(tmp_path) / "manifest.json").write_text(json.dumps({"files": {"metrics.json": 5}}))
    with pytest.raises(InputError, match=r"manifest.json: files.metrics.json: 5; expected"):
        find_faults(tmp_path)


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd"])
def test_a_manifest_that_names_files_outside_of_the_run_is_refused(name: str, tmp_path: Path) -> None:
    entry = {"bytes": 1, "sha256": "0"}
    (write(tmp_path) / "manifest.json").write_text(json.dumps({"files": {name: entry}}))
    with pytest.raises(InputError, match=f"manifest.json: files.{name}: .*; expected a size and hash of a file inside"):
        find_faults(tmp_path)


def test_a_manifest_that_cannot_be_read_costs_nobody_the_checkpoint(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path) / "checkpoints/last.ckpt"
    (tmp_path / "manifest.json").write_text("{")
    record_change(path)
    assert "its entries are left out" in caplog.text
    record_file(tmp_path, path)
    assert list(read_manifest(tmp_path)) == ["checkpoints/last.ckpt"]


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no manifest\.json; expected the folder of a run"):
        find_faults(tmp_path)

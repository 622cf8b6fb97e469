"""What several processes cannot train is refused by name."""

from pathlib import Path

import pytest

from data.dealing import Share
from data.errors import InputError
from tasks.train import shares
from tasks.train.shares import check_several, check_shares
from tests.support.runs import small_run


@pytest.mark.parametrize(
    ("task", "option", "why"),
    [
        ("lraspp", "loss.lovasz=1.0", "sorts the scores of all pixels of a batch, which 2 processes cannot"),
        ("ssdlite", "find=lr", "of one process, here 2; expected one"),
    ],
)
def test_what_one_process_alone_does_is_refused(
    task: str, option: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small_run(task, tmp_path / "run", option)
    check_several(config)
    monkeypatch.setattr(shares, "count", lambda: 2)
    with pytest.raises(InputError, match=f"{option}: {why}"):
        check_several(config)


def test_batch_norm_over_processes_needs_gpus(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"trainer\.sync_batchnorm=true: 1 process"):
        check_several(small_run("ssdlite", tmp_path / "run", "trainer.sync_batchnorm=true"))


def test_a_process_needs_two_images_of_each_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = small_run("ssdlite", tmp_path / "run", "batch_size=5")
    monkeypatch.setattr(shares, "find_share", lambda: Share(0, 2))
    check_shares(config, images=20)
    for images, world in ((20, 3), (3, 2)):
        monkeypatch.setattr(shares, "find_share", lambda world=world: Share(0, world))
        with pytest.raises(InputError, match=rf"batch_size: {min(5, images)} images for {world} processes"):
            check_shares(config, images=images)
    check_shares(small_run("ssdlite", tmp_path / "run", "batch_size=5", "quantize=int8", "weights=a"), images=3)

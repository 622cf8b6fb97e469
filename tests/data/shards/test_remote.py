"""Training from object storage, a real S3 server: the same as from files, whatever becomes of the server meanwhile."""

import shutil
import threading
import time
from pathlib import Path

import pytest

from benchmarks.faults.likeness import compare
from data.errors import InputError
from data.storage import find_cloud
from tasks.evaluate.command import evaluate
from tasks.train.command import train
from tests.support.cut_runs import STEPWISE, cut
from tests.support.runs import load_config, small_run
from tests.support.s3_server import Server, running
from tests.support.several import run, several
from tests.support.shards import SMALL, write_shards

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("blank_figures")]
TASKS = ("ssdlite", "lraspp", "classify")
SCENES = "dataset.scenes={train: 24, val: 6}"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("moto")
    (tmp_path / "buckets/data").mkdir(parents=True)
    with running(tmp_path / "buckets") as server:
        for name, value in server.variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        find_cloud.cache_clear()  # it would ask the server of the test before
        yield server


def from_files(task: str, tmp_path: Path, *options: str):
    return small_run(task, tmp_path / "files", SCENES, *options)


def from_shards(task: str, out: Path, *options: str, root: str = "s3://data/set"):
    given = [option for option in small_run_options(task, out) if not option.startswith("dataset.scenes")]
    return load_config("train", *given, "dataset=stream", f"dataset.root={root}", "dataset.timeout=90", *options)


def small_run_options(task: str, out: Path) -> list[str]:
    """Return the options of a small run, as `small_run` has them."""
    crop = ["dataset.crop=[256,384]"]  # that of the synthetic set
    config = small_run(task, out, SCENES)
    assert config.out == out
    return [*SMALL_RUN.format(task=task, out=out).split("|"), *crop]


SMALL_RUN = (
    "task={task}|backbone=small|dataset.workers=0|size=[64,96]|batch_size=3|model.bn_momentum=0.1|trainer.max_epochs=2|"
    "trainer.accelerator=cpu|trainer.progress_bar=false|trainer.log_images=0|logger=csv|out={out}"
)


def shard_synthetic(task: str, tmp_path: Path, out: str = "s3://data/set", *, bytes_each: int = 3 * SMALL) -> None:
    options = (f"task={task}", "dataset=synthetic", f"dataset.root={tmp_path / 'synthetic'}", SCENES)
    write_shards(out, *options, bytes_each=bytes_each)


@pytest.mark.parametrize("task", TASKS)
def test_training_and_evaluation_are_those_of_the_files(task: str, tmp_path: Path, server: Server) -> None:
    train(from_files(task, tmp_path))
    shard_synthetic(task, tmp_path)
    train(from_shards(task, tmp_path / "shards", "dataset.workers=2"))
    assert compare(tmp_path / "files", tmp_path / "shards", ignored=".dataset.") == ""
    for name, options in (("files", ()), ("shards", ("dataset=stream", "dataset.root=s3://data/set"))):
        out = f"out={tmp_path / 'evaluated' / name}"
        evaluate(load_config("evaluate", f"checkpoint={tmp_path / 'files/model.safetensors'}", *options, out))
    one, two = ((tmp_path / "evaluated" / name / "metrics.json").read_bytes() for name in ("files", "shards"))
    assert one == two


@pytest.mark.parametrize("task", TASKS)
def test_a_run_cut_in_an_epoch_goes_on_bit_for_bit(task: str, tmp_path: Path, server: Server) -> None:
    shard_synthetic(task, tmp_path)
    train(from_shards(task, tmp_path / "whole", "dataset.shuffle_block=5"))
    cut(from_shards(task, tmp_path / "cut", "dataset.shuffle_block=5", "dataset.workers=2", STEPWISE), saves=3)
    shutil.rmtree(tmp_path / "cache/bneck/shards")
    train(load_config("train", f"resume={tmp_path / 'cut'}"))
    assert compare(tmp_path / "whole", tmp_path / "cut", ignored=".dataset.") == ""


def test_a_server_that_is_killed_and_started_again_changes_nothing(tmp_path: Path, server: Server) -> None:
    shard_synthetic("ssdlite", tmp_path, str(server.folder / "data/set"), bytes_each=SMALL)
    server.stop()
    server.start()  # with the shards
    train(from_shards("ssdlite", tmp_path / "whole", "dataset.workers=2"))
    shutil.rmtree(tmp_path / "cache/bneck/shards")
    there: list[int] = []
    killer = threading.Thread(target=kill_after_a_shard, args=(server, tmp_path / "cache/bneck/shards", there))
    killer.start()
    train(from_shards("ssdlite", tmp_path / "cut", "dataset.workers=2"))
    killer.join()
    assert compare(tmp_path / "whole", tmp_path / "cut", ignored=".dataset.") == ""
    assert len(list((tmp_path / "cache/bneck/shards").iterdir())) > there[0] > 0


def kill_after_a_shard(server: Server, cache: Path, there: list[int]) -> None:
    """Kill a server once it has given one shard, start it again after some seconds, and note what was there by then."""
    while not any(path.suffix != ".part" for path in cache.glob("*")):
        time.sleep(0.001)
    server.stop()
    time.sleep(4)
    there.append(len([path for path in cache.iterdir() if path.suffix != ".part"]))
    server.start()


def test_two_processes_train_as_they_do_from_files(tmp_path: Path, server: Server) -> None:
    shard_synthetic("ssdlite", tmp_path)
    options = SMALL_RUN.format(task="ssdlite", out="{}").replace("batch_size=3", "batch_size=6").split("|")
    files = ("dataset=synthetic", f"dataset.root={tmp_path / 'synthetic'}", SCENES)
    shards = ("dataset=stream", "dataset.root=s3://data/set", "dataset.crop=[256,384]")
    for name, data in (("files", files), ("shards", shards)):
        given = [option.format(tmp_path / name) for option in options]
        run(several(2, "tasks.train", *given, *data), CUDA_VISIBLE_DEVICES="")
    assert compare(tmp_path / "files", tmp_path / "shards", ignored=".dataset.") == ""


def test_a_damaged_shard_ends_the_run_and_is_named(tmp_path: Path, server: Server) -> None:
    shard_synthetic("ssdlite", tmp_path, str(server.folder / "data/set"), bytes_each=SMALL)
    path = server.folder / "data/set/train/chunk-0-2.bin"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    server.stop()
    server.start()
    with pytest.raises(InputError, match=r"s3://data/set/train/chunk-0-2.bin: SHA-256 is"):
        train(from_shards("ssdlite", tmp_path / "run"))


def test_an_address_in_use_is_not_written_over(tmp_path: Path, server: Server) -> None:
    shard_synthetic("classify", tmp_path)
    with pytest.raises(InputError, match=r"out: s3://data/set/train/shards.json exists; expected a new name"):
        shard_synthetic("classify", tmp_path)

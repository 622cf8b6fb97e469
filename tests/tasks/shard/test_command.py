import json
from pathlib import Path

import pytest

from data.errors import InputError
from data.findings import refuse
from tasks.shard import writing
from tasks.task import KINDS
from tests.support.commands import run_command
from tests.support.shards import SETS, write_files, write_shards


@pytest.mark.parametrize("task", SETS)
def test_litdata_itself_reads_the_shards(tmp_path, task):
    options = write_files(task, tmp_path / "files")
    config = write_shards(tmp_path / "shards", *options)
    from litdata import StreamingDataset

    kind = next(kind for kind in KINDS.values() if kind.recipe == task)
    reader = kind.parts.open_reader(config, "train", classes=None, report=refuse)
    items = list(StreamingDataset(str(tmp_path / "shards/train"), shuffle=False))
    assert len(items) == len(reader)
    for index, (image, mask, values) in enumerate(items):
        assert bytes(image) == reader.files.open(index).getvalue()
        assert bool(len(mask)) == (task == "lraspp")
        assert json.loads(bytes(values)) == kind.parts.pack(reader).describe(index)


def test_shards_of_shards_are_the_same(tmp_path):
    first = write_shards(tmp_path / "one", *write_files("ssdlite", tmp_path / "files"))
    write_shards(tmp_path / "two", "task=ssdlite", "dataset=stream", f"dataset.root={first.root}")
    for split in ("train", "val"):
        one, two = (json.loads((tmp_path / name / split / "shards.json").read_text()) for name in ("one", "two"))
        assert one["shards"] == two["shards"]
        assert one["samples"] == two["samples"]


def test_the_images_to_train_on_may_be_written_in_a_random_order(tmp_path):
    options = write_files("classify", tmp_path / "files")
    configs = [write_shards(tmp_path / name, *options, *more) for name, more in (("a", ()), ("b", ("shuffle=1",)))]
    parts = KINDS["classification"].parts
    plain, mixed = (parts.open_reader(config, "train", classes=None, report=refuse) for config in configs)
    assert plain.names.tolist() != mixed.names.tolist()
    assert sorted(plain.names.tolist()) == sorted(mixed.names.tolist())
    for index, name in enumerate(mixed.names.tolist()):
        assert (mixed[index].image == plain[plain.names.tolist().index(name)].image).all()
    evaluated = [parts.open_reader(config, "val", classes=None, report=refuse).names.tolist() for config in configs]
    assert evaluated[0] == evaluated[1]


def test_a_run_that_fails_leaves_nothing(tmp_path, monkeypatch):
    options = write_files("ssdlite", tmp_path / "files")

    def fail(*given):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("tasks.shard.command.write_index", fail)
        with pytest.raises(KeyboardInterrupt):
            write_shards(tmp_path / "shards", *options)
    assert not (tmp_path / "shards").exists()
    write_shards(tmp_path / "shards", *options)


def test_nothing_is_written_over(tmp_path):
    options = write_files("ssdlite", tmp_path / "files")
    write_shards(tmp_path / "shards", *options)
    with pytest.raises(InputError, match="exists and is not empty"):
        write_shards(tmp_path / "shards", *options)


def test_a_chunk_in_another_form_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "PARTS", 2)
    with pytest.raises(RuntimeError, match="LitData wrote a chunk in another form"):
        write_shards(tmp_path / "shards", *write_files("ssdlite", tmp_path / "files"))


def test_without_litdata_one_line_says_how_to_install_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(writing, "find_spec", lambda name: None)
    options = write_files("ssdlite", tmp_path / "files")
    ended = run_command("shard", *options, f"out={tmp_path / 'shards'}", monkeypatch=monkeypatch, capsys=capsys)
    assert ended.status == 2
    assert ended.said.strip() == "error: tasks.shard: litdata is not installed; pip install 'bneck[stream]' does it"


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("shard_mb=0", "shard_mb: 0; expected an integer from 1 to 2000"),
        ("shuffle=-1", "shuffle: -1; expected an integer from 0, or null"),
        ("out=http://host/set", "out: http://host/set; expected s3://BUCKET/NAME, gs://BUCKET/NAME or a path"),
        ("out=gs://bucket/set", "error: gs://bucket/set: "),  # no package, or no credentials
    ],
)
def test_a_wrong_option_is_one_line(tmp_path, option, message, monkeypatch, capsys):
    pytest.importorskip("litdata")
    options = [*write_files("ssdlite", tmp_path / "files"), f"out={tmp_path / 'shards'}", option]
    ended = run_command("shard", *options, monkeypatch=monkeypatch, capsys=capsys)
    assert ended.status == 2
    assert message in ended.said
    assert not Path(tmp_path / "shards").exists()

"""Options stay the text that was typed where they are text, and become numbers where they are numbers."""

from operator import attrgetter
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from PIL import Image

from data.errors import InputError
from tasks.cli.options import keep_text
from tasks.parsing import to_plain
from tasks.train import plan
from tests.support.commands import run_command
from tests.support.runs import KINDS, REQUIRED, load_config
from tests.support.untrained import write_untrained

MASKS = ("task=lraspp", "dataset=masks")
ODD_NAMES = {"1_0": 1, "null": 2, "a b": 3, "a:b": 4}


@pytest.mark.parametrize(
    ("command", "typed", "where", "value"),
    [
        ("train", ("out=2024_05_18",), "out", Path("2024_05_18")),
        ("train", ("out=1e3",), "out", Path("1e3")),
        ("train", ("out=true",), "out", Path("true")),
        ("train", ("out=null",), "out", Path("null")),
        ("train", ("out='2024_05_18'",), "out", Path("2024_05_18")),
        ("train", ('out="1e3"',), "out", Path("1e3")),
        ("train", ("out=a,b",), "out", Path("a,b")),
        ("train", ("++out=1_0",), "out", Path("1_0")),
        ("train", ("weights=imagenet", "freeze=3"), "freeze", "3"),
        ("train", ("weights=1.50",), "weights", "1.50"),
        ("train", ("weights=null",), "weights", None),
        ("train", ("resume=null",), "resume", None),
        ("train", ("logger=[csv,wandb]",), "logger", ("csv", "wandb")),
        ("train", ("distill.teacher=1e3",), "distill.teacher", "1e3"),
        ("predict", ("source=20240517",), "source", "20240517"),
        ("predict", ("checkpoint=007",), "checkpoint", Path("007")),
        ("predict", ("classes=[0]",), "classes", ("0",)),
        ("predict", ("classes=['0',a b,1_0]",), "classes", ("0", "a b", "1_0")),
        ("predict", ("classes=[]",), "classes", ()),
        ("predict", ("classes=null",), "classes", None),
        ("train", ("dataset.root=2024_05_17",), "dataset.root", "2024_05_17"),
        ("train", ("dataset.train=2017",), "dataset.train", "2017"),
        ("train", (*MASKS, "dataset.names=[0,1]"), "dataset.names", ("0", "1")),
        ("train", (*MASKS, "dataset.names=[yes,null,true]"), "dataset.names", ("yes", "null", "true")),
        ("train", (*MASKS, "dataset.names=null"), "dataset.names", None),
        ("train", (*MASKS, "dataset.palette={0: 1, road: [1,2,3]}"), "dataset.palette", {"0": 1, "road": (1, 2, 3)}),
        ("train", (*MASKS, "dataset.palette={ 1_0 : 1, null: 2, a b: 3, a\\:b: 4}"), "dataset.palette", ODD_NAMES),
        ("evaluate", ("dataset.root=2024_05_17",), "dataset.changes", {"root": "2024_05_17"}),
    ],
)
def test_a_text_stays_what_was_typed(command: str, typed: tuple[str, ...], where: str, value: object) -> None:
    assert attrgetter(where)(load_config(command, *REQUIRED.get(command, ()), *typed)) == value


@pytest.mark.parametrize(
    ("command", "typed", "where", "value"),
    [
        ("train", "batch_size=1_6", "recipe.batch_size", 16),
        ("train", "lr=1e-2", "recipe.lr", 0.01),
        ("train", "size=[64,96]", "recipe.size", (64, 96)),
        ("train", "dataset.scenes={train: 6, val: 4}", "dataset.scenes", {"train": 6, "val": 4}),
        ("train", "trainer.compile=true", "trainer.compile", True),
        ("train", "overfit=null", "overfit", None),
        ("predict", "tile=640", "tile", 640),
        ("predict", "threshold=1", "threshold", 1),
        ("benchmark", "table=8", "table", 8),
    ],
)
def test_a_number_stays_a_number(command: str, typed: str, where: str, value: object) -> None:
    found = attrgetter(where)(load_config(command, *REQUIRED.get(command, ()), typed))
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("argument", ["task=ssdlite", "~weights", "hydra.verbose=true", "out=${seed}", "out="])
def test_what_is_no_option_of_text_goes_to_hydra_as_it_is(argument: str) -> None:
    assert keep_text(argument, KINDS["train"]) == argument


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("dataset.names=[[a]]", r"dataset\.names: \[\['a'\]\]; expected a list of strings or null"),
        ("logger=csv,wandb", r"logger: unknown 'csv,wandb'; .*logger=\[csv,wandb\]"),
        ("dataset.workers=two", r"dataset\.workers: 'two'; expected an integer or null"),
        ("preprocessing.std=[0.5]", r"preprocessing\.std: \[0\.5\]; expected \[a number, a number, a number\]"),
        ("model.width=wide", r"model\.width: 'wide'; expected a number"),
        ("augmentation.color=2", r"augmentation\.color: 2; expected 0 to 1"),
        ("optimizer.momentum=1", r"optimizer\.momentum: 1; expected 0 to below 1"),
        ("distill.weight=-1", r"distill\.weight: -1; expected a number from 0"),
        ("model.head=yolo", r"model\.head: unknown 'yolo'; choose from"),
    ],
)
def test_an_option_is_refused_by_its_own_name(option: str, message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}"):
        load_config("train", *MASKS, option)


def test_text_that_looks_like_a_number_survives_the_file_of_a_run(tmp_path: Path) -> None:
    config = load_config("train", *MASKS, "out=2024_05_18", "weights=1e3", "dataset.names=[0,yes,null,1_0]")
    OmegaConf.save(to_plain(config), tmp_path / "config.yaml")
    assert plan.load_config(tmp_path / "config.yaml") == config


def test_a_command_writes_into_the_folder_that_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_untrained("lraspp", tmp_path)
    Image.new("RGB", (64, 48)).save(tmp_path / "20240517.png")
    monkeypatch.chdir(tmp_path)
    options = ("checkpoint=lraspp.safetensors", "source=20240517.png", "out=2024_05_18", "accelerator=cpu")
    ended = run_command("predict", *options, monkeypatch=monkeypatch, capsys=capsys)
    assert ended.status == 0, ended.said
    assert (tmp_path / "2024_05_18/predictions/20240517.png").is_file()
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["2024_05_18"]

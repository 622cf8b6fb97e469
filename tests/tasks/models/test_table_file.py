import re
from dataclasses import replace
from pathlib import Path

import pytest

from backbones.mobilenetv3 import vary
from backbones.tables import TABLES
from data.errors import InputError
from tasks.evaluate.command import evaluate
from tasks.inference.loading import load_description
from tasks.models.architecture import Arch
from tasks.models.checkpoint import save_safetensors
from tasks.models.network import build_model, resolve_table
from tasks.models.table_file import TableFile, format_table, read_table
from tasks.train.command import train
from tests.support.runs import load_config, small_run
from tests.support.starts import describe_run, start

TABLE = Path(__file__).parents[2] / "support/table.yaml"
ROW = "{kernel: 5, exp_size: 96, out: 32, SE: true, NL: HS, s: 2}"


def edit(tmp_path: Path, old: str, new: str) -> Path:
    text = TABLE.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "own.yaml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["large", "small"])
def test_published_rows_survive_the_file(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(format_table(TableFile(TABLES[name], {"lraspp": 96})), encoding="utf-8")
    assert read_table(path) == TableFile(TABLES[name], {"lraspp": 96})


@pytest.mark.parametrize("options", [{}, {"width": 0.75}, {"halving": "detection"}, {"minimalistic": True}])
@pytest.mark.parametrize("head", ["ssdlite", "lraspp", "classifier"])
def test_rows_written_out_build_the_network_that_they_are_of(head: str, options: dict[str, object]) -> None:
    named = Arch(head, "small", 3, **options)  # type: ignore[arg-type]
    extras = build_model(named).head.channels if head == "ssdlite" else None
    own = Arch(head, "table", 3, table=resolve_table(named), extras=extras)
    shapes = [{name: x.shape for name, x in build_model(arch).state_dict().items()} for arch in (named, own)]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("exp_size: 72, ", "", "rows.2.exp_size: missing; expected kernel, exp_size, out, SE, NL, s"),
        ("out: 32, SE: true, NL: HS, s: 2", "out: 32, SE: true, NL: GELU, s: 2", "rows.4.NL: unknown 'GELU'"),
        (ROW, ROW.replace("s: 2", "s: 1"), "rows: the stem's stride of 2 and their s make 16; expected 32"),
        (ROW, ROW.replace("s: 2", "s: 3"), "rows.4.s: unknown 3; choose from 1, 2"),
        (ROW, ROW.replace("out: 32", "out: -8"), "rows.4.out: -8; expected an integer from 1"),
        (ROW, ROW.replace("out: 32", "out: many"), "rows.4.out: 'many'; expected an integer"),
        (ROW, ROW.replace("kernel: 5", "kernel: 4"), "rows.4.kernel: unknown 4; choose from 3, 5, 7"),
        (ROW, ROW.replace("SE: true", "SE: 1"), "rows.4.SE: 1; expected true or false"),
        (ROW, "bneck", "rows.4: 'bneck'; expected kernel, exp_size"),
        (ROW, ROW.replace("s: 2", "s: 2, dilation: 2"), "rows.4.dilation: unknown; expected kernel"),
        ("stem: 16", "stems: 16", "stem: missing; expected rows, last, hidden, stem, NL"),
        ("last: 216", "last: 0", "last: 0; expected an integer from 1"),
        (
            "exp_size: 240, out: 40, SE: true, NL: HS, s: 2",
            "exp_size: 40, out: 40, SE: true, NL: HS, s: 2",
            "rows.9.exp",
        ),
        ("ssdlite: {extras", "ssd: {extras", "heads.ssd: "),
        ("[128, 256], ", "", "heads.ssdlite.extras: "),
    ],
)
def test_a_file_that_is_no_network_is_refused_by_file_and_field(old: str, new: str, said: str, tmp_path: Path) -> None:
    path = edit(tmp_path, old, new)
    with pytest.raises(InputError, match=f"^{re.escape(f'{path}: {said}')}"):
        load_config("train", f"backbone={path}")


@pytest.mark.parametrize("text", ["", "[1, 2]", "{", "rows: !!python/object:os.system {}"])
def test_a_file_that_is_no_table_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=f"^{re.escape(str(path))}: "):
        load_config("benchmark", f"backbone={path}")
    with pytest.raises(InputError, match=r"nowhere\.yaml"):
        load_config("train", "backbone=nowhere.yaml")


def test_rows_of_ones_own_are_neither_scaled_nor_halved() -> None:
    for option in ("model.width=0.5", "model.halving=detection", "model.minimalistic=true"):
        with pytest.raises(InputError, match=option.partition("=")[0]):
            load_config("train", f"backbone={TABLE}", option)


def test_the_channels_of_a_head_come_with_the_rows_that_they_were_made_for() -> None:
    own = load_config("benchmark", f"backbone={TABLE}").recipe.own
    assert own.model.extras == ((128, 256), (64, 128), (64, 120), (32, 64))
    assert own.model.table == vary(TABLES["small"], width=0.75, halving="detection")
    other = load_config("benchmark", "task=classify", f"backbone={TABLE}").recipe.own
    assert other.model.arch(3).extras is None


@pytest.mark.slow
def test_a_checkpoint_knows_its_rows_when_their_file_is_gone(tmp_path: Path, blank_figures: None) -> None:
    path = edit(tmp_path, "last: 216", "last: 200")
    config = small_run("ssdlite", tmp_path / "run", f"backbone={path}", "trainer.max_epochs=1")
    table = read_table(path).table
    metrics = train(config)
    path.unlink()
    checkpoint = tmp_path / "run/model.safetensors"
    assert load_description(checkpoint).arch.table == table
    found = evaluate(load_config("evaluate", f"checkpoint={checkpoint}", f"out={tmp_path / 'eval'}", "accelerator=cpu"))
    assert found["mAP"] == pytest.approx(metrics["mAP"], abs=1e-6)


def test_weights_of_the_same_rows_fit_whoever_named_them(tmp_path: Path) -> None:

    named = describe_run("task=ssdlite", "backbone=small", "model.halving=none")
    weights = build_model(named.arch).state_dict()
    save_safetensors(tmp_path / "a.safetensors", named, weights)
    path = tmp_path / "own.yaml"
    path.write_text(format_table(TableFile(TABLES["small"], {})), encoding="utf-8")
    _, model = start(str(tmp_path / "a.safetensors"), describe_run("task=ssdlite", f"backbone={path}"))
    assert all((model.state_dict()[name] == value).all() for name, value in weights.items())
    rows = (replace(TABLES["small"].rows[0], out=24), *TABLES["small"].rows[1:])
    path.write_text(format_table(TableFile(replace(TABLES["small"], rows=rows), {})), encoding="utf-8")
    with pytest.raises(InputError, match=r"row 1: .*out=16.* in the weights, .*out=24.* here"):
        start(str(tmp_path / "a.safetensors"), describe_run("task=ssdlite", f"backbone={path}"))

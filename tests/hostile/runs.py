"""Folders of runs that read what is not theirs, grow without end, or hold what no run writes."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.hostile.case import ALIASES, CANARY, DEEP, ESCAPES, NESTED, SECRET, Case, Text, pipe, text
from tests.hostile.weights import write_bomb
from tests.support.folders import CONFIG, write_run

REPORT = ("report", "{here}/run")
COMPARE = (
    "compare",
    "{here}/run",
    "{base}/run",
    "--per-class",
    "--html",
    "{here}/page.html",
    "--json",
    "{here}/o.json",
)
RESUME = ("train", "resume={here}/run")
RESOLVER = f"${{oc.env:{SECRET}}}"


def run_with(name: str, content: Text) -> Callable[[Path, Path], None]:
    """Write a run of which one file is hostile."""

    def write(here: Path, base: Path) -> None:
        write_run(here / "run")
        text(here / "run" / name, content)

    return write


def run_of(name: str, values: Any) -> Callable[[Path, Path], None]:
    return run_with(name, json.dumps(values))


def resumed(**changes: Any) -> Callable[[Path, Path], None]:
    """Write a run to go on with, some options of which are changed by their dotted names."""

    def write(here: Path, base: Path) -> None:
        values = json.loads((base / "config.json").read_text())
        for name, value in changes.items():
            *groups, last = name.split(".")
            place = values
            for group in groups:
                place = place[group]
            place[last] = value
        text(here / "run/config.yaml", json.dumps(values))
        text(here / "run/checkpoints/last.ckpt", "no checkpoint")

    return write


def write_evil_backbone(here: Path, base: Path) -> None:
    """S1: a name that is a path to a configuration with a resolver."""
    text(here / "evil.yaml", f"name: evil\nsecret: {RESOLVER}\n")
    away = os.path.relpath(here, Path(__file__).parents[2] / "conf/backbone")
    text(here / "run/config.yaml", json.dumps({**CONFIG, "model": {"head": "ssdlite", "backbone": f"{away}/evil"}}))
    text(here / "run/metrics.json", '{"mAP": 0.5}')


def link(name: str) -> Callable[[Path, Path], None]:
    """Write a run of which one file is a link to something private."""

    def write(here: Path, base: Path) -> None:
        write_run(here / "run")
        text(here / "private", json.dumps({"mAP": 0.5, "secret": "not-for-anyone-91823"}))
        (here / "run" / name).unlink(missing_ok=True)
        (here / "run" / name).symlink_to(here / "private")

    return write


def link_picture(here: Path, base: Path) -> None:
    write_run(here / "run")
    (here / "run/samples").mkdir()
    (here / "run/samples/1.jpg").symlink_to(base / "photo.jpg")


def pipes(here: Path, base: Path) -> None:
    write_run(here / "run")
    for name in ("metrics.json", "logs/start_0/metrics.csv"):
        (here / "run" / name).unlink()
        pipe(here / "run" / name)
    pipe(here / "run/samples/1.jpg")
    pipe(here / "run/plot.png")


def giant_picture(here: Path, base: Path) -> None:
    write_run(here / "run")
    (here / "run/samples").mkdir()
    Image.fromarray(np.zeros((13_000, 13_000), np.uint8)).save(here / "run/samples/1.png", compress_level=1)


def bomb_to_resume(here: Path, base: Path) -> None:
    resumed()(here, base)
    write_bomb(here, base)
    (here / "bomb.ckpt").rename(here / "run/checkpoints/last.ckpt")


def bomb_beside(here: Path, base: Path) -> None:
    write_run(here / "run")
    write_bomb(here, base)
    (here / "bomb.ckpt").rename(here / "run/model.safetensors")


ROW = "epoch,images_per_second,lr,step,train/loss,val/mAP\n"
CURVES = {"scores": [0, 1e308], "per_class": {"a": {"F1": [1e308, -1e308], "precision": None, "recall": [0]}}}
MODEL = {"params": 0, "madds": 0, "classes": [], "input": [1, 1], "image": [1, 1], "convention": {"madds": ""}}

CASES = [
    Case("config: a resolver", run_of("config.yaml", {**CONFIG, "secret": RESOLVER, "lr": RESOLVER}), COMPARE),
    Case("config: a resolver in the page", run_of("config.yaml", {**CONFIG, "secret": RESOLVER}), REPORT),
    Case("config: a name that is a path", write_evil_backbone, REPORT),
    Case("config: names that are no texts", run_of("config.yaml", {"model": {"head": ["x"], "backbone": {}}}), REPORT),
    Case("config: aliases", run_with("config.yaml", ALIASES), REPORT),
    Case("config: a tag", run_with("config.yaml", f"a: !!python/object/apply:os.mkdir [{CANARY}]"), REPORT),
    Case("config: deep", run_with("config.yaml", DEEP), REPORT),
    Case("config: nested", run_with("config.yaml", "a: " + NESTED), COMPARE),
    Case("config: nested dicts", run_with("config.yaml", "{a: " * 400 + "1" + "}" * 400), COMPARE),
    Case("config: 60 MB", run_with("config.yaml", lambda: "a: [" + "x," * 30_000_000 + "]"), REPORT),
    Case("config: a list", run_with("config.yaml", "[1, 2]"), REPORT),
    Case("config: bytes", run_with("config.yaml", "a: \udcff\udcfe\x00"), REPORT),
    Case("config: an integer without end", run_with("config.yaml", "lr: 0x" + "f" * 10**6), COMPARE),
    Case("config: a key that commands", run_of("config.yaml", {**CONFIG, ESCAPES: ESCAPES}), COMPARE),
    Case("config: is private", link("config.yaml"), COMPARE),
    Case("metrics: is private", link("metrics.json"), COMPARE),
    Case("metrics: no numbers", run_with("metrics.json", '{"mAP": NaN, "AP50": 1e999}'), REPORT),
    Case("metrics: 4,000 digits", run_with("metrics.json", '{"mAP": 1' + "0" * 4000 + "}"), REPORT),
    Case("metrics: 400 digits", run_with("metrics.json", '{"mAP": 1' + "0" * 400 + "}"), COMPARE),
    Case("metrics: classes that are no dict", run_of("metrics.json", {"mAP": 0.5, "per_class": [1]}), COMPARE),
    Case("metrics: 60 MB", run_with("metrics.json", lambda: "[" + "{}," * 20_000_000 + "{}]"), REPORT),
    Case(
        "metrics: names that command",
        run_of("metrics.json", {"mAP": 1, ESCAPES: 1, "per_class": {ESCAPES: 1}}),
        COMPARE,
    ),
    Case("analysis: deep", run_with("analysis.json", DEEP), COMPARE),
    Case("analysis: nested", run_with("analysis.json", '{"a":' + NESTED + "}"), COMPARE),
    Case("analysis: no dicts", run_of("analysis.json", {"per_class": {"a": 1}, "errors": [], "worst": 3}), REPORT),
    Case("analysis: an unknown task", run_of("analysis.json", {"task": "x", "boundary": "y"}), REPORT),
    Case("analysis: curves beyond numbers", run_of("analysis.json", {"curves": CURVES}), REPORT),
    Case(
        "analysis: pictures elsewhere",
        run_of("analysis.json", {"worst": [{"picture": "../../base/photo.jpg"}]}),
        REPORT,
    ),
    Case("analysis: an open string", run_with("analysis.json", '{"a": "' + "[" * 200_000), REPORT),
    Case("model: no parameters", run_of("model.json", {**MODEL, "stages": []}), REPORT),
    Case("model: fields are missing", run_of("model.json", {"params": 1}), REPORT),
    Case(
        "model: stages that are texts", run_of("model.json", {**MODEL, "params": 1, "madds": 1, "stages": "ab"}), REPORT
    ),
    Case("data: splits that are a list", run_of("data.json", {"splits": [1]}), COMPARE),
    Case("data: fields are missing", run_of("data.json", {"splits": {"val": {"images": 1}}}), REPORT),
    Case("data: no splits", run_of("data.json", {"name": "x"}), REPORT),
    Case("environment: no time", run_of("environment.json", {"starts": [{"started": "now", "device": 3}]}), REPORT),
    Case("environment: fields are missing", run_of("environment.json", {"starts": [{}]}), COMPARE),
    Case("environment: fields are missing in the page", run_of("environment.json", {"starts": [{}]}), REPORT),
    Case("environment: no list", run_of("environment.json", {"starts": 7}), COMPARE),
    Case("log: bytes", run_with("logs/start_0/metrics.csv", ROW + "\x00\udcff,\n" * 99), REPORT),
    Case(
        "log: a field of 10 MB", run_with("logs/start_0/metrics.csv", lambda: ROW + "1," + "9" * 10**7 + "\n"), REPORT
    ),
    Case("log: 100,000 columns", run_with("logs/start_0/metrics.csv", "step," + "a," * 100_000 + "\n1,2\n"), REPORT),
    Case(
        "log: 40 million cells", run_with("logs/start_0/metrics.csv", lambda: "step,a,b\n" + "1,1,1\n" * 10**7), REPORT
    ),
    Case(
        "log: numbers beyond numbers",
        run_with(
            "logs/start_0/metrics.csv", ROW + "1e308,1e308,1,1e308,1e308,1e308\n" + "1,-1e308,1,-1e308,-1e308,0\n"
        ),
        REPORT,
    ),
    Case("log: a start without a number", run_with("logs/start_x/metrics.csv", ROW), REPORT),
    Case("run: a private picture", link_picture, REPORT),
    Case("run: pipes", pipes, REPORT),
    Case("run: a picture of 169 megapixels", giant_picture, REPORT),
    Case("run: weights that unpack to 4 GB", bomb_beside, COMPARE),
    Case("run: an evaluation of a device", run_of("config.yaml", {"checkpoint": "/dev/zero"}), COMPARE),
    Case(
        "run: an evaluation of a number",
        run_of("config.yaml", {"checkpoint": 3, "model": {"head": "ssdlite"}}),
        COMPARE,
    ),
    Case("resume: 100,000 workers", resumed(**{"dataset.workers": 100_000}), RESUME),
    Case("resume: draws elsewhere", resumed(**{"dataset.root": str(CANARY)}), RESUME),
    Case("resume: draws without end", resumed(**{"dataset.scenes": {"train": 10**9, "val": 1}}), RESUME),
    Case("resume: a resolver", resumed(**{"dataset.root": RESOLVER}), RESUME),
    Case("resume: a target", resumed(**{"optimizer._target_": "os.system"}), RESUME),
    Case("resume: texts for numbers", resumed(**{"trainer.max_epochs": "__import__('os')"}), RESUME),
    Case("resume: a head that is a path", resumed(**{"model.head": "../../x"}), RESUME),
    Case("resume: weights that unpack to 4 GB", bomb_to_resume, RESUME),
]

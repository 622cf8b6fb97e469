"""Every command block of README.md and docs/ runs as it stands, on a few drawn scenes and without a network.

Placeholders are filled (DIR, FILE, RUN, TEACHER), and trainings get one epoch of small images.
"""

import re
import runpy
import tomllib
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.task import TASKS
from tests.docs.documents import DOCUMENTS, ROOT, Block, find_blocks, list_commands, run_module, serve
from tests.docs.place import make_place
from tests.support.trained import Trained

SHELL = [block for path in DOCUMENTS for block in find_blocks(path, "sh")]
SNIPPETS = [block for path in DOCUMENTS for block in find_blocks(path, "python")]
FIRST = {str(block) for block in SHELL[:1]}  # README's quick start; the slow tests follow all else
QUICK = {
    "tasks.train": (
        "trainer.max_epochs=1",
        "trainer.accelerator=cpu",
        "trainer.progress_bar=false",
        "dataset.workers=0",
        "size=[64,96]",
        "batch_size=2",
    ),
    "tasks.benchmark": ("warmup_runs=1", "repeats=1"),
    # On a slow machine nearly all of so small a network's time is Python's, and no channels that are cut save it.
    "tasks.adapt": (
        "tune_steps=1",
        "images=2",
        "epochs=1",
        "step=0.25",
        "delta=0.1",
        "target_latency=0.97x",
        "accelerator=cpu",
    ),
}
WRITING = ("tasks.train", "tasks.evaluate", "tasks.predict", "tasks.doctor", "tasks.adapt")


def mark(blocks: list[Block]) -> list[object]:
    """Return blocks as the cases of a test."""
    return [
        pytest.param(
            block,
            id=str(block),
            marks=[] if str(block) in FIRST else [pytest.mark.slow],
        )
        for block in blocks
    ]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, trained: Callable[[str], Trained]) -> Path:
    return make_place(tmp_path_factory.mktemp("documents"), trained)


@pytest.fixture
def inside(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in that folder, with its weights in place of downloads, and with networks that have learned at once."""
    monkeypatch.chdir(place)
    learned = {task.kind: replace(task, learned=0.0) for task in TASKS.values()}
    for head, task in TASKS.items():
        monkeypatch.setitem(TASKS, head, learned[task.kind])
    monkeypatch.setenv("TORCH_HOME", str(place / "torch"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return place


def fill(words: list[str], block: Block) -> list[str]:
    """Put what is in the folder in place of placeholders."""
    task = "classify" if "classification" in str(block) else "ssdlite"
    experiment = next((word.removeprefix("experiment=") for word in words if word.startswith("experiment=")), "")
    usual = next((name for name in ("cityscapes", "imagenet") if experiment.startswith(name)), "coco")
    dataset = next((word.removeprefix("dataset=") for word in words if word.startswith("dataset=")), usual)
    values = {
        "DIR": f"data/{dataset}",
        "FILE": "classifier.pth",
        "RUN": f"outputs/demo/{task}",
        "TEACHER": "outputs/teacher",
    }
    return [re.sub(r"\b(DIR|FILE|RUN|TEACHER)\b", lambda match: values[match[1]], word) for word in words]


def quicken(module: str, options: list[str]) -> list[str]:
    """Add options that make a command quick, and a folder of its own; a resumed run takes none."""
    names = {option.partition("=")[0] for option in options}
    if "resume" in names:
        return options
    if module in WRITING and "out" not in names:  # two commands in one second would have the same
        options = [*options, f"out=outputs/{uuid.uuid4()}"]
    added = list(QUICK.get(module, ()))
    if module == "tasks.train" and names.isdisjoint({"dataset", "dataset.root"}):
        added.append("dataset.scenes={train: 6, val: 4}")
    if module == "tasks.train" and names.isdisjoint({"backbone", "weights"}):
        added.append("backbone=small")
    return [*options, *added]


def run(words: list[str]) -> int:
    """Run one command of a document and return its exit status; of make and pip only what they name is checked."""
    program, *rest = words
    if program == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
        return int(not set(rest) <= set(targets))
    if program.endswith("pip"):
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        return int(not set(re.findall(r"\[(\w+)\]", " ".join(rest))) <= set(project["optional-dependencies"]))
    if program == "torchrun":  # one process here, as with trainer.devices: tests/tasks/train/test_several.py has more
        program, rest = "python", rest[rest.index("-m") :]
    rest = [word for word in rest if not word.startswith("trainer.devices=")]
    assert Path(program).name == "python", f"{program}: the documents name a program that this test does not know"
    assert rest[0] == "-m"
    if rest[1] == "tasks.demo":
        return serve(rest[2:])
    return run_module(rest[1], quicken(rest[1], rest[2:]))


@pytest.mark.usefixtures("blank_figures")
@pytest.mark.parametrize("block", mark(SHELL))
def test_a_command_block_runs(block: Block, inside: Path) -> None:
    for words in list_commands(block):
        assert run(fill(words, block)) == 0, " ".join(words)


@pytest.mark.parametrize("block", mark(SNIPPETS))
def test_a_python_block_runs(block: Block, inside: Path) -> None:
    script = inside / f"block_{block.line}.py"
    script.write_text(block.text, encoding="utf-8")
    runpy.run_path(str(script), run_name="__main__")

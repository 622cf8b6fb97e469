import shutil
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from data.errors import InputError
from tasks.models.checkpoint import load_checkpoint
from tasks.models.network import build_model
from tasks.train.command import train
from tests.support.runs import small_run


@pytest.mark.slow
@pytest.mark.usefixtures("blank_figures")
@pytest.mark.parametrize("task", ["ssdlite", "lraspp"])
def test_a_run_calls_its_compiled_parts_and_keeps_the_names_of_the_weights(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def count(graph: Any, inputs: Any) -> Any:
        def run(*arguments: Any) -> Any:
            calls.append(task)
            return graph(*arguments)

        return run

    compile_module = nn.Module.compile
    monkeypatch.setattr(nn.Module, "compile", lambda part: compile_module(part, backend=count))  # no C++ compiler
    out = tmp_path / "run"
    train(small_run(task, out, "trainer.max_epochs=1", "trainer.compile=true"))
    description, weights = load_checkpoint(out / "checkpoints/last.ckpt")
    assert len(calls) >= 4  # two steps of two parts
    assert list(weights) == list(build_model(description.arch).state_dict())


def test_without_a_compiler_the_option_is_refused_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(InputError, match=r"trainer\.compile: no C\+\+ compiler; expected CXX or one of g\+\+"):
        train(small_run("ssdlite", tmp_path / "run", "trainer.compile=true"))
    assert not (tmp_path / "run").exists()

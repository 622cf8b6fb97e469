import shutil
from pathlib import Path

import pytest
from torch import nn

from data.errors import InputError
from tasks.checkpoint import load_checkpoint
from tasks.model import Model, build_model
from tasks.training import train
from tests.tasks.runs import small_run


@pytest.mark.slow
def test_a_compiled_run_keeps_the_names_of_the_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[nn.Module] = []

    def trace(model: nn.Module) -> None:
        compiled.append(model)
        nn.Module.compile(model, backend="eager")  # all but the C++ compiler

    monkeypatch.setattr(Model, "compile", trace)
    out = tmp_path / "run"
    train(small_run("ssdlite", out, "trainer.max_epochs=1", "trainer.compile=true"))
    description, weights = load_checkpoint(out / "checkpoints/last.ckpt")
    assert len(compiled) == 1
    assert list(weights) == list(build_model(description.arch).state_dict())


def test_without_a_compiler_the_option_is_refused_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(InputError, match=r"trainer\.compile: no C\+\+ compiler; expected CXX or one of g\+\+"):
        train(small_run("ssdlite", tmp_path / "run", "trainer.compile=true"))
    assert not (tmp_path / "run").exists()

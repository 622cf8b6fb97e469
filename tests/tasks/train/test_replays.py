"""Steps that a GPU replays. Here, without one, a recording does its step anew each time; the last tests need a GPU."""

import logging
from collections import OrderedDict
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import torch
from lightning.pytorch.loops.optimization.automatic import _AutomaticOptimization
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tasks.train import replays, trainers
from tasks.train.command import train
from tasks.train.progress import Progress
from tasks.train.replays import WARM_UP, Replays, can_replay
from tasks.train.saving import KeepLast
from tests.support.runs import load_config, small_run
from tests.support.synchronization import no_synchronization

pytestmark = pytest.mark.usefixtures("blank_figures")
TASKS = ("ssdlite", "lraspp")
SCENES = (  # five steps an epoch; rounding does not grow
    "dataset.scenes={train: 15, val: 4}",
    "lr=0.001",
    "trainer.augment=device",
)


class Trace(TorchDispatchMode):
    """The operators that are called, with the shapes and the numbers that they take: all that is recorded."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, list[Any]]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        leaves = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor | int | float)]
        self.calls.append((str(func), [leaf.shape if isinstance(leaf, Tensor) else leaf for leaf in leaves]))
        return func(*args, **(kwargs or {}))


class Imitation:
    """A recording that does its step anew, and refuses what a GPU could not replay."""

    made: list["Imitation"]

    def __init__(self, step: Callable[[Any], dict[str, Tensor]], batch: Any, *, sharing: "Imitation | None") -> None:
        self.step, self.sharing, self.replays = step, sharing, 0
        self.calls: list[Any] = []
        self.made.append(self)

    def replay(self, batch: Any) -> dict[str, Tensor]:
        self.replays += 1
        with no_synchronization(), Trace() as trace:
            losses = self.step(batch)
        self.calls = self.calls or trace.calls
        assert trace.calls == self.calls
        return losses


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Imitation]:
    """Have runs replay imitations, and return those."""
    monkeypatch.setattr(Imitation, "made", [], raising=False)
    monkeypatch.setattr(replays, "Recording", Imitation)
    monkeypatch.setattr(trainers, "can_replay", lambda config, trainer: True)
    return Imitation.made


def read_state(run: Path) -> dict[str, Any]:
    """Return what a run ended with."""
    content = torch.load(run / "checkpoints/last.ckpt", weights_only=True)
    state, schedule = content["optimizer_states"][0]["state"], content["lr_schedulers"][0]
    momentum = {str(number): value["momentum_buffer"] for number, value in state.items()}
    tensors = {key: content[key] for key in ("state_dict", "current_model_state", "averaging_state")}
    return {**tensors, "momentum": momentum, "step": content["global_step"], "rates": schedule["_last_lr"]}


def read_losses(run: Path) -> list[float]:
    """Return the losses that a run has logged."""
    lines = next(run.glob("logs/**/metrics.csv")).read_text(encoding="utf-8").splitlines()
    column = lines[0].split(",").index("train/loss")
    return [float(line.split(",")[column]) for line in lines[1:] if line.split(",")[column]]


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_a_run_of_replayed_steps_ends_as_one_of_ordinary_ones(
    task: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    train(small_run(task, tmp_path / "ordinary", *SCENES))
    made = request.getfixturevalue("made")
    train(small_run(task, tmp_path / "replayed", *SCENES))
    assert [each.replays for each in made] == [10 - WARM_UP]
    assert len(made[0].calls) > 500
    found, expected = (read_state(tmp_path / name) for name in ("replayed", "ordinary"))
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-4)  # another kernel changes the weights
    assert read_losses(tmp_path / "replayed") == pytest.approx(read_losses(tmp_path / "ordinary"), rel=1e-4)


@pytest.mark.slow
def test_replayed_steps_of_several_sizes_end_as_ordinary_ones(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    sizes = "sizes=[[64,96],[96,64],[96,128]]"
    train(small_run("ssdlite", tmp_path / "ordinary", *SCENES, sizes))
    made = request.getfixturevalue("made")
    train(small_run("ssdlite", tmp_path / "replayed", *SCENES, sizes))
    assert len(made) >= 2
    assert sum(each.replays for each in made) >= 3
    found, expected = (read_state(tmp_path / name) for name in ("replayed", "ordinary"))
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-4)


@pytest.mark.slow
def test_a_run_that_was_cut_goes_on_among_replayed_steps(
    made: list[Imitation], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(small_run("lraspp", tmp_path / "whole", *SCENES))
    save = KeepLast.keep

    def cut(self: KeepLast, trainer: Any) -> None:
        save(self, trainer)
        if trainer.global_step == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(KeepLast, "keep", cut)
    with pytest.raises(KeyboardInterrupt):
        train(small_run("lraspp", tmp_path / "cut", *SCENES, "trainer.save_every=1steps"))
    monkeypatch.setattr(KeepLast, "keep", save)
    train(load_config("train", f"resume={tmp_path / 'cut'}"))
    assert [each.replays for each in made] == [7, 1, 3]  # of ten steps, of four, of the other six
    found, expected = (read_state(tmp_path / name) for name in ("cut", "whole"))
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-4)


@pytest.mark.slow
def test_what_is_logged_makes_the_host_wait_at_the_first_step_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, steps = Progress.on_train_batch_end, []

    def watched(self: Progress, trainer: Any, *arguments: Any) -> None:
        steps.append(trainer.global_step)
        with no_synchronization() if len(steps) > 1 else nullcontext():
            log(self, trainer, *arguments)

    monkeypatch.setattr(Progress, "on_train_batch_end", watched)
    train(small_run("ssdlite", tmp_path / "run"))
    assert steps == [1, 2, 3, 4]


class Pair(NamedTuple):
    images: Tensor
    boxes: Tensor
    names: tuple[str, ...]


def replay(monkeypatch: pytest.MonkeyPatch, rooms: str) -> str:
    """Step with batches of so much room for boxes each, and say which steps are replayed."""
    monkeypatch.setattr(_AutomaticOptimization, "run", lambda self, optimizer, batch_idx, kwargs: {"loss": "."})
    monkeypatch.setattr(replays, "StaticStep", lambda trainer, averages: SimpleNamespace(follow_schedule=lambda: None))
    loop: Any = Replays(SimpleNamespace(), None)  # type: ignore[arg-type]
    batches = [Pair(torch.zeros(2, 3), torch.zeros(2, int(room)), (room,)) for room in rooms]
    return "".join(loop.run(None, 0, OrderedDict(batch=batch))["loss"] for batch in batches)


class Short(Imitation):
    def replay(self, batch: Any) -> Any:
        return {"loss": "R"}


def test_each_shape_is_recorded_when_it_comes_once_three_steps_are_done(
    made: list[Imitation], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replays, "Recording", Short)
    assert replay(monkeypatch, "89888989998") == "...RRRRRRRR"
    assert [each.sharing for each in made] == [None, made[0]]


def test_the_first_step_of_each_size_is_ordinary_and_finds_no_recordings(
    made: list[Imitation], monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten = []
    forget = Replays.forget
    monkeypatch.setattr(replays, "Recording", Short)
    monkeypatch.setattr(Replays, "forget", lambda self: (forgotten.append(list(self._recordings)), forget(self)))
    monkeypatch.setattr(_AutomaticOptimization, "run", lambda self, optimizer, batch_idx, kwargs: {"loss": "."})
    monkeypatch.setattr(replays, "StaticStep", lambda trainer, averages: SimpleNamespace(follow_schedule=lambda: None))
    loop: Any = Replays(SimpleNamespace(), None)  # type: ignore[arg-type]
    batches = [Pair(torch.zeros(2, int(size)), torch.zeros(2, 3), (size,)) for size in "34334354345"]
    found = "".join(loop.run(None, 0, OrderedDict(batch=batch))["loss"] for batch in batches)
    assert found == "...RRR.RRRR"
    assert [len(shapes) for shapes in forgotten] == [2]


def test_where_recording_fails_ordinary_steps_go_on_after_one_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("operation not permitted when stream is capturing\nSearch for it")

    monkeypatch.setattr(replays, "Recording", fail)
    with caplog.at_level(logging.WARNING):
        assert replay(monkeypatch, "8888899999") == "." * 10
    (line,) = caplog.messages
    assert line.endswith("which is slower: operation not permitted when stream is capturing")


@pytest.mark.parametrize(
    ("options", "device", "expected"),
    [
        ((), "cuda", True),
        ((), "cpu", False),
        (("trainer.graph=false",), "cuda", False),
        (("trainer.accumulate_grad_batches=2",), "cuda", False),
        (("optimizer=rmsprop",), "cuda", False),
        (("distill.teacher=torchvision:ssdlite320_mobilenet_v3_large",), "cuda", False),
        (("weights=a.safetensors", "quantize=int8"), "cuda", False),
    ],
)
def test_only_steps_that_are_all_alike_are_replayed(options: tuple[str, ...], device: str, expected: bool) -> None:
    trainer: Any = SimpleNamespace(
        strategy=SimpleNamespace(root_device=torch.device(device)), precision_plugin=SimpleNamespace(scaler=None)
    )
    config = load_config("train", *options)
    assert can_replay(config, trainer) == expected
    trainer.precision_plugin.scaler = torch.amp.GradScaler("cpu")
    assert not can_replay(config, trainer)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("task", TASKS)
def test_fifty_replayed_steps_on_a_gpu_have_the_losses_of_ordinary_ones(task: str, tmp_path: Path) -> None:
    options = (*SCENES, "trainer.max_epochs=10", "trainer.accelerator=gpu", "trainer.precision=32-true")
    for name in ("true", "false"):
        train(small_run(task, tmp_path / name, *options, f"trainer.graph={name}"))
    losses, expected = (read_losses(tmp_path / name) for name in ("true", "false"))
    assert len(losses) >= 10
    assert losses[:2] == pytest.approx(expected[:2], rel=1e-4)  # later ones drift apart, as those of any two runs do
    assert losses == pytest.approx(expected, rel=1e-2)

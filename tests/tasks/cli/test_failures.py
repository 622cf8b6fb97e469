"""What goes wrong is said in one line that docs/troubleshooting.md explains, with an exit status."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

from data.errors import LoadingError, RunError
from tasks.cli.failures import explain
from tests.support.commands import Ended, run_command
from tests.support.runs import CONF

PAGE = (CONF.parent / "docs/troubleshooting.md").read_text(encoding="utf-8")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Return a function that runs a command in this process."""

    def call(name: str, *options: str) -> Ended:
        return run_command(name, *options, monkeypatch=monkeypatch, capsys=capsys)

    return call


def check(ended: Ended, message: str, *, status: int = 2) -> None:
    """Check that a command ended with a message that the page explains, and without a traceback."""
    assert ended.status == status, ended.said
    assert f"error: {message}" in ended.said or (message in ended.said and "error: " in ended.said), ended.said
    assert "Traceback" not in ended.said
    assert message in PAGE


@pytest.mark.parametrize("command", ["train", "evaluate", "predict", "benchmark"])
def test_every_command_names_the_nearest_option(command: str, run: Any) -> None:
    ended = run(command, "acelerator=cpu")
    near = "trainer.accelerator" if command == "train" else "accelerator"
    assert ended.status == 2
    assert ended.said == (
        f"error: acelerator: there is no such option; did you mean {near}? "
        f"(all options: python -m tasks.{command} --help)\n"
    )


@pytest.mark.parametrize(
    ("command", "option", "message"),
    [
        ("train", "learning_rate=1", "learning_rate: there is no such option; did you mean lr?"),
        ("train", "--lr", "--lr: options are written without dashes; expected lr=VALUE"),
        ("train", "--epochs=3", "--epochs=3: options are written without dashes; expected trainer.max_epochs=3"),
        ("train", "task=ssdlit", "task=ssdlit: no such choice; did you mean task=ssdlite?"),
        ("train", "batch_size", "batch_size: no value; expected NAME=VALUE"),
        ("train", "size=192,288", "size=192,288: several values; for a list write 'size=[192,288]'"),
        ("train", "out=a=b", "out=a=b: cannot be read; put special characters in two pairs of quotes"),
        ("evaluate", "batch_size=1", "checkpoint: none given; expected checkpoint=VALUE"),
        ("evaluate", "checkpoint=none.ckpt", "checkpoint: no file none.ckpt; expected a file of an earlier run"),
        ("train", "batch_size=2.5", "batch_size: 2.5; expected an integer"),
        ("train", "find=rate", "find: unknown 'rate'; choose from lr, batch_size"),
        ("train", "logger=wandb", "logger: wandb is not installed; pip install 'bneck[wandb]'"),
    ],
)
def test_a_wrong_option_is_one_line_that_the_page_explains(
    command: str, option: str, message: str, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.train.loggers.find_spec", lambda name: None)
    check(run(command, option), message)


def test_a_data_set_of_the_other_task_is_refused(run: Any) -> None:
    check(run("train", "task=lraspp", "dataset=coco"), "dataset=coco is not for segmentation; choose from")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
@pytest.mark.parametrize("options", [("train", "trainer.accelerator=gpu"), ("benchmark", "accelerator=gpu")])
def test_a_missing_gpu_is_said(options: tuple[str, ...], run: Any) -> None:
    ended = run(*options)
    assert ended.status == 2
    assert f"error: {options[1]}: torch " in ended.said
    assert "expected auto or cpu" in ended.said
    assert "trainer.accelerator=gpu: torch" in PAGE


def test_a_folder_that_cannot_be_written_is_said_before_anything_starts(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x")
    check(run("train", f"out={tmp_path}"), "exists and is not empty; expected a new folder, so that nothing is lost")
    check(run("train", f"out={tmp_path / 'file' / 'run'}"), "cannot be created, as")
    monkeypatch.setattr("tasks.cli.folders.os.access", lambda *_: False)
    check(run("train", f"out={tmp_path / 'run'}"), "is read-only for this user; expected out=DIR elsewhere")


def fail_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr("tasks.train.command.train", fail)


def test_a_gpu_out_of_memory_suggests_half_the_batch(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), monkeypatch)
    message = "out of memory on the GPU with batch_size=32; try batch_size=16 trainer.accumulate_grad_batches=2"
    check(run("train"), message, status=1)
    ended = run("train", "batch_size=16", "trainer.accumulate_grad_batches=2")
    assert "try batch_size=8 trainer.accumulate_grad_batches=4" in ended.said
    assert "batch_size=" not in run("train", "resume=RUN").said


def test_a_cpu_out_of_memory_suggests_half_the_batch() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**50)
    config = {"batch_size": 32, "trainer": {"accumulate_grad_batches": 1}}
    message, status = explain(caught.value, config)
    assert status == 1
    assert message.startswith("out of memory in this machine's memory with batch_size=32; try batch_size=16")
    assert message.split(" trainer")[0] in PAGE
    assert explain(MemoryError(), config) == (message, 1)


def test_a_loading_process_out_of_memory_suggests_fewer() -> None:
    message, status = explain(RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. "))
    assert status == 1
    assert message.split(",")[0] in PAGE


def test_a_full_disk_is_said() -> None:
    with pytest.raises(OSError, match="No space") as caught, open("/dev/full", "w") as file:  # noqa: PTH123
        file.write("x")
    message, status = explain(caught.value)
    assert (message in PAGE, status) == (True, 1)


def test_a_fault_of_ours_names_its_place_and_how_to_see_more(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(KeyError("x"), monkeypatch)
    ended = run("train")
    assert ended.status == 1
    assert ended.said.startswith("error: internal error: KeyError: 'x' (tests/tasks/cli/test_failures.py:")
    assert ended.said.endswith("; debug=true shows the traceback, please report it\n")
    assert "internal error: KeyError: 'x' (tasks/" in PAGE
    with pytest.raises(KeyError):
        run("train", "debug=true")


def test_ctrl_c_ends_a_command_with_status_130(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(KeyboardInterrupt(), monkeypatch)
    assert run("train") == (130, "stopped\n")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (LoadingError("loading process 0 (pid 17) ended at a.jpg; try"), "loading process 0 (pid 17) ended"),
        (
            RuntimeError("Caught RuntimeError in DataLoader worker process 0.\nunable to allocate shared memory(shm)"),
            "/dev/shm is full (in a container: --shm-size)",
        ),
    ],
)
def test_what_loading_processes_fail_with_is_one_line_with_status_1(error: Exception, message: str) -> None:
    said, status = explain(error)
    assert said.startswith(message)
    assert status == 1
    assert "\n" not in said
    assert message in PAGE


class Silent:
    """Samples in storage that does not answer."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> int:
        raise RunError("s3://bucket/a: no answer for 9 seconds; see whether the storage answers") from OSError("reset")


def test_what_a_loading_process_waits_for_in_vain_is_said_without_its_traceback() -> None:
    with pytest.raises(RunError) as caught:
        list(DataLoader(Silent(), num_workers=1))  # type: ignore[arg-type]
    assert explain(caught.value) == ("s3://bucket/a: no answer for 9 seconds; see whether the storage answers", 1)

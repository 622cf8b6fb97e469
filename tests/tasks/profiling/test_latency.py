import numpy as np
import pytest
import torch

from tasks.benchmark.command import name_classes
from tasks.cli.options import to_plain
from tasks.hardware import limit_threads, name_processor
from tasks.loaders import find_task
from tasks.profiling.latency import STEPS, measure_latency, summarize
from tests.support.runs import describe, load_config


def small_module(task: str) -> Module:
    config = to_plain(load_config("benchmark", f"task={task}", "backbone=small", "size=[64,96]", "eval_size=[64,96]"))
    description = describe(config, name_classes(3))
    return find_task(description.arch.head).module(description).eval()


@pytest.mark.parametrize(
    ("task", "entered"), [("ssdlite", (64, 96)), ("lraspp", (65, 97)), ("lraspp_torchvision", (64, 96))]
)
def test_each_run_is_timed_step_by_step(task: str, entered: tuple[int, int]) -> None:
    module = small_module(task)
    found = measure_latency(module, (80, 100), warmup=1, repeats=3, threads=None)
    assert found.steps.shape == (3, len(STEPS))
    assert (found.steps > 0).all()
    assert (found.input, found.channels_last) == (entered, True)  # a segmenter's is padded as in evaluation
    assert not module.model._forward_hooks
    assert not module.model._forward_pre_hooks


def test_the_threads_are_as_before_afterwards() -> None:
    before = torch.get_num_threads()
    found = measure_latency(small_module("ssdlite"), (64, 96), warmup=1, repeats=1, threads=before + 1)
    assert (found.threads, torch.get_num_threads()) == (before + 1, before)
    with limit_threads(None) as used:
        assert used == before


def test_a_series_is_summed_up_as_median_and_quartiles() -> None:
    assert summarize(np.array([5.0, 1.0, 4.0, 2.0, 3.0])) == (3.0, 2.0, 4.0)
    assert summarize(np.array([7.0])) == (7.0, 7.0, 7.0)


def test_the_processor_has_a_name() -> None:
    assert name_processor(torch.device("cpu"))

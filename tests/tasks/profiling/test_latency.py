import pickle

import numpy as np
import pytest
import torch

from tasks.benchmark.command import build
from tasks.detection.detector import Detector
from tasks.hardware import limit_threads, name_processor
from tasks.profiling.latency import STEPS, measure_latency, summarize
from tasks.segmentation.segmenter import Segmenter
from tests.support.runs import load_config


def small_model(*options: str) -> Detector | Segmenter:
    return build(load_config("benchmark", *options, "backbone=small", "size=[64,96]", "num_classes=3"))


@pytest.mark.parametrize(
    ("options", "entered"),
    [
        (["task=ssdlite"], (64, 96)),
        (["task=lraspp"], (65, 97)),
        (["task=lraspp_torchvision", "eval_size=[64,96]"], (64, 96)),
    ],
)
def test_each_run_is_timed_step_by_step(options: list[str], entered: tuple[int, int]) -> None:
    model = small_model(*options)
    found = measure_latency(model, (80, 100), warmup=1, repeats=3, threads=None)
    assert found.steps.shape == (3, len(STEPS))
    assert (found.steps > 0).all()
    assert (found.input, found.channels_last) == (entered, True)  # a segmenter's is padded as in evaluation
    assert pickle.dumps(model)  # fails where a hook is left behind, as it is a function inside another


def test_the_threads_are_as_before_afterwards() -> None:
    before = torch.get_num_threads()
    found = measure_latency(small_model("task=ssdlite"), (64, 96), warmup=1, repeats=1, threads=before + 1)
    assert (found.threads, torch.get_num_threads()) == (before + 1, before)
    with limit_threads(None) as used:
        assert used == before


def test_a_series_is_summed_up_as_median_and_quartiles() -> None:
    assert summarize(np.array([5.0, 1.0, 4.0, 2.0, 3.0])) == (3.0, 2.0, 4.0)
    assert summarize(np.array([7.0])) == (7.0, 7.0, 7.0)


def test_the_processor_has_a_name() -> None:
    assert name_processor(torch.device("cpu"))

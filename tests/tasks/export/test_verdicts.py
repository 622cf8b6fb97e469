"""When a stage is as it should be."""

import numpy as np
import pytest

from tasks.export.differences import Difference
from tasks.export.verdicts import FP32, Decibels, choose_limit, judge


def differ_by(*gaps):
    """Return the difference of values up to 1000 from ones that are off by so much."""
    found, values = Difference(), np.linspace(-1000, 1000, len(gaps))
    found.add(values, values + gaps)
    return found


@pytest.mark.parametrize(
    ("own", "verdict", "passed"),
    [
        ((1e-3, 0, 0), "equal", True),
        ((0.02, 0, 0), "unclear", False),  # over 1e-5 of 1000 too
        ((0.009, 0.009, 0.009), "equal", True),
        ((0.5, 0, 0), "unclear", False),
        ((2, 0, 0), "different", False),
        ((0.9, 0.9, 0.9), "unclear", False),
    ],
)
def test_a_difference_is_judged_by_what_half_a_grey_level_changes(own, verdict, passed):
    judgement = judge(differ_by(*own), differ_by(1, 1, 1), FP32)
    assert (judgement.verdict, judgement.passed) == (verdict, passed)


def test_a_stage_that_hardly_reacts_passes_by_its_limit_alone():
    judgement = judge(differ_by(1e-4, 0, 0), differ_by(1e-3, 1e-3, 1e-3), FP32)
    assert (judgement.verdict, judgement.passed) == ("unclear", True)
    assert judge(differ_by(1e-2, 0, 0), differ_by(2e-3, 0, 0), FP32).verdict == "different"


def test_a_stage_that_reacts_wildly_still_has_its_limit():
    judgement = judge(differ_by(0.1, 0, 0), differ_by(500, 500, 500), FP32)
    assert (judgement.verdict, judgement.passed) == ("equal", False)


@pytest.mark.parametrize(
    ("noise", "verdict", "passed"), [(10, "close", True), (200, "unclear", True), (400, "different", False)]
)
def test_rounded_files_are_judged_by_signal_to_noise(noise, verdict, passed):
    own = differ_by(noise, -noise, noise)  # of a spread of 816: 38, 12 and 6 decibels
    judgement = judge(own, differ_by(1, 1, 1), Decibels(16, 10, 0.05))
    assert (judgement.verdict, judgement.passed) == (verdict, passed)


def test_limits_follow_precision_and_stage():
    assert str(choose_limit("C5", "fp32", size=(512, 512))) == "up to 1e-05"
    assert choose_limit("C5", "fp32", size=(1024, 1024)).most == 2e-5
    assert str(choose_limit("labels", "fp32", size=(512, 512))) == "up to 0.0001"
    assert str(choose_limit("C5", "int8", size=(512, 512))) == "from 10 dB"
    assert str(choose_limit("boxes", "int8", size=(512, 512))) == "from 5 dB"
    assert str(choose_limit("logits", "fp16", size=(512, 512))) == "from 25 dB"


@pytest.mark.parametrize(("value", "passed"), [(1e-7, True), (1e-3, False)])
def test_a_stage_that_does_not_react_to_the_input_is_judged_by_its_size(value, passed):
    own, still = Difference(), Difference()
    own.add(np.ones(4), np.ones(4) + value)
    still.add(np.ones(4), np.ones(4))
    judged = judge(own, still, choose_limit("C5", "fp32", size=(512, 512)))
    assert judged.verdict == "unclear"
    assert judged.passed == passed

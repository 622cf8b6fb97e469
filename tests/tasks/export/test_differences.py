"""How far results are apart."""

import math

import numpy as np
import pytest

from tasks.export.differences import QUIET, Difference, join_levels


def measure(reference, other):
    difference = Difference()
    difference.add(np.array(reference), np.array(other))
    return difference


def test_differences_of_numbers_are_those_by_hand():
    found = measure([1.0, -4.0, 2.0, 1.0], [1.5, -4.0, 2.0, 0.0])
    assert (found.largest, found.typical, found.reach) == (1.0, 0.375, 4.0)
    assert found.relative(found.largest) == 0.25
    assert found.decibels == pytest.approx(10 * math.log10(22 / 1.25))  # squares 22, their mean is 0


def test_class_indices_differ_or_not():
    found = measure(np.array([0, 7, 7, 1]), np.array([0, 9, 7, 1]))
    assert (found.largest, found.typical, found.relative(found.largest)) == (0.25, 0.25, 0.25)
    assert found.decibels == pytest.approx(10 * math.log10(4))


def test_batches_count_as_one():
    rng = np.random.default_rng(0)
    reference, other = rng.normal(size=(2, 4, 5))
    together, apart = measure(reference, other), Difference()
    for one, two in zip(reference, other, strict=True):
        apart.add(one, two)
    assert apart.largest == together.largest
    assert apart.typical == pytest.approx(together.typical)
    assert apart.decibels == pytest.approx(together.decibels)
    assert together.decibels == pytest.approx(10 * math.log10(reference.var() / np.square(reference - other).mean()))


def test_large_results_are_compared_in_parts(monkeypatch):
    rng = np.random.default_rng(0)
    reference, other = rng.normal(size=(2, 5, 7))
    whole = measure(reference, other)
    monkeypatch.setattr("tasks.export.differences.PART", 3)
    parts = measure(reference, other)
    assert (parts.count, parts.largest, parts.reach) == (35, whole.largest, whole.reach)
    assert (parts.typical, parts.decibels) == (pytest.approx(whole.typical), pytest.approx(whole.decibels))


@pytest.mark.parametrize("other", [[1.0, math.nan], [math.inf, 1.0], [[1.0, 1.0]], [1.0]])
def test_what_is_not_finite_or_of_another_shape_is_infinitely_far(other):
    found = measure([1.0, 2.0], other)
    assert (found.largest, found.typical, found.decibels) == (math.inf, math.inf, -math.inf)


def test_equal_results_have_no_noise_and_none_at_all_are_equal():
    assert measure([1.0, 2.0], [1.0, 2.0]).decibels == math.inf
    nothing = measure(np.zeros((0, 4)), np.zeros((0, 4)))
    assert (nothing.largest, nothing.typical, nothing.decibels) == (0, 0, math.inf)


def test_a_quiet_level_is_measured_by_the_whole_stage():
    loud, quiet = measure([-3.0, 3.0], [-3.1, 3.1]), measure([0.01, -0.01], [0.02, -0.02])
    alone = quiet.decibels
    join_levels([loud, quiet])
    assert alone == pytest.approx(0)
    assert quiet.decibels == pytest.approx(10 * math.log10(QUIET * (18.0002 / 4) / 1e-4))
    assert loud.decibels == pytest.approx(10 * math.log10(9 / 0.01))
    assert (quiet.reach, quiet.relative(quiet.largest)) == (3.0, pytest.approx(0.01 / 3))

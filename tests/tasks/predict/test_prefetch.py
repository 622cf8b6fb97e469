import threading
import time
from itertools import count

import pytest

from data.streams.sources import Read
from tasks.predict.job import admit
from tasks.predict.prefetch import Budget, run_ahead


def test_results_come_in_the_order_of_the_items():
    def work(number):
        time.sleep(0.02 * (number % 3 == 0))
        return number * 2

    futures = run_ahead(range(20), work, ahead=4, workers=4)
    assert [future.result() for future in futures] == list(range(0, 40, 2))


def test_an_endless_source_is_read_no_further_than_asked():
    taken = []
    futures = run_ahead((taken.append(n) or n for n in count()), lambda n: n, ahead=3, workers=2)
    assert [next(futures).result() for _ in range(5)] == list(range(5))
    time.sleep(0.3)
    assert len(taken) <= 5 + 3 + 2
    futures.close()


def test_threads_end_with_the_one_who_takes():
    before = threading.active_count()
    futures = run_ahead(count(), lambda n: n, ahead=2, workers=3)
    next(futures)
    assert threading.active_count() > before
    futures.close()
    assert threading.active_count() == before


def test_an_error_of_one_item_stays_with_it():
    futures = list(run_ahead([1, 0, 2], lambda n: 2 // n, ahead=2, workers=1))
    assert [futures[0].result(), futures[2].result()] == [2, 1]
    with pytest.raises(ZeroDivisionError):
        futures[1].result()


def test_an_error_of_the_source_comes_after_what_was_before_it():
    def items():
        yield 1
        raise OSError("gone")

    futures = run_ahead(items(), lambda n: n, ahead=2, workers=1)
    assert next(futures).result() == 1
    with pytest.raises(OSError, match="gone"):
        next(futures)


def test_which_images_are_predicted_together_depends_on_them_alone():
    pixels = [(0, 30), (0, 30), (0, 10), (0, 10), (0, 500), (1, 10), (1, 10), (2, 10)]
    reads = [Read(lambda: None, pixels=count, group=group) for group, count in pixels]
    budget = Budget(100)
    given = []
    for read in admit(reads, budget, together=2):
        given.append(read and read.pixels)
        budget.give_back(read.pixels if read else 0)
    assert given == [30, None, 30, 10, None, 10, None, 500, None, 10, 10, None, 10]

"""What processes tell each other; alone they tell themselves."""

from tasks.processes import (
    advance,
    find_largest,
    first_goes_first,
    from_first,
    gather,
    interleave,
    sum_up,
    together,
    wait_for_all,
)


def test_what_was_dealt_out_comes_back_in_its_order() -> None:
    for world in (1, 2, 3, 4):
        for length in (0, 1, 7):
            parts = [list(range(length))[rank::world] for rank in range(world)]
            assert interleave(parts) == list(range(length))


def test_a_process_alone_does_everything_itself() -> None:
    with together("cpu", timeout=1), first_goes_first():
        assert from_first(lambda: 3) == 3
        assert gather("a") == ["a"]
        assert find_largest([2, 5]) == [2, 5]
        assert sum_up(3) == 3
        advance()
        wait_for_all()

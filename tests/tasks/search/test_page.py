from types import SimpleNamespace

import optuna
import pytest
from optuna.trial import TrialState

from tasks.search.page import draw_front, find_front
from tasks.search.plan import LATENCY, reward


@pytest.mark.parametrize(
    ("points", "front"),
    [
        ([], []),
        ([(1.0, 0.5)], [0]),
        ([(2.0, 0.6), (1.0, 0.5), (3.0, 0.55), (2.0, 0.7), (4.0, 0.7)], [1, 3]),
        ([(1.0, 0.5), (1.0, 0.5)], [0]),
    ],
)
def test_the_front_is_what_none_beats_in_both(points: list[tuple[float, float]], front: list[int]) -> None:
    assert find_front(points) == front


def test_the_reward_is_the_papers() -> None:
    assert reward(0.6, 8.0, 8.0, -0.07) == 0.6
    # MnasNet, section 3: at w = -.07 twice the latency is worth 5 % more accuracy
    assert reward(0.6 * 1.05, 16.0, 8.0, -0.07) == pytest.approx(0.6, abs=1e-3)
    assert reward(0.6, 4.0, 8.0, -0.15) == pytest.approx(0.6 * 2**0.15)


def test_the_first_training_in_full_that_came_to_its_end_has_the_legend() -> None:
    finals = optuna.create_study(direction="maximize")
    for state, value in ((TrialState.FAIL, None), (TrialState.COMPLETE, 0.5)):
        trial = finals.ask()
        trial.set_user_attr(LATENCY, 8.0)
        finals.tell(trial, value, state)
    plan = SimpleNamespace(metric="mIoU", target=8.0, config=SimpleNamespace(power=-0.07))
    chart = draw_front(plan, [], finals)  # type: ignore[arg-type]
    assert chart is not None
    assert "trained in full" in str(chart)

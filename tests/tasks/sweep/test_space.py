"""What a file of a search says, and what is wrong with it."""

from pathlib import Path

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FixedTrial

from data.errors import InputError
from tasks.sweep.space import read_space

FILE = """
lr: {low: 0.01, high: 1, log: true}
optimizer: {momentum: {low: 0, high: 0.9, step: 0.1}}
batch_size: {low: 4, high: 16, step: 4}
size: [[192, 288], 320]
weights: [null, imagenet, my file.pth]
model.bn_momentum: [0.1, 0.03]
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "space.yaml"
    path.write_text(text)
    return path


def test_a_trial_draws_each_option_as_hydra_takes_it(tmp_path: Path) -> None:
    chosen = {
        "lr": 0.1,
        "optimizer.momentum": 0.5,
        "batch_size": 8,
        "size": "[192,288]",
        "weights": "'my file.pth'",
        "model.bn_momentum": "0.03",
    }
    trial = FixedTrial(chosen)
    drawn = read_space(write(tmp_path, FILE), ()).draw(trial)  # type: ignore[arg-type]
    assert drawn == (
        "lr=0.1",
        "optimizer.momentum=0.5",
        "batch_size=8",
        "size=[192,288]",
        "weights='my file.pth'",
        "model.bn_momentum=0.03",
    )
    assert trial.distributions == {
        "lr": FloatDistribution(0.01, 1, log=True),
        "optimizer.momentum": FloatDistribution(0, 0.9, step=0.1),
        "batch_size": IntDistribution(4, 16, step=4),
        "size": CategoricalDistribution(("[192,288]", "320")),
        "weights": CategoricalDistribution(("null", "imagenet", "'my file.pth'")),
        "model.bn_momentum": CategoricalDistribution(("0.1", "0.03")),
    }


def test_whole_numbers_are_the_ends_of_all_numbers_where_the_option_takes_them(tmp_path: Path) -> None:
    trial = FixedTrial({"lr": 1.5})
    assert read_space(write(tmp_path, "lr: {low: 1, high: 2}"), ()).draw(trial) == ("lr=1.5",)  # type: ignore[arg-type]


def test_each_choice_and_each_end_is_tried_beforehand(tmp_path: Path) -> None:
    space = read_space(write(tmp_path, "lr: {low: 0.01, high: 1}\nbackbone: [small, large]"), ())
    assert list(space.list_ends()) == ["lr=0.01", "lr=1", "backbone=small", "backbone=large"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no options"),
        ("- lr", "holds no options"),
        ("rate: [1, 2]", "rate: there is no such option"),
        ("learning_rate: [1, 2]", "did you mean lr?"),
        ("out: [a, b]", "out: not searched over"),
        ("lr: 0.1", r"lr: 0.1; expected \[a, b\] or \{low: 1, high: 2\}"),
        ("lr: [0.1]", "expected two choices or more, each once"),
        ("lr: [0.1, 0.1]", "expected two choices or more, each once"),
        ("lr: {low: 1}", "lr.high: none given"),
        ("lr: {low: 2, high: 1}", "lr.high: 1 with low=2; expected more"),
        ("lr: {low: 0, high: 1, log: true}", "lr.low: 0 with log=true; expected a number above 0"),
        ("lr: {low: 1, high: 2, log: true, step: 1}", "lr.step: 1 with log=true; expected one of them"),
        ("lr: {low: 1, high: 2, step: 3}", "lr.step: 3; expected a number above 0, up to high - low"),
        ("lr: {low: 0.1, high: 1, step: 0.2}", "lr.step: 0.2; expected one that leads from low=0.1 to high=1"),
        ("batch_size: {low: 8, high: 30, step: 8}", "expected one that leads from low=8 to high=30"),
        ("lr: {low: 1, high: .inf}", "lr.high: inf; expected a finite number"),
        ("optimizer.momentum: [0, 0.5]\noptimizer: {momentum: [0, 0.9]}", "optimizer.momentum: appears twice"),
        ("lr: {low: 1, high: 2, base: 3}", "lr.base: there is no such option"),
        ("batch_size: {low: 1.5, high: 2}", "batch_size.low: 1.5; expected an integer"),
        ("optimizer.name: {low: 1, high: 2}", "expected a list of choices, as it is no number"),
        ("backbone: {low: 1, high: 2}", "expected a list of choices, as it is no number"),
        ("seed: [1, 2]", "seed: on the command line, too; expected one of both"),
        ("lr: !!python/name:os.system [1, 2]", "not readable as YAML"),
    ],
)
def test_what_cannot_be_searched_over_is_named(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said) as raised:
        read_space(write(tmp_path, text), ("seed=3",))
    assert str(tmp_path / "space.yaml") in str(raised.value)

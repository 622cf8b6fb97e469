from pathlib import Path

import pytest

from tests.support.demos import train_demo

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]


@pytest.mark.parametrize(
    ("experiment", "metric", "least"),
    [
        pytest.param("demo_ssdlite", "mAP", 0.57, marks=pytest.mark.xdist_group("demo_ssdlite")),
        pytest.param("demo_lraspp", "mIoU", 0.64, marks=pytest.mark.xdist_group("demo_lraspp")),
    ],
)
def test_the_demo_learns_its_scenes(experiment: str, metric: str, least: float, shared: Path) -> None:
    assert train_demo(experiment, shared).metrics[metric] >= least

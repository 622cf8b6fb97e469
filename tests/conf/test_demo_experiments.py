from pathlib import Path

import pytest

from tasks.train.command import train
from tests.support.runs import load_config

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("experiment", "metric", "least"), [("demo_ssdlite", "mAP", 0.57), ("demo_lraspp", "mIoU", 0.64)]
)
def test_the_demo_learns_its_scenes(experiment: str, metric: str, least: float, tmp_path: Path) -> None:
    places = [f"dataset.root={tmp_path / 'synthetic'}", f"out={tmp_path / 'run'}", "trainer.progress_bar=false"]
    assert train(load_config("train", f"experiment={experiment}", *places))[metric] >= least

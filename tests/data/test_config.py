import subprocess
import sys
from dataclasses import replace

import pytest

from data.config import DatasetConfig


def test_a_configuration_is_checked_without_the_slow_imports():
    slow = {"torch", "cv2", "numpy", "PIL", "albumentations"}
    code = f"import data.config, sys; print({slow} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"


def test_an_unknown_cache_is_refused():
    with pytest.raises(ValueError, match=r"cache: unknown 'tape'; choose from none, memory, disk"):
        DatasetConfig("coco", "", "train", "val", cache="tape")


def test_a_role_is_described_by_its_splits_and_its_share():
    dataset = DatasetConfig("masks", "data", train="all", val="val")
    assert [dataset.describe_part(role) for role in ("train", "val")] == ["all", "val"]
    shared = replace(dataset, train=("all", "extra"), val_share=0.2)
    assert [shared.describe_part(role) for role in ("train", "val")] == ["80% of all + extra", "20% of all + extra"]

import pytest

from data.classes import ClassTable
from data.config import DatasetConfig
from tasks.models.architecture import Arch
from tasks.models.description import Description
from tasks.models.network import build_model
from tasks.models.postprocessing import Postprocessing
from tasks.models.preprocessing import Preprocessing
from tasks.profiling.summary import describe_model

CLASSES = ClassTable.create(["a", "b"], [1, 2])
DATASET = DatasetConfig("coco", "data", "train", "val")


@pytest.mark.parametrize(
    ("arch", "size", "expected"),
    [
        (Arch("ssdlite", "small", 2), (96, 64), [96, 64]),
        (Arch("lraspp", "small", 2, output_stride=16), None, [65, 97]),  # TensorFlow's: a multiple of 16 plus 1
        (Arch("lraspp", "small", 2, output_stride=16), 32, [33, 49]),
    ],
)
def test_a_model_is_counted_for_what_enters_it(arch, size, expected):
    boxes = Postprocessing() if arch.head == "ssdlite" else None
    description = Description(arch, CLASSES, Preprocessing(size), boxes, DATASET)
    found = describe_model(description, image=(64, 96))
    assert found["input"] == expected
    assert found["params"] == sum(parameter.numel() for parameter in build_model(arch).parameters())
    assert sum(stage["madds"] for stage in found["stages"]) == found["madds"] > 0

import pytest

from data.classes import ClassTable
from tasks.models.architecture import Arch
from tasks.models.description import Description
from tasks.models.network import build_model
from tasks.models.postprocessing import Postprocessing
from tasks.models.preprocessing import Preprocessing
from tasks.runs.recording import describe_model, name_split, usual_size
from tests.data.test_fingerprint import write_boxes

CLASSES = ClassTable.create(["a", "b"], [1, 2])


def test_a_share_of_a_split_is_named_as_one():
    dataset = {"train": "all", "val": "val", "val_share": None}
    assert [name_split(dataset, part) for part in ("train", "val")] == ["all", "val"]
    shared = dataset | {"val_share": 0.2}
    assert [name_split(shared, part) for part in ("train", "val")] == ["80% of all", "20% of all"]


def test_the_first_images_alone_are_described_with_their_own_boxes(tmp_path):
    reader = write_boxes(tmp_path, image_id=2)
    first = reader.subset([0]).fingerprint()
    assert (reader.fingerprint()["boxes"], first["boxes"], first["images"]) == (1, 0, 1)
    assert first["width"] == [40, 40]


def test_the_usual_size_is_the_one_that_most_images_have(tmp_path):
    assert usual_size(write_boxes(tmp_path, side=60)) == (30, 60)


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
    description = Description(arch, CLASSES, Preprocessing(size), boxes, {"name": "coco"})
    found = describe_model(description, image=(64, 96))
    assert found["input"] == expected
    assert found["params"] == sum(parameter.numel() for parameter in build_model(arch).parameters())
    assert sum(stage["madds"] for stage in found["stages"]) == found["madds"] > 0

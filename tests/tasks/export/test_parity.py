"""A right export passes; a fault is found at the stage that has it."""

import json

import numpy as np
import pytest

from data.errors import InputError
from tasks.export.parity import compare_stages
from tasks.files import write_json
from tasks.formats.onnx import open_session
from tasks.formats.ports import Port
from tests.tasks.export.faults import FAULTS, SIZE, TorchSession, build, draw, right, show, write_onnx


@pytest.mark.parametrize("task", ["ssdlite", "lraspp"])
def test_a_right_export_passes_and_says_how_near_it_is(task, exported, tmp_path):
    graph = right(task)
    parity = compare_stages(graph, open_session(exported(task), threads=1), show())
    assert parity.passed
    assert {stage.judgement.verdict for stage in parity.stages} == {"equal"}
    write_json(tmp_path / "parity.json", parity.to_dict())
    told = json.loads((tmp_path / "parity.json").read_text())
    assert told["passed"]
    assert told["first_that_diverges"] is None
    assert max(stage["relative_largest"] for stage in told["stages"]) < 1e-5
    assert all(stage["largest"] < stage["sensitivity_largest"] / 100 for stage in told["stages"])


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_at_its_own_stage(name):
    fault = FAULTS[name]
    parity = compare_stages(right(fault.task), TorchSession(fault.plant()), show(2))
    assert parity.first is not None
    assert parity.first.name == fault.stage


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_a_file_is_found_at_its_own_stage(name, tmp_path):
    fault = FAULTS[name]
    session = write_onnx(fault.plant(), tmp_path / "model.onnx")
    parity = compare_stages(right(fault.task), session, show(2))
    assert parity.first is not None
    assert parity.first.name == fault.stage


def test_stages_follow_each_other_as_they_are_computed():
    graph = right("lraspp")
    names = [stage.name for stage in compare_stages(graph, TorchSession(graph), show(1)).stages]
    rows = [f"row_{number}" for number in range(1, 12)]
    assert names == ["preprocessing", *rows[:2], "skip", *rows[2:], "C5", "logits", "enlarged", "labels", "scores"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "settings", "last"),
    [
        ("ssdlite", {"nms": False}, "deltas, level 6"),
        ("lraspp", {"argmax": "none"}, "logits"),
        ("lraspp", {"argmax": "low"}, "scores"),
        ("lraspp", {"input": "float"}, "scores"),
        ("ssdlite", {"batch": 2}, "labels"),
        ("lraspp", {"batch": None}, "scores"),
    ],
)
def test_whatever_is_in_a_file_is_compared(task, settings, last):
    graph = draw(task, build(task), **settings)
    parity = compare_stages(graph, TorchSession(graph), show(3))
    assert parity.passed
    assert parity.stages[-1].name == last
    assert parity.stages[0].shift.largest == pytest.approx(0.5 / 255 / 0.2, rel=1e-3)


class Integers(TorchSession):
    """A file that takes and gives integers which stand for numbers."""

    def __init__(self, graph):
        super().__init__(graph)
        self.input = Port("images", (1, 3, *SIZE), "int8", scale=0.03, zero_point=5)
        self.outputs = tuple(
            Port(port.name, port.shape, "int8", scale=0.2, zero_point=-3) if port.name == "logits" else port
            for port in self.outputs
        )

    def __call__(self, images):
        assert images.dtype == np.int8
        found = super().__call__(self.input.read(images))
        ports = {port.name: port for port in self.outputs}
        return {name: ports[name].store(values) if name == "logits" else values for name, values in found.items()}


def test_integers_are_compared_as_the_numbers_that_they_stand_for():
    graph = draw("lraspp", build("lraspp"), input="float")
    parity = compare_stages(graph, Integers(graph), show(2), precision="int8")
    (logits,) = [stage for stage in parity.stages if stage.name == "logits"]
    assert parity.passed
    assert 0.1 < logits.own.largest < 0.2 * len(show(2))


class Shortened(TorchSession):
    """A file with an anchor less."""

    def __call__(self, images):
        found = super().__call__(images)
        return found | {"class_logits": found["class_logits"][:, 1:]}


def test_a_stage_of_another_shape_differs():
    parity = compare_stages(right("ssdlite"), Shortened(right("ssdlite")), show(1))
    assert [stage.name for stage in parity.stages if not stage.judgement.passed] == [
        f"class_logits, level {level}" for level in range(1, 7)
    ]


class Overflowing(TorchSession):
    """A file whose C5 is too large for its type."""

    def __call__(self, images):
        found = super().__call__(images)
        return found | {"C5": np.full_like(found["C5"], np.inf)}


def test_values_that_are_not_finite_differ_and_are_written_as_none(tmp_path):
    graph = right("lraspp")
    parity = compare_stages(graph, Overflowing(graph), show(1))
    assert parity.first is not None
    assert parity.first.name == "C5"
    write_json(tmp_path / "parity.json", parity.to_dict())
    assert parity.first.to_dict()["largest"] is None


def test_a_file_without_a_stage_and_no_images_are_refused():
    graph = right("lraspp")
    session = TorchSession(graph)
    session.outputs = session.outputs[1:]
    with pytest.raises(InputError, match="does not give 'preprocessing'; expected all of preprocessing, row_1"):
        compare_stages(graph, session, show(1))
    with pytest.raises(InputError, match="no images; expected at least one"):
        compare_stages(graph, session, show(1)[:0])

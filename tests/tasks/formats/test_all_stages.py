"""A graph that gives all of its stages."""

import pytest
import torch

from backbones.mobilenetv3 import MobileNetV3
from tasks.formats.graph import give_all, tap_rows
from tests.tasks.export.faults import SIZE, right, show


@torch.no_grad()
@pytest.mark.parametrize("task", ["ssdlite", "lraspp"])
def test_its_outputs_are_the_stages_and_those_of_the_graph_are_unchanged(task):
    graph = right(task)
    outputs, whole, images = graph.outputs, give_all(graph), torch.from_numpy(show(1))
    found = dict(zip(whole.outputs, whole(images), strict=True))
    assert graph.outputs == outputs
    assert len(graph(images)) == len(outputs)
    for name, values in zip(outputs, graph(images), strict=True):
        assert torch.equal(found[name], values)


@torch.no_grad()
def test_a_row_is_what_its_block_gives():
    whole, seen = give_all(right("ssdlite")), []
    backbone = whole.get_submodule("backbone")
    assert isinstance(backbone, MobileNetV3)
    for block in backbone.blocks:
        block.register_forward_hook(lambda block, inputs, maps: seen.append(maps.out))
    found = dict(zip(whole.outputs, whole(torch.from_numpy(show(1))), strict=True))
    assert len(seen) == 11
    assert all(torch.equal(found[f"row_{number}"], maps) for number, maps in enumerate(seen, start=1))


def test_a_row_that_is_tapped_already_is_not_given_twice():
    points = {"C5": ("last", "out"), "low": (2, "out"), "C4": (3, "expand"), "skip": (2, "depthwise")}
    assert tap_rows(points, rows=3) == {"row_1": (1, "out"), **points, "row_3": (3, "out")}
    assert list(tap_rows(points, rows=3)) == ["row_1", "skip", "low", "C4", "row_3", "C5"]


def test_the_levels_of_a_detector_are_those_of_its_anchors():
    graph = right("ssdlite")
    assert graph.levels == dict.fromkeys(("class_logits", "deltas"), (24 * 3, 6 * 6, 2 * 6, 6, 6, 6))
    assert sum(graph.levels["deltas"]) == len(graph.head.anchors(SIZE))

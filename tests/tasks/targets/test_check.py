"""What accelerators would refuse is found in real graphs, each rule in one, and options of this project cure it."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
import torch

from data.errors import InputError
from tasks.detection.graph import DetectorGraph
from tasks.formats.graph import Graph
from tasks.formats.settings import GraphSettings, Precision
from tasks.segmentation.graph import SegmenterGraph
from tasks.targets.check import Finding, apply_rules, check_target, format_findings, to_dict
from tasks.targets.layers import read_layers
from tasks.targets.network import Layer, Network
from tasks.targets.notes import NOTES
from tasks.targets.rule import TARGETS, Rule
from tasks.targets.rules import RULES
from tasks.task import find_task
from tests.support.runs import describe, load_config
from tests.support.starts import CLASSES

CONF = Path(__file__).parents[3] / "conf"


@cache
def make_graph(task: str, *options: str, classes: int = 0, **settings: Any) -> Graph:
    """Build a small model and its graph."""
    config = load_config("train", f"task={task}", "backbone=small", "model.width=0.35", *options)
    description = describe(config, CLASSES)
    if classes:
        description = replace(description, arch=replace(description.arch, num_classes=classes))
    torch.manual_seed(0)
    model = find_task(description.arch.head).parts.build(description).eval()
    make: Callable[[Any, GraphSettings], Graph] = DetectorGraph if task == "ssdlite" else SegmenterGraph
    return make(model, GraphSettings(**{"size": (64, 64), **settings}))


@cache
def read(graph: Graph) -> list[Layer]:
    """Trace a graph once."""
    return read_layers(graph)


def check(target: str, graph: Graph, **settings: Any) -> dict[str, Finding]:
    """Return what the rules find in a graph in integers, by what they are about."""
    network = Network(read(graph), replace(graph.settings, **settings), "int8")
    return {finding.rule.about: finding for finding in apply_rules(target, network)}


def plain_detector() -> Graph:
    return make_graph("ssdlite", "model.output_stride=16")


def cured_detector() -> Graph:
    return make_graph("ssdlite", "model.minimalistic=true", nms=False)


@cache
def list_networks() -> list[Network]:
    """Return networks in which each rule finds something, and some in which it does not."""
    wide = make_graph("lraspp", size=(224, 2400), scores=True)
    segmenters = [make_graph("lraspp_torchvision", size=(240, 240)), make_graph("raspp", classes=128)]
    cases = [(graph, graph.settings) for graph in (plain_detector(), cured_detector(), wide, *segmenters)]
    cases += [(wide, replace(wide.settings, batch=4)), (wide, replace(wide.settings, batch=None, input="float"))]
    precisions: tuple[Precision, ...] = get_args(Precision)
    return [Network(read(graph), settings, precision) for graph, settings in cases for precision in precisions]


def name_rule(rule: Rule) -> str:
    return f"{rule.target}, {rule.about}"


@pytest.mark.parametrize("rule", RULES, ids=name_rule)
def test_each_rule_finds_something_in_some_network(rule: Rule) -> None:
    networks = list_networks()
    found = [rule.finds(network) for network in networks]
    assert any(found)
    assert not all(found)


def test_coral_is_told_of_h_swish_and_squeeze_and_excite_and_then_no_more() -> None:
    assert {about: finding.cures for about, finding in check("coral", plain_detector()).items()} == {
        "h-swish": ("model.minimalistic=true", "hswish=parts"),
        "squeeze-and-excite": ("model.minimalistic=true",),
        "NMS": ("nms=false",),
    }
    assert check_target("coral", cured_detector(), precision="int8") == []


def test_h_swish_in_parts_is_no_h_swish() -> None:
    assert not check("qnn", make_graph("ssdlite", nms=False, hswish="parts"))


def test_layers_are_counted_and_named_as_the_model_names_them() -> None:
    gates = [name for name, module in plain_detector().named_modules() if isinstance(module, torch.nn.Hardsigmoid)]
    found = check("qnn", plain_detector())["hard sigmoid"]
    assert found.layers == tuple(gates)
    assert found.to_dict()["count"] == len(gates) == 9


def test_an_ethos_u_takes_resizes_of_aligned_corners_alone() -> None:
    assert not check("ethos-u", make_graph("lraspp"))
    found = check("ethos-u", make_graph("lraspp_torchvision", size=(240, 240)))
    assert {about: finding.cures for about, finding in found.items()} == {
        "bilinear resize": ("argmax=low", "argmax=none", "model.aspp=tensorflow")
    }


def test_what_is_set_already_is_no_cure() -> None:
    graph = make_graph("raspp", classes=128)
    assert check("rockchip", graph)["bilinear resize"].cures == ("argmax=low", "argmax=none")
    assert check("rockchip", graph, argmax="low")["bilinear resize"].cures == ("argmax=none",)


def test_an_unknown_target_is_refused_with_the_choices() -> None:
    with pytest.raises(InputError, match="target: unknown 'edgetpu'; choose from coral, ethos-u"):
        check_target("edgetpu", cured_detector(), precision="int8")


def test_no_network_has_more_than_four_dimensions() -> None:
    ranks = {len(shape) for network in list_networks() for layer in network.layers for shape in layer.inputs}
    ranks |= {len(layer.output) for network in list_networks() for layer in network.layers}
    assert max(ranks) == 4


@pytest.mark.parametrize("cure", sorted({cure for rule in RULES for cure in rule.cures}))
def test_each_cure_is_an_option_with_that_value(cure: str) -> None:
    option, value = cure.split("=")
    if option == "task":
        assert (CONF / f"task/{value}.yaml").is_file()
    elif option.startswith("model."):
        configs = (
            load_config("train", "task=lraspp", "backbone=small", f"{cure}"),
            load_config("train", "task=lraspp"),
        )
        archs = [describe(config, CLASSES).arch for config in configs]  # refuses what is no choice
        assert archs[0] != archs[1] or getattr(archs[1], option.removeprefix("model.")) == value
    else:
        assert allows({**get_type_hints(GraphSettings), "precision": Precision}[option], value)


def allows(kind: object, value: str) -> bool:
    """Tell whether an option of this type takes a value."""
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    return value in ("true", "false") if kind is bool else value.isdigit()


def test_each_target_has_rules_and_notes_and_each_row_a_target() -> None:
    assert {rule.target for rule in RULES} == {note.target for note in NOTES} == set(TARGETS)


def test_targets_json_says_the_same_and_that_nothing_was_compiled() -> None:
    found = list(check("coral", plain_detector()).values())
    told = json.loads(json.dumps(to_dict("coral", found)))
    assert told["caution"] == "read from documents, not compiled"
    assert [row["cures"] for row in told["findings"]] == [list(finding.cures) for finding in found]
    assert all(row["source"]["address"].startswith("https://") for row in told["findings"])


def test_the_text_says_that_nothing_was_compiled_and_what_cures() -> None:
    text = format_findings("coral", list(check("coral", plain_detector()).values()))
    assert text.splitlines()[0].startswith("Coral, by the Edge TPU compiler (read from documents, not compiled): ")
    assert "  h-swish, 18: backbone.stem.act, " in text
    assert "    model.minimalistic=true in training or hswish=parts" in text
    assert format_findings("hailo", []).endswith("no finding")

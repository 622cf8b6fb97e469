import numpy as np
import pytest
import torch
from torch import nn

from tasks.export.sensitivity import SILENT, list_layers, measure_layers, quantized, signal_to_noise
from tasks.formats.settings import GraphSettings
from tasks.models.network import build_model
from tasks.profiling.counting import CONVENTIONS, count_madds
from tasks.task import find_task
from tests.support.exports import SIZE, random_images, small_model


def raw_graph(task):
    model = small_model(task)
    own = find_task(model.description.arch.head)
    return model, own.parts.build_graph(model, GraphSettings(size=SIZE, batch=2, **dict(own.raw_output)))


def test_decibel_by_hand():
    signal = torch.tensor([3.0, -4.0])
    assert signal_to_noise(signal, signal + torch.tensor([0.3, -0.4])) == pytest.approx(20)
    assert signal_to_noise(signal, signal) == SILENT


def test_a_layer_in_integers_by_hand():
    layer = nn.Conv2d(1, 1, 1, bias=False)
    layer.weight.data = torch.tensor([[[[1.27]]]])
    x = torch.tensor([0.0, 0.4, 0.6, 255.0]).reshape(1, 1, 1, 4)  # steps of 1 from 0 to 255
    with torch.no_grad(), quantized(layer, (0.0, 255.0)):
        found = layer(x).flatten()
    assert found.tolist() == pytest.approx([0, 0, 1.27, 255 * 1.27])
    assert float(layer.weight.detach()) == pytest.approx(1.27)


@pytest.mark.parametrize("task", ["ssdlite", "lraspp"])
def test_every_convolution_has_its_multiply_adds_and_its_noise(task):
    model, graph = raw_graph(task)
    layers = measure_layers(graph, random_images())
    assert {layer.name for layer in layers} == set(list_layers(graph))
    assert [layer.signal_to_noise for layer in layers] == sorted(layer.signal_to_noise for layer in layers)
    assert 5 < layers[0].signal_to_noise < layers[-1].signal_to_noise
    with torch.device("meta"):
        network = build_model(model.description.arch).eval()
    size = SIZE if task == "ssdlite" else (65, 97)  # with padding
    convolutions = count_madds(network, size, formulas=CONVENTIONS["products"].formulas)
    assert sum(layer.madds for layer in layers) == convolutions


def test_a_layer_with_one_wild_channel_suffers_most():
    _, graph = raw_graph("ssdlite")
    stem = dict(graph.named_modules())["backbone.stem.conv"]
    stem.weight.data[0] *= 1e4  # its output's range is that of one channel
    layers = measure_layers(graph, np.asarray(random_images()))
    assert any(layer.name.startswith("backbone.blocks.0") for layer in layers[:4])

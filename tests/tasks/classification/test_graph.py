from dataclasses import replace

import pytest
import torch

from tasks.classification.classifier import Classifier
from tasks.classification.exported import ExportedClassifier, describe_outputs
from tasks.classification.graph import ClassifierGraph
from tasks.formats.graph import give_all
from tasks.formats.settings import GraphSettings
from tasks.models.architecture import Arch
from tests.support.peers import show_images
from tests.support.random_weights import randomize
from tests.tasks.classification.test_classifier import DESCRIPTION


@torch.no_grad()
@pytest.mark.parametrize("scores", ["softmax", "sigmoid"])
@pytest.mark.parametrize("hswish", ["native", "parts"])
def test_the_graph_gives_the_models_probabilities(scores, hswish):
    description = replace(DESCRIPTION, arch=Arch("classifier", "small", 3, scores=scores))
    model = randomize(Classifier(description))
    images = show_images((64, 96))
    graph = ClassifierGraph(model, GraphSettings(size=(64, 96), batch=2, hswish=hswish))
    (found,) = graph(images.permute(0, 2, 3, 1))
    torch.testing.assert_close(found, model(images), rtol=1e-4, atol=1e-5)
    assert graph.outputs == ("scores",)
    assert give_all(graph).outputs[-3:] == ("C5", "logits", "scores")
    assert list(describe_outputs(description, graph.settings)) == ["scores"]


class Session:
    """A file that gives the mean of each channel as the score of a class."""

    def run(self, values):
        return {"scores": values.astype("float32").mean((1, 2))}


def test_an_exported_file_is_used_like_the_model(monkeypatch):
    monkeypatch.setattr("tasks.formats.running.compute", lambda session, values: session.run(values))
    exported = ExportedClassifier(DESCRIPTION, GraphSettings(size=(64, 96)), Session())
    images = show_images((64, 96), scenes=2)  # more than the file takes at once
    torch.testing.assert_close(exported(images), images.float().mean((2, 3)))

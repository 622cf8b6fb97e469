"""A classifier as one static graph: image in, the probability of each class out; every stage has a name."""

from torch import Tensor

from tasks.classification.classifier import Classifier, to_scores
from tasks.formats.graph import PREPROCESSING, Graph, Stages
from tasks.formats.rewriting import copy_of, rewrite
from tasks.formats.settings import GraphSettings

LOGITS = "logits"  # (N, K) float32, of the head
SCORES = "scores"  # (N, K) float32, 0 to 1


class ClassifierGraph(Graph):
    """A classifier as one static graph, whose output is "scores" (N, K) float32: the probability of each class.

    Args:
        model: the classifier.
        settings: what goes into the graph.
    """

    raw = (LOGITS,)

    def __init__(self, model: Classifier, settings: GraphSettings) -> None:
        description = model.description
        super().__init__(settings, description.preprocessing, outputs=(SCORES,))
        own = copy_of(model)
        self.backbone, self.head = own.backbone, own.head
        self.scores = description.arch.scores
        rewrite(self, self.example(), parts=settings.hswish == "parts")

    def stages(self, images: Tensor) -> Stages:
        """Return every stage: the input, the maps, the logits, the scores."""
        x = self.enter(images)
        features = self.backbone(x)
        logits = self.head(features)
        return {PREPROCESSING: x, **features, LOGITS: logits, SCORES: to_scores(logits, self.scores)}

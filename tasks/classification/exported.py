"""An exported classifier in use, like the model that it was exported from."""

from typing import Any

from torch import Tensor

from tasks.classification.graph import SCORES
from tasks.formats.running import ExportedModel
from tasks.formats.settings import GraphSettings
from tasks.models.description import Description


class ExportedClassifier(ExportedModel):
    """An exported classifier: what `tasks.classification.classifier.Classifier` gives, from a file."""

    def forward(self, images: Tensor) -> Tensor:
        """Predict the probability of each class (N, K) float32 from images (N, 3, H, W), 0 to 255."""
        return self.network(images)[SCORES].float()


def describe_outputs(description: Description, settings: GraphSettings) -> dict[str, str]:
    """Say what each output of an exported classifier means."""
    each = "they sum up to 1" if description.arch.scores == "softmax" else "each by itself"
    return {SCORES: f"(N, K): the probability of each class, {each}"}


def describe_decoding(description: Description, settings: GraphSettings) -> dict[str, Any]:
    """Return that nothing is left to decode."""
    return {"kind": "scores", "by": "the file", "takes": [SCORES]}

"""A segmenter as one static graph: image in, a class for each pixel out; every stage has a name."""

import torch
from torch import Tensor

from heads.lraspp import resize
from tasks.formats.graph import PREPROCESSING, Graph, Stages
from tasks.formats.rewriting import copy_of, rewrite
from tasks.formats.settings import GraphSettings
from tasks.segmentation.postprocess import pad_to_grid
from tasks.segmentation.segmenter import Segmenter

LOGITS = "logits"  # (N, K, h, w) float32, of the head
LABELS = "labels"  # (N, H, W) or (N, h, w) uint8, class indices
PROBABILITIES = "scores"  # of the same shape, float32: how probable that class is


class SegmenterGraph(Graph):
    """A segmenter as one static graph.

    Its output is "labels" uint8, class indices of each pixel (N, H, W), or, by `settings.argmax` "low", of each cell
    of the head's map (N, h, w); or, by "none", the "logits" (N, K, h, w) of these cells. With `settings.scores`
    "scores" float32 come beside the labels, of the same shape: the probability of that class.

    Args:
        model: the segmenter.
        settings: what goes into the graph.
    """

    raw = (LOGITS,)

    def __init__(self, model: Segmenter, settings: GraphSettings) -> None:
        description = model.description
        outputs = (LOGITS,) if settings.argmax == "none" else (LABELS, PROBABILITIES)[: 1 + settings.scores]
        super().__init__(settings, description.preprocessing, outputs=outputs)
        own = copy_of(model)
        self.backbone, self.head = own.backbone, own.head
        self.output_stride = description.arch.output_stride
        rewrite(self, self.example(), parts=settings.hswish == "parts")

    def stages(self, images: Tensor) -> Stages:
        """Return every stage: the input, the maps, the logits, and by `settings.argmax` what follows from them."""
        x = self.enter(images)
        padded = pad_to_grid(x, stride=self.output_stride) if self.head.align_corners else x
        features = self.backbone(padded)
        logits = self.head(features)
        found = {PREPROCESSING: padded, **features, LOGITS: logits}
        return found if self.settings.argmax == "none" else found | self.classify(logits, padded)

    def classify(self, logits: Tensor, padded: Tensor) -> Stages:
        """Take the best class of each pixel, or of each cell."""
        found: Stages = {}
        if self.settings.argmax == "full":
            height, width = self.settings.size
            size = (padded.shape[2], padded.shape[3])
            logits = resize(logits, size, align_corners=self.head.align_corners)[..., :height, :width]
            found["enlarged"] = logits
        # Before the conversion, or each format would pick its own type for the indices.
        found[LABELS] = logits.argmax(1).to(torch.uint8)
        if self.settings.scores:
            found[PROBABILITIES] = logits.softmax(1).amax(1)
        return found

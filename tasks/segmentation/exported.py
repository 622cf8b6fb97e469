"""An exported segmenter in use, like the model that it was exported from."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from data.sizes import Size
from heads.lraspp import resize
from heads.lraspp_conventions import CONVENTIONS
from tasks.formats.running import ExportedModel
from tasks.formats.settings import GraphSettings
from tasks.models.description import Description
from tasks.models.network import build_model
from tasks.segmentation.graph import LABELS, LOGITS
from tasks.segmentation.postprocess import find_padding, postprocess


class ExportedSegmenter(ExportedModel):
    """An exported segmenter: what `tasks.segmentation.segmenter.Segmenter` gives, from a file."""

    def raw(self, images: Tensor) -> Tensor:
        """Return logits (N, K, H, W) float32; where the file gives classes, 1 for a pixel's class and 0 for others."""
        found = self.network(images)
        if LOGITS in found:
            return self.enlarge(found[LOGITS].float())
        classes = F.one_hot(found[LABELS].long(), self.description.arch.num_classes)  # (N, h, w, K)
        votes = classes.permute(0, 3, 1, 2).float()  # (N, K, h, w)
        return votes if self.settings.argmax == "full" else self.enlarge(votes)

    def enlarge(self, cells: Tensor) -> Tensor:
        """Resize what the head's cells hold (N, K, h, w) to the images: (N, K, H, W)."""
        height, width = self.settings.size
        aligned = CONVENTIONS[self.description.arch.aspp].align_corners
        padded = find_padded(self.description, self.settings.size)
        return resize(cells, padded, align_corners=aligned)[..., :height, :width]

    def forward(self, images: Tensor, *, size: tuple[int, int] | None = None) -> Tensor:
        """Classify each pixel of images (N, 3, H, W), 0 to 255: class indices int64 (N, *size), else (N, H, W)."""
        wanted = size or (images.shape[-2], images.shape[-1])
        if self.settings.argmax == "full" and wanted == self.settings.size:  # what the file gives is the answer
            return self.network(images)[LABELS].long()
        return postprocess(self.raw(images), size=wanted)


def find_padded(description: Description, size: Size) -> Size:
    """Return the (height, width) of what enters the network for images of `size`."""
    arch = description.arch
    aligned = CONVENTIONS[arch.aspp].align_corners
    below, right = find_padding(size, stride=arch.output_stride) if aligned else (0, 0)
    return size[0] + below, size[1] + right


def find_cells(description: Description, padded: Size) -> Size:
    """Return the (height, width) of the head's map for what enters the network."""
    with torch.device("meta"):
        logits = build_model(description.arch).eval()(torch.zeros(1, 3, *padded))
    return logits.shape[2], logits.shape[3]


def describe_outputs(description: Description, settings: GraphSettings) -> dict[str, str]:
    """Say what each output of an exported segmenter means."""
    if settings.argmax == "none":
        return {"logits": "(N, K, h, w): of each cell of the head's map"}
    where = "pixel of the input, (N, H, W)" if settings.argmax == "full" else "cell of the head's map, (N, h, w)"
    found = {"labels": f"index into classes of each {where}"}
    return found | ({"scores": "of the same shape: the probability of that class"} if settings.scores else {})


def describe_decoding(description: Description, settings: GraphSettings) -> dict[str, Any]:
    """Return how the cells of the head's map lie on the image: enlarged by the file itself, or by whoever runs it."""
    padded = find_padded(description, settings.size)
    return {
        "kind": "cells",
        "by": "the file" if settings.argmax == "full" else "the caller",
        "takes": [LOGITS if settings.argmax == "none" else LABELS],
        "cells": list(find_cells(description, padded)),
        "resize": "bilinear",
        "align_corners": CONVENTIONS[description.arch.aspp].align_corners,
        "padded_size": list(padded),
        "crop": list(settings.size),
    }

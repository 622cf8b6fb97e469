"""A detector as one static graph: image in, boxes, scores and labels out; every stage has a name."""

from torch import Tensor
from torchvision.ops import clip_boxes_to_image

from heads.box_coder import decode
from heads.ssdlite import RawDetections
from tasks.detection.detector import Detector
from tasks.detection.postprocess import read_scores
from tasks.detection.static_nms import find_kept, rank_in_class
from tasks.formats.graph import PREPROCESSING, Graph, Stages
from tasks.formats.rewriting import copy_of, rewrite
from tasks.formats.settings import GraphSettings
from tasks.models.postprocessing import Postprocessing

RAW = ("class_logits", "deltas")
CANDIDATES = 3  # pairs of anchor and class that go into suppression, for each detection that may come out
FOUND = ("boxes", "scores", "labels")


class DetectorGraph(Graph):
    """A detector as one static graph.

    Its outputs are "class_logits" (N, A, 1 + K) and "deltas" (N, A, 4), see `heads.ssdlite.RawDetections`; or, with
    `settings.nms`, best first, "boxes" (N, D, 4) float32, xyxy in pixels of the input, "scores" (N, D) float32 and
    "labels" (N, D) int32, class indices. D is the most detections of an image; unused places hold 0, 0 and -1.

    Args:
        model: the detector.
        settings: what goes into the graph.
    """

    raw = RAW

    def __init__(self, model: Detector, settings: GraphSettings) -> None:
        description = model.description
        super().__init__(settings, description.preprocessing, outputs=FOUND if settings.nms else RAW)
        own = copy_of(model)
        self.backbone, self.head = own.backbone, own.head
        self.postprocessing, self.scores = own.postprocessing, description.arch.scores
        self.levels = dict.fromkeys(RAW, own.head.level_lengths(settings.size))
        self.candidates = count_candidates(own.postprocessing, settings)
        self.register_buffer("anchors", own.head.anchors(settings.size), persistent=False)
        rewrite(self, self.example(), parts=settings.hswish == "parts")

    anchors: Tensor

    def stages(self, images: Tensor) -> Stages:
        """Return every stage: the input, the maps, raw predictions, and with `settings.nms` what follows from them."""
        x = self.enter(images)
        features = self.backbone(x)
        raw: RawDetections = self.head(features)
        found = {PREPROCESSING: x, **features, "class_logits": raw.class_logits, "deltas": raw.deltas}
        return found | self.suppress(raw) if self.settings.nms else found

    def suppress(self, raw: RawDetections) -> Stages:
        """Decode all boxes, choose the best pairs of anchor and class, drop those that overlap better ones."""
        settings = self.postprocessing
        decoded = clip_boxes_to_image(decode(raw.deltas, self.anchors), self.settings.size)  # (N, A, 4)
        scores = read_scores(raw.class_logits, self.scores)  # (N, A, K)
        k, m = scores.shape[2], min(self.candidates, scores.shape[1] * scores.shape[2])
        # The best M pairs lie on the M anchors whose best class scores highest, so these are found first.
        anchors = scores.amax(2).topk(min(m, scores.shape[1]), dim=1).indices  # (N, M')
        scores = scores.gather(1, anchors[..., None].expand(-1, -1, k))  # (N, M', K)
        best, pair = scores.flatten(1).topk(m, dim=1)  # (N, M)
        row = pair.div(k, rounding_mode="trunc")  # `//` and `%` would also look for negative numbers
        # In floats, which hold these integers: quantisers take a factor of integers for one of floats.
        anchors, labels = anchors.gather(1, row), pair.float() - row.float() * k  # (N, M)
        candidates = decoded.gather(1, anchors[..., None].expand(-1, -1, 4))  # (N, M, 4)
        valid = (best > settings.score_threshold).float()
        if settings.per_class is not None:
            valid = valid * (rank_in_class(labels) <= settings.per_class).float()
        kept = valid * find_kept(candidates, labels, iou_threshold=settings.iou_threshold)
        found, place = (best * kept).topk(min(settings.max_detections, m), dim=1)  # (N, D)
        used = (found > 0).float()  # scores above a threshold from 0 up
        boxes = candidates.gather(1, place[..., None].expand(-1, -1, 4)) * used[..., None]  # (N, D, 4)
        chosen = labels.gather(1, place) * used - (1 - used)
        return {"decoded": decoded, "boxes": boxes, "scores": found, "labels": chosen.int()}


def count_candidates(postprocessing: Postprocessing, settings: GraphSettings) -> int:
    """Return how many pairs of anchor and class go into suppression, an image."""
    return settings.candidates or CANDIDATES * postprocessing.max_detections

"""How raw predictions become detections; stored with the weights, so that every command finds the same."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Postprocessing:
    """How raw predictions become detections.

    Attributes:
        score_threshold: lowest score kept.
        iou_threshold: two boxes of one class that overlap more are one object.
        max_detections: detections kept, an image.
        per_class: anchors of one class, best first, that go into suppression; None for all.

    Raises:
        ValueError: naming the field, what it held and what is allowed.
    """

    score_threshold: float = 0.001
    iou_threshold: float = 0.6
    max_detections: int = 100
    per_class: int | None = None

    def __post_init__(self) -> None:
        for field in ("score_threshold", "iou_threshold"):
            if not 0 <= getattr(self, field) <= 1:
                raise ValueError(f"{field}: {getattr(self, field)!r}; expected 0 to 1")
        for field in ("max_detections", "per_class"):
            value = getattr(self, field)
            if not (type(value) is int and value >= 1) and not (field == "per_class" and value is None):
                raise ValueError(f"{field}: {value!r}; expected an integer from 1")

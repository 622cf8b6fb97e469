"""Images that hold more objects than a detector keeps, or than COCO's metric counts: those beyond are always missed."""

import numpy as np

from data.findings import Finding, Report
from data.readers import BoxReader
from tasks.detection.evaluation_matching import MOST
from tasks.models.description import Description
from tasks.models.postprocessing import Postprocessing


def check_evaluation(description: Description, reader: BoxReader, *, report: Report, split: str) -> None:
    """Report how many images have more objects, crowds left out, than detections count: such data cap recall and mAP.

    Args:
        description: of the model that is evaluated.
        reader: of the images.
        report: takes a warning for each limit that is passed.
        split: name of the images in the warnings.
    """
    settings = description.postprocessing or Postprocessing()
    rows, labels, _, _, crowd = reader.boxes
    rows, labels = rows[~crowd], labels[~crowd]
    in_image = np.bincount(rows, minlength=len(reader))  # (N,)
    pairs, counts = np.unique(rows * len(reader.classes) + labels, return_counts=True)
    of_a_class = np.zeros_like(in_image)  # (N,) of the class that is there most often
    np.maximum.at(of_a_class, pairs // len(reader.classes), counts)
    limits = (
        ("objects", in_image, "postprocessing.max_detections", settings.max_detections),
        ("objects of one class", of_a_class, "postprocessing.per_class", settings.per_class),
        ("objects of one class", of_a_class, None, MOST),
    )
    for what, objects, option, most in limits:
        fullest = int(objects.max(initial=0))
        if most is None or fullest <= most:
            continue
        found = f"{(objects > most).sum()} of {len(reader)} images hold more than {most} {what}, up to {fullest}"
        cure = f"{option}={most} keeps no more, the others are missed; train with {option}={fullest}"
        if option is None:
            cure = "COCO's metric counts no more, which lowers its best mAP; cut such images into smaller ones"
        report(Finding("warning", "more objects than are counted", split, found, cure))

"""Labels of other tools that are in no format of ours, recognised so that errors say which export to choose."""

from pathlib import Path
from typing import NamedTuple

from data.bounded.content import read_content
from data.bounded.json_values import parse_json
from data.bounded.text import strip_mark
from data.folders import count_suffixes, list_files


class Foreign(NamedTuple):
    """A format that is not the one asked for.

    Attributes:
        keys: that tell it: of the whole JSON, or of its first entry.
        name: in words.
        cure: what to do about it.
    """

    keys: frozenset[str]
    name: str
    cure: str


ANY = "export COCO, YOLO or Pascal VOC"
VIA = "export annotations in COCO format"
JSONS = (
    Foreign(frozenset({"shapes", "imagePath"}), "labelme's own JSON", "convert it with labelme2coco or labelme2voc.py"),
    Foreign(frozenset({"filename", "regions"}), "VIA's own JSON", VIA),
    Foreign(frozenset({"_via_img_metadata"}), "a project of VIA", VIA),
    Foreign(frozenset({"assets", "securityToken"}), "a project of VoTT", "export Pascal VOC"),
    Foreign(frozenset({"image", "annotations"}), "CreateML's JSON", ANY),
    Foreign(frozenset({"data", "annotations"}), "Label Studio's own JSON", ANY),
    Foreign(frozenset({"annotation_id", "annotator"}), "Label Studio's own JSON", ANY),
    Foreign(frozenset({"objects", "size"}), "Supervisely's own JSON", ANY),
    Foreign(frozenset({"item", "annotations"}), "Darwin JSON of V7", "export COCO"),
    Foreign(frozenset({"file_name", "segments_info"}), "COCO's panoptic JSON", "expected its instances_SPLIT.json"),
    Foreign(frozenset({"items", "categories"}), "Datumaro's own JSON", "datum convert -f coco writes COCO"),
)
COCO = Foreign(frozenset({"images", "annotations", "categories"}), "COCO's JSON", "read it with dataset=coco")
VOC = Foreign(frozenset(), "Pascal VOC's XML", "read it with dataset=voc")
CVAT = Foreign(frozenset(), "CVAT's own XML", "export COCO 1.0, PASCAL VOC 1.1 or Ultralytics YOLO Detection 1.0")
SUFFIXES = (".json", ".xml", ".csv", ".tfrecord")  # of labels


def recognise(content: object) -> Foreign | None:
    """Return which tool a JSON is of; None where it is COCO's, or unknown."""
    entries = [*content.values()] if isinstance(content, dict) else content if isinstance(content, list) else []
    candidates = [value for value in (content, *entries[:1]) if isinstance(value, dict)]
    return next((tool for tool in JSONS for value in candidates if tool.keys <= value.keys()), None)


def recognise_file(path: Path) -> Foreign | None:
    """Return what a file of labels is; None for what is unknown, or cannot be read."""
    suffix = path.suffix.lower()
    try:
        content = strip_mark(read_content(path))
        values = parse_json(content) if suffix == ".json" else None
    except (OSError, ValueError):
        return None
    if suffix == ".xml":
        return CVAT if b"<annotations" in content else VOC if b"<annotation" in content else None
    return COCO if isinstance(values, dict) and COCO.keys <= values.keys() else recognise(values)


def describe_others(folder: Path, cure: str) -> tuple[str, str]:
    """Say which labels lie in a folder in which none of the format asked for were found.

    Args:
        folder: that the labels are in, or below.
        cure: where nothing better is known.

    Returns:
        an addition to what was found, "" where there are no labels; and the cure.
    """
    files = [path for path in list_files(folder) if path.suffix.lower() in SUFFIXES]
    if not files:
        return "", cure
    known = recognise_file(files[0])
    name = f", {known.name}" if known else ""
    return f" ({count_suffixes(files)} there{name})", known.cure if known else cure

"""The XML of Pascal VOC (Everingham et al., IJCV 2010; VOC2012 development kit) and of labelImg, CVAT, Roboflow."""

from dataclasses import dataclass, field
from math import inf, nan
from pathlib import Path
from xml.etree.ElementTree import Element

from data.bounded.xml_tree import read_tree
from data.findings import Finding, fault, parse_all
from data.formats.foreign import CVAT
from data.formats.turning import surround
from data.sizes import Size

CORNERS = ("xmin", "ymin", "xmax", "ymax")
LIMIT = 1e9  # pixels; beyond any image
OFFICIAL = "The VOC"  # how <source><database> begins in the files of the VOC challenges


@dataclass(frozen=True)
class XmlObject:
    """One object.

    Attributes:
        number: its position among those of the file, from 1.
        name: of its class.
        box: xywh in pixels; all infinite if a corner is not finite, all NaN if one is missing or no number.
        difficult: whether the challenge counts it neither for nor against.
    """

    number: int
    name: str
    box: list[float]
    difficult: bool


@dataclass(frozen=True)
class XmlLabels:
    """What one file says.

    Attributes:
        path: the file.
        filename: of the image, as it stands there; "" where the file does not say.
        size: (height, width) in pixels; None where the file does not say, or says 0.
        objects: those that can be read.
        faults: of the others.
    """

    path: Path
    filename: str
    size: Size | None
    objects: list[XmlObject]
    faults: list[Finding] = field(default_factory=list)


def read_xml(path: Path) -> XmlLabels:
    """Read one file.

    Raises:
        InputError: a fault, if it is missing, or no XML of this kind.
    """
    cure = "expected Pascal VOC XML, <annotation> with <object>s"
    try:
        root = read_tree(path)
    except FileNotFoundError:
        raise fault("missing label file", path, "no such file", cure) from None
    except (OSError, ValueError) as error:
        raise fault("unreadable label file", path, f"cannot be read ({error})", cure) from error
    if root.tag != "annotation":
        found = f"holds <{root.tag}>"
        if root.tag == "annotations":
            found, cure = f"{found}, {CVAT.name}", CVAT.cure
        raise fault("unreadable label file", path, found, cure)
    one_based = (root.findtext("source/database") or "").strip().startswith(OFFICIAL)
    faults: list[Finding] = []

    def parse(index: int, element: Element) -> XmlObject:
        return _parse_object(element, index + 1, f"{path}: object {index + 1}", one_based=one_based)

    objects = [entry for _, entry in parse_all(parse, root.findall("object"), report=faults.append)]
    filename = (root.findtext("filename") or "").strip()
    return XmlLabels(path, filename, _parse_size(root), objects, faults)


def _parse_object(element: Element, number: int, where: str, *, one_based: bool) -> XmlObject:
    """Read one object, whose box may be bad.

    VOC's own corners are numbers of pixels, from 1, inclusive: (1, 1, W, H) is the whole image, here (0, 0, W, H). What
    other programs write are edges from 0, as labelImg does, which only raises a 0 to 1.

    Raises:
        InputError: a fault, if it has no name or no box.
    """
    name = (element.findtext("name") or "").strip()
    if not name:
        raise fault("object without a class", where, "no <name>", "expected the name of its class")
    box = element.find("bndbox")
    if box is None:
        raise fault("object without a box", where, "no <bndbox>", f"expected <bndbox> with {', '.join(CORNERS)}")
    left, top, right, bottom = (_parse_number(box.findtext(corner)) for corner in CORNERS)
    if one_based:
        left, top = left - 1, top - 1
    values = [left, top, right - left, bottom - top]
    if any(value != value for value in values):
        values = [nan] * 4
    elif not all(abs(value) < LIMIT for value in values):
        values = [inf] * 4
    elif (degrees := _find_rotation(element)) != 0:
        values = surround(values, degrees)
    return XmlObject(number, name, values, (element.findtext("difficult") or "0").strip() == "1")


def _find_rotation(element: Element) -> float:
    """Return the degrees that CVAT turns a box by; 0 where it does not say."""
    attributes = element.iterfind("attributes/attribute")
    found = (a.findtext("value") for a in attributes if a.findtext("name") == "rotation")
    return _parse_number(next(found, "0"))


def _parse_number(text: str | None) -> float:
    """Return a number; NaN where there is none, infinity where it is not finite."""
    try:
        value = float(text or "")
    except ValueError:
        return nan
    return value if abs(value) < LIMIT else inf


def _parse_size(root: Element) -> Size | None:
    """Return (height, width), None unless the file holds both; some programs write 0."""
    sides = [_parse_number(root.findtext(f"size/{side}")) for side in ("height", "width")]
    if not all(0 < side < LIMIT for side in sides):
        return None
    return int(sides[0]), int(sides[1])

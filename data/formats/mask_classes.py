"""Which classes masks have: as configured, from a file beside them, or inferred from what they hold."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data.classes import ClassTable, Color, default_colors
from data.errors import InputError
from data.formats.mask_class_files import parse_code, parse_codes, read_file
from data.formats.mask_coding import UNKNOWN, MaskCoding, pack, read_keys, table_of, unpack
from data.images import is_color_coded, read_palette
from data.reading import read_all
from data.samples import IGNORE

logger = logging.getLogger(__name__)


def choose_coding(
    root: Path,
    masks: Sequence[Path],
    *,
    names: Sequence[str] | None,
    palette: object,
    ignore: object,
    classes: ClassTable | None,
    most_pixels: int,
) -> MaskCoding:
    """Find out how masks are to be read.

    Args:
        root: folder of the data set, which may hold a file of classes, see `read_file`.
        masks: those to train on, from which classes are inferred where nothing else says them.
        names: of the classes of the values from 0 on, less the ignored one; None: not given.
        palette: name -> value or colour; None: not given.
        ignore: value or colour of ignored pixels, or None.
        classes: of a model or of a training set, in whose order the indices are.
        most_pixels: of a mask that classes are inferred from; a larger one is refused.

    Raises:
        InputError: if what was given is of another form, or nothing can be inferred.
    """
    there = [mask for mask in masks if mask.is_file()]
    beside = list(dict.fromkeys(mask.parent for mask in there))
    said = parse_codes(palette, "dataset.palette") if palette is not None else names or read_file(root, beside)
    if isinstance(said, dict):
        color_coded = all(isinstance(code, tuple) for code in said.values())
    else:
        color_coded = bool(there) and is_color_coded(there[0])
    ignored = parse_ignored(ignore, color_coded=color_coded)
    if isinstance(said, dict):
        found = table_of(said)
    elif said:
        found = name_values(said, ignored, color_coded=color_coded)
    else:
        found = classes or infer_table(root, there, ignored, color_coded=color_coded, most_pixels=most_pixels)
    check_apart(found, ignored, color_coded=color_coded)
    if len(found) > UNKNOWN:
        raise InputError(f"{root}: {len(found)} classes; expected at most {UNKNOWN}")
    return MaskCoding(found, color_coded=color_coded, ignored=ignored, classes=classes)


def parse_ignored(ignore: object, *, color_coded: bool) -> int | Color | None:
    """Return the value, or the colour, of ignored pixels; None where there is none.

    Raises:
        InputError: if it is a colour where masks hold values, or the other way about; but the value that is ignored
            unless another is asked for says nothing of colours.
    """
    ignored = None if ignore is None else parse_code(ignore, "dataset.ignore")
    if ignored is None or (color_coded and ignored == IGNORE):
        return None
    if isinstance(ignored, tuple) != color_coded:
        held, cure = ("colours", "a colour [red, green, blue]") if color_coded else ("values", "a value")
        raise InputError(f"dataset.ignore: {ignore!r}; masks hold {held}; expected {cure}, or null for none")
    return ignored


def check_apart(found: ClassTable, ignored: int | Color | None, *, color_coded: bool) -> None:
    """Check that no class has the value, or the colour, of ignored pixels.

    Raises:
        InputError: naming the class that has it.
    """
    codes: Sequence[int | Color] = found.colors if color_coded else found.ids
    if ignored is not None and ignored in codes:
        kind, name = ("colour" if color_coded else "value"), found.names[codes.index(ignored)]
        cure = "expected dataset.ignore=null to learn the class, or another to ignore"
        raise InputError(f"dataset.ignore: {ignored} is also the {kind} of the class {name!r}; {cure}")


def name_values(names: Sequence[str], ignored: int | Color | None, *, color_coded: bool) -> ClassTable:
    """Return the classes of the values from 0 on, less the ignored one.

    Raises:
        InputError: if masks hold colours, or the names are no list of different ones.
    """
    if color_coded:
        raise InputError("dataset.names: masks hold colours; expected dataset.palette={NAME: [red, green, blue], ...}")
    if isinstance(names, str) or not 0 < len(names) <= UNKNOWN or len(set(names)) < len(names):
        raise InputError(f"class names {names!r}; expected a list of 1 to {UNKNOWN} unique names")
    values = [value for value in range(len(names) + 1) if value != ignored]
    return ClassTable.create(names, values[: len(names)])


def infer_table(
    root: Path, masks: Sequence[Path], ignored: int | Color | None, *, color_coded: bool, most_pixels: int
) -> ClassTable:
    """Return the classes that masks hold, after reading them all, and say which.

    Raises:
        InputError: if a mask cannot be read, or they hold one class or too many.
    """
    logger.info(
        "%s: reading %d masks to find their classes; set dataset.names or dataset.palette to skip this",
        root,
        len(masks),
    )

    def list_keys(path: Path) -> np.ndarray:
        return np.unique(read_keys(path, color_coded=color_coded, most_pixels=most_pixels))

    read = read_all(list_keys, masks, source=str(root))
    found = np.unique(np.concatenate([values for values in read if values is not None] or [np.zeros(0, np.int64)]))
    values = [value for value in found.tolist() if value != (pack(ignored) if isinstance(ignored, tuple) else ignored)]
    kind = "colours" if color_coded else "values"
    if not 1 < len(values) <= UNKNOWN:
        shown = [unpack(value) if color_coded else value for value in found[:8].tolist()]
        cure = f"expected 2 to {UNKNOWN} {kind}; if {ignored} is a class of yours: dataset.ignore=null"
        raise InputError(f"{root}: masks hold {len(values)} {kind} that are not ignored, of {shown}; {cure}")
    if color_coded:
        table = table_of({"#{:02x}{:02x}{:02x}".format(*unpack(value)): unpack(value) for value in values})
    else:
        table = ClassTable.create([f"class_{value}" for value in values], values, colors=find_colors(masks[0], values))
    logger.info("%s: no class names given; named after the %s of the masks: %s", root, kind, ", ".join(table.names))
    return table


def find_colors(mask: Path, values: Sequence[int]) -> Sequence[Color]:
    """Return the colours that the palette of a mask gives to values, or default ones where it has none of its own."""
    palette = read_palette(mask)
    colors = [palette[value] for value in values if value < len(palette)]
    return colors if len(set(colors)) == len(values) else default_colors(len(values))

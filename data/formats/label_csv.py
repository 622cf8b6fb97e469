"""A table of files and their labels: root/SPLIT.csv with rows "file,label"."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from data.bounded.content import read_content
from data.bounded.text import strip_mark
from data.classes import ClassTable
from data.errors import InputError
from data.findings import Report, fault, parse_all
from data.labels import LabeledImages
from data.splits import Part

FILES = ("file", "filename", "file_name", "image", "path", "name")  # of the column of files, in a first row of names
LABELS = ("label", "labels", "class", "classes", "category", "tag", "tags")  # of that of labels
SEPARATOR = ";"  # between several labels of an image
FOLDERS = ("{}", "images/{}", "images", ".")  # that files may be relative to, in the root
MOST_BYTES = 2**28  # of a table: some million images


class Row(NamedTuple):
    """A row of the table."""

    line: int
    file: str
    labels: list[str]


def read_table(
    root: Path, part: Part, *, names: Sequence[str] | None, multilabel: bool, report: Report
) -> LabeledImages:
    """Read the table of one split.

    Args:
        root: the folder of the data set.
        part: which split.
        names: of the classes, in the order of their indices; None: those in the table, sorted as text.
        multilabel: whether an image may have several labels, in one cell or in several rows, or none.
        report: takes rows that cannot be used.

    Raises:
        InputError: if there is no table, or nothing in it can be used.
    """
    path = find_table(root, part)
    rows = list(read_rows(path, multilabel=multilabel))
    folder = find_folder(root, part, rows)
    known = None if names is None else set(names)
    labelled: dict[str, list[str]] = {}

    def parse(_: int, row: Row) -> Row:
        check_row(row, path, folder, known, labelled, multilabel=multilabel)
        labelled.setdefault(row.file, []).extend(row.labels)
        return row

    if not list(parse_all(parse, rows, report=report)):
        raise InputError(f"{path}: no rows that can be used; expected rows such as cat.jpg,cat")
    found = list(names) if names is not None else sorted({label for labels in labelled.values() for label in labels})
    places = {name: index for index, name in enumerate(found)}
    images = [(file, [places[label] for label in labels]) for file, labels in labelled.items()]
    return LabeledImages.create(path, folder, ClassTable.create(found, range(len(found))), images)


def find_table(root: Path, part: Part) -> Path:
    """Return the file of a split: as configured, root/SPLIT.csv, or where a share is taken the only one in the root.

    Raises:
        InputError: if there is none.
    """
    if part.annotations is not None:
        path = root / part.annotations
        if not path.is_file():
            raise InputError(f"dataset.annotations: {path}: no such file; expected a table of file,label")
        return path
    found = next((root / f"{name}.csv" for name in part.names if (root / f"{name}.csv").is_file()), None)
    there = sorted(root.glob("*.csv"))
    if found is None and part.share is not None and len(there) == 1:
        return there[0]
    if found is None:
        listed = ", ".join(path.name for path in there[:8]) or "no .csv"
        raise part.missing(root, f"{part.split}.csv ({listed} there)", one_split=len(there) == 1)
    return found


def read_rows(path: Path, *, multilabel: bool) -> Iterator[Row]:
    """Yield the rows of a table, without the first where it names the columns.

    Raises:
        InputError: if it cannot be read, or its columns are not those of files and labels.
    """
    try:
        text = strip_mark(read_content(path, most=MOST_BYTES)).decode()
        reader = csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
        table = [(reader.line_num, row) for row in reader]
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path}: not readable ({error}); expected a table of file,label in UTF-8") from error
    first = [cell.strip().lower() for cell in table[0][1]] if table else []
    named = any(cell in FILES for cell in first) and (first[0] in FILES or any(cell in LABELS for cell in first))
    file_column = next((index for index, cell in enumerate(first) if cell in FILES), 0)
    label_column = next((index for index, cell in enumerate(first) if cell in LABELS), None) if named else 1
    if label_column is None and len(first) > 2:  # a column a class, for one
        raise InputError(f"{path}: columns {', '.join(first[:8])}; expected one of labels, named {', '.join(LABELS)}")
    label_column = 1 if label_column is None else label_column
    for line, row in table[named:]:
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if len(cells) <= max(file_column, label_column) or (not named and len(cells) > 2):
            raise InputError(f"{path}: line {line}: {len(cells)} columns; expected file,label, with a comma between")
        cell = cells[label_column]
        labels = [label.strip() for label in cell.split(SEPARATOR)] if multilabel else [cell]
        file = PurePosixPath(cells[file_column].replace("\\", "/"))  # one file however it is spelled
        yield Row(line, str(file), [label for label in labels if label])


def find_folder(root: Path, part: Part, rows: Sequence[Row]) -> Path:
    """Return the folder that files are relative to: the first that has one of the first few."""
    folders = [root / folder.format(part.split) for folder in FOLDERS]
    return next((each for each in folders if any((each / row.file).is_file() for row in rows[:10])), root)


def check_row(
    row: Row,
    path: Path,
    folder: Path,
    known: set[str] | None,
    labelled: dict[str, list[str]],
    *,
    multilabel: bool,
) -> None:
    """Check one row.

    Raises:
        EntryError: naming its line, and what is wrong.
    """
    where, before = f"{path}: line {row.line}", labelled.get(row.file)
    if Path(row.file).is_absolute() or ".." in Path(row.file).parts or not (folder / row.file).is_file():
        raise fault("unknown file", where, f"no file {row.file!r}", f"expected one in {folder}")
    if not row.labels and not multilabel:
        raise fault(
            "row without a label", where, f"no label for {row.file}", "expected one, or dataset.multilabel=true"
        )
    if not multilabel and SEPARATOR in row.labels[0]:
        raise fault("several labels", where, f"label {row.labels[0]!r}", "expected one, or dataset.multilabel=true")
    twice = next((label for label in row.labels if [*(before or []), *row.labels].count(label) > 1), None)
    if twice is not None:
        raise fault("label twice", where, f"{row.file} has the label {twice!r} twice", "expected each once")
    if before is not None and not multilabel:
        found = f"{row.file} is {row.labels[0]!r}, and {before[0]!r} before"
        raise fault("two labels", where, found, "expected one row an image, or dataset.multilabel=true")
    strange = next((label for label in row.labels if known is not None and label not in known), None)
    if strange is not None:
        raise fault("unknown class", where, f"label {strange!r}", "expected one of dataset.names")

"""A network as a YAML file: rows under the names of the paper's columns, and the channels of heads made for them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from dataclasses import fields as list_fields
from pathlib import Path
from typing import Any, TypeVar

from backbones.tables import Row, Table
from data.bounded.yaml_values import read_yaml
from data.errors import InputError
from tasks.models.architecture import Arch
from tasks.parsing import parse

SUFFIXES = (".yaml", ".yml")
HEADS = {"ssdlite": "extras", "lraspp": "filters", "raspp": "filters"}  # head -> the field of Arch with its channels
ROWS, TABLE = (tuple(field.name for field in list_fields(kind)) for kind in (Row, Table))
WRITTEN = """\
# Rows of a network under the names of the paper's columns; use them as backbone=FILE.yaml
stem: {stem}  # channels of the first convolution
NL: {NL}  # of stem, last and hidden layer; HS: h-swish, RE: ReLU
rows:
{rows}
last: {last}  # channels of the last 1x1 convolution
hidden: {hidden}  # of a classifier's hidden layer
"""

Kind = TypeVar("Kind", Row, Table)


@dataclass(frozen=True)
class TableFile:
    """What such a file holds.

    Attributes:
        table: the rows.
        heads: head -> its channels, the values of one field of `tasks.models.architecture.Arch`.
    """

    table: Table
    heads: Mapping[str, Any]


def read_table(path: Path) -> TableFile:
    """Read a table.

    Raises:
        InputError: naming the file, and the field that is missing, unknown, or holds what is not allowed.
    """
    values = read_yaml(path, expected="expected the rows of a network, see docs/search.md")
    if not isinstance(values, dict):
        raise InputError(f"{path}: {type(values).__name__}; expected {', '.join(TABLE)}")
    heads = values.pop("heads", {})
    check_names(values, TABLE, f"{path}: ")
    if not isinstance(values["rows"], list) or not values["rows"]:
        raise InputError(f"{path}: rows: {values['rows']!r}; expected a list of rows")
    rows = [build(Row, row, ROWS, path, f"rows.{number}.") for number, row in enumerate(values["rows"], start=1)]
    table = build(Table, values | {"rows": [asdict(row) for row in rows]}, TABLE, path, "")
    return TableFile(table, read_heads(heads, table, path))


def build(kind: type[Kind], values: object, names: tuple[str, ...], path: Path, place: str) -> Kind:
    """Build a row or a table from the values at a place of a file, all of which must be there.

    Raises:
        InputError: naming the file and the field.
    """
    if not isinstance(values, dict):
        raise InputError(f"{path}: {place.rstrip('.')}: {values!r}; expected {', '.join(names)} by name")
    check_names(values, names, f"{path}: {place}")
    try:
        return parse(kind, values)
    except InputError as error:
        raise InputError(f"{path}: {place}{error}") from error


def check_names(values: Mapping[Any, object], names: tuple[str, ...], place: str) -> None:
    """Check that values are there under all of these names, and no others.

    Raises:
        InputError: naming the first that is missing or unknown.
    """
    missing = [name for name in names if name not in values]
    if missing:
        raise InputError(f"{place}{missing[0]}: missing; expected {', '.join(names)}")
    unknown = [name for name in values if name not in names]
    if unknown:
        raise InputError(f"{place}{unknown[0]}: unknown; expected {', '.join(names)}")


def read_heads(values: object, table: Table, path: Path) -> dict[str, Any]:
    """Return the channels of heads.

    Raises:
        InputError: naming the file and the head.
    """
    if not isinstance(values, dict):
        raise InputError(f"{path}: heads: {values!r}; expected heads by name, of {', '.join(HEADS)}")
    for head, own in values.items():
        name = f"{path}: heads.{head}"
        if head not in HEADS or not isinstance(own, dict) or list(own) != [HEADS[head]]:
            known = ", ".join(f"{each}: {{{field}: ...}}" for each, field in HEADS.items())
            raise InputError(f"{name}: {own!r}; expected {known}")
        try:
            parse(Arch, {"head": head, "backbone": "table", "num_classes": 1, "table": asdict(table), **own})
        except InputError as error:
            raise InputError(f"{name}.{str(error).removeprefix('model.')}") from error
    return {head: own[HEADS[head]] for head, own in values.items()}


def write_text(file: TableFile) -> str:
    """Return a table as the text of a file that `read_table` reads."""
    rows = [
        f"  - {{{', '.join(f'{name}: {say(value)}' for name, value in asdict(row).items())}}}"
        for row in file.table.rows
    ]
    text = WRITTEN.format(**asdict(file.table) | {"rows": "\n".join(rows)})
    if not file.heads:
        return text
    heads = [f"  {head}: {{{HEADS[head]}: {say(value)}}}" for head, value in file.heads.items()]
    return text + "\n".join(["heads:  # channels of heads that were made for these rows", *heads, ""])


def say(value: object) -> str:
    """Return a plain value as YAML has it in one line."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(say, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def fill_in(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Put rows, and the channels of a head that was made for them, in the place of the name of their file.

    Args:
        values: the options of a command, as `tasks.parsing.parse` takes them.

    Raises:
        InputError: naming the file and the field that cannot be used.
    """
    model = values.get("model")
    if not isinstance(model, Mapping) or not isinstance(model.get("table"), str):
        return values
    file = read_table(Path(model["table"]))
    head = str(model.get("head"))
    own = {HEADS[head]: file.heads[head]} if head in file.heads else {}
    return {**values, "model": {**model, "table": asdict(file.table), **own}}

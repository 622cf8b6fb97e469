"""model.json: what a program must know to use an exported file, and what Bneck needs to use it like a checkpoint."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from data.bounded.content import BoundError, hash_file
from data.bounded.json_values import read_json
from data.errors import InputError
from tasks.files import write_json
from tasks.formats.ports import Port
from tasks.formats.session import Session
from tasks.formats.settings import GraphSettings, Precision
from tasks.formats.table import FORMATS, Format, find_format
from tasks.models.description import Description, read_description
from tasks.parsing import parse

CONTRACT = "model.json"
VERSION = 1
MOST_BYTES = 2**31  # of an exported file


@dataclass(frozen=True)
class ExportedFile:
    """One file of a folder.

    Attributes:
        format: in `tasks.formats.table.FORMATS`.
        precision: "fp32", "fp16" or "int8".
        bytes: size of it and its parts.
        sha256: of it and its parts, by name.
        input: what it takes.
        outputs: what it gives.
    """

    format: str
    precision: str
    bytes: int
    sha256: Mapping[str, str]
    input: Port
    outputs: tuple[Port, ...]


@dataclass(frozen=True)
class Contract:
    """What model.json says.

    Attributes:
        description: of the model; its preprocessing has the size of the files' input.
        graph: what is in the files.
        files: by name.
        facts: for other programs: what each tensor means, anchors, versions, where the weights are from.
    """

    description: Description
    graph: GraphSettings
    files: Mapping[str, ExportedFile]
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "version": VERSION,
            "files": {name: asdict(file) for name, file in self.files.items()},
            **self.facts,
            "graph": asdict(self.graph),
            "model": self.description.to_dict(),
        }

    def describe(self, kind: Format, path: Path, *, precision: Precision) -> "Contract":
        """Return the contract of a file that was just written, and of no other."""
        session = kind.open_check(path)
        file = describe_file(path, kind, precision=precision, input=session.input, outputs=session.outputs)
        return replace(self, files={path.name: file})

    def write(self, folder: Path) -> None:
        """Write model.json."""
        write_json(folder / CONTRACT, self.to_dict())


def read_contract(path: Path) -> Contract:
    """Read a model.json.

    Raises:
        InputError: naming the field that is missing or wrong.
    """
    values = read_values(path)
    version = values.get("version")
    if version != VERSION:
        raise InputError(f"{path}: version {version!r}; this program reads version {VERSION}")
    for name in ("files", "graph", "model"):
        if not isinstance(values.get(name), dict):
            raise InputError(f"{path}: {name}: {'none' if name not in values else 'not an object'}; expected an object")
    try:
        graph = parse(GraphSettings, values["graph"], "graph")
        files = {name: parse(ExportedFile, entry, f"files.{name}") for name, entry in values["files"].items()}
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    for name, file in files.items():
        kind = find_format(Path(name))
        if kind is None or kind.name != file.format:
            raise InputError(f"{path}: files.{name}.format: {file.format!r}; expected that of its suffix")
    facts = {name: entry for name, entry in values.items() if name not in ("version", "files", "graph", "model")}
    return Contract(read_description(path, values["model"]), graph, files, facts)


def read_values(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Raises:
        InputError: if there is none, or it holds something else.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected the {CONTRACT} that tasks.export writes beside its files")
    values = read_json(path, expected=f"expected the {CONTRACT} that tasks.export writes")
    if not isinstance(values, dict):
        raise InputError(f"{path}: not an object; expected the {CONTRACT} that tasks.export writes")
    return values


def hash_export(path: Path) -> str:
    """Return the SHA-256 of a file, or of a folder's files with their names."""
    if not path.is_dir():
        return hash_file(path)
    inner = sorted(file for file in path.rglob("*") if file.is_file())
    lines = [f"{hash_file(file)}  {file.relative_to(path).as_posix()}\n" for file in inner]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def weigh(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def describe_file(path: Path, kind: Format, *, precision: str, input: Port, outputs: tuple[Port, ...]) -> ExportedFile:
    """Describe a file that was just written."""
    parts = kind.list_files(path)
    hashes = {part.name: hash_export(part) for part in parts}
    return ExportedFile(kind.name, precision, sum(map(weigh, parts)), hashes, input, outputs)


def open_exported(path: Path, *, threads: int | None = None) -> tuple[Contract, Session]:
    """Open an exported file in its own runtime, with what the model.json beside it says.

    Raises:
        InputError: if one of them is missing or damaged, they do not belong together, or the runtime is missing.
    """
    kind = find_format(path)
    if kind is None:
        suffixes = ", ".join(row.suffix for row in FORMATS.values())
        raise InputError(f"{path}: not an exported file; expected one of {suffixes}")
    if not path.exists():
        raise InputError(f"checkpoint: no file {path}; expected a file that tasks.export wrote")
    contract = read_contract(path.parent / CONTRACT)
    file = contract.files.get(path.name)
    if file is None:
        known = ", ".join(contract.files) or "none"
        raise InputError(f"{path.parent / CONTRACT}: says nothing of {path.name}; it knows {known}")
    check_unchanged(path, kind, file)
    session = kind.code.open_session(path, threads=threads)
    check_ports(path, file, session)
    check_input(path, contract.graph, file)
    return contract, session


def check_unchanged(path: Path, kind: Format, file: ExportedFile) -> None:
    """Check that a file and its parts are those that model.json was written for.

    Raises:
        InputError: naming the part that is missing or another.
    """
    for part in kind.list_files(path):
        if not part.exists():
            raise InputError(f"{part}: no such file; {path.name} needs it")
        if weigh(part) > MOST_BYTES:
            raise InputError(f"{part}: {weigh(part):,} bytes; expected at most {MOST_BYTES:,}")
        try:
            digest = hash_export(part)
        except BoundError as error:
            raise InputError(f"{part}: {error}") from error
        if digest != file.sha256.get(part.name):
            raise InputError(
                f"{part}: not the file that {CONTRACT} beside it was written for (their SHA-256 differ); export it anew"
            )


def check_input(path: Path, graph: GraphSettings, file: ExportedFile) -> None:
    """Check that a file takes what its model.json says of the graph: numbers would be read as others, without a word.

    Raises:
        InputError: naming both.
    """
    expected = (3, *graph.size) if graph.input == "float" else (*graph.size, 3)
    if file.input.shape[1:] != expected:
        raise InputError(
            f"{path.parent / CONTRACT}: graph: input={graph.input} size={list(graph.size)}, but {path.name} takes "
            f"{list(file.input.shape)}; they do not belong together"
        )


def check_ports(path: Path, file: ExportedFile, session: Session) -> None:
    """Check that a file takes and gives what model.json says.

    Raises:
        InputError: naming the tensor.
    """
    pairs = [(file.input, session.input), *zip(file.outputs, session.outputs, strict=False)]
    if len(file.outputs) != len(session.outputs):
        raise InputError(f"{path}: {len(session.outputs)} outputs, {len(file.outputs)} in {CONTRACT}")
    for said, found in pairs:
        if said != found:
            raise InputError(f"{path}: {CONTRACT} says {said}, the file has {found}; they do not belong together")

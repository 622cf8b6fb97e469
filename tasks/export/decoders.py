"""Decoders: from what an exported file gives to boxes or a label map, as source code in the languages of devices.

Each is one readable file without dependencies (NumPy, in Python's), a template in templates/KIND/ with the constants of
model.json written in. They find the same as the model does in Bneck: the numbers are float32 and in the same order, and
boxes are suppressed in float64.
"""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from data.errors import InputError
from tasks.export.golden import write_numbers
from tasks.files import write_text
from tasks.formats.contract import Contract

FOLDER = "decoders"
ANCHORS = "anchors.bin"
INTEGERS = ("int8", "uint8")  # types of outputs that are integers which stand for numbers
SHOWN = 0.5  # lowest score of a box that is worth showing, where the model has no thresholds


def write_decoders(contract: Contract, folder: Path) -> list[Path]:
    """Write decoders into decoders/ of an export's folder.

    Args:
        contract: what its model.json says.
        folder: of the export.

    Returns:
        The files; none where the exported files decode by themselves.

    Raises:
        InputError: if outputs are of integers that no decoder reads.
    """
    decoding = contract.facts["decoding"]
    if decoding["by"] == "the file":
        return []
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    values = list_constants(contract)
    paths = []
    for name in list_templates(decoding["kind"]):
        path = folder / FOLDER / Path(name).stem  # less the .j2
        write_text(path, load_templates().get_template(name).render(values))
        paths.append(path)
    if "anchors" in decoding:
        paths.append(folder / FOLDER / ANCHORS)
        write_numbers(paths[-1], np.array(decoding["anchors"], np.float32))
    return paths


def list_constants(contract: Contract) -> dict[str, Any]:
    """Return what the templates write in."""
    facts = contract.facts
    height, width = contract.graph.size
    return {
        **facts["decoding"],
        "height": height,
        "width": width,
        "classes": [row["name"] for row in facts["classes"]],
        "thresholds": [SHOWN if row["threshold"] is None else row["threshold"] for row in facts["classes"]],
        "quantization": list_quantized(contract, facts["decoding"]["takes"]),
    }


def list_quantized(contract: Contract, outputs: list[str]) -> list[dict[str, Any]]:
    """Return scale and zero point of each of these outputs that a file gives as integers.

    Raises:
        InputError: if they are of another type than the decoders read.
    """
    found = []
    for name, file in contract.files.items():
        for port in file.outputs:
            if port.scale is None or port.name not in outputs:
                continue
            if port.dtype not in INTEGERS:
                expected = " or ".join(INTEGERS)
                raise InputError(f"{name}: output {port.name} is {port.dtype}; decoders read {expected}, or floats")
            key = f"{name}/{port.name}"
            found.append({"key": key, "scale": port.scale, "zero_point": port.zero_point or 0, "dtype": port.dtype})
    return found


def list_templates(kind: str) -> list[str]:
    """Return the templates of the files that decode one kind of outputs."""
    return [name for name in load_templates().list_templates() if name.startswith(f"{kind}/")]


@cache
def load_templates() -> jinja2.Environment:
    """Return the templates beside this file; what they are not given is an error."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tasks.export"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"single": write_single, "double": write_double, "python": ascii, **QUOTES}
    return environment


def write_single(value: float) -> str:
    """Return the shortest decimal number that is this one in float32."""
    return str(np.float32(value))


def write_double(value: float) -> str:
    """Return the shortest decimal number that is this one in float64."""
    return repr(float(value))


def quote_cpp(text: str) -> str:
    """Return a text as a literal of C++ in UTF-8; octal, as a hexadecimal escape would take in digits after it."""
    data = text.encode(errors="replace")
    return '"' + "".join(chr(byte) if is_plain(chr(byte)) else f"\\{byte:03o}" for byte in data) + '"'


def quote_kotlin(text: str) -> str:
    """Return a text as a literal of Kotlin."""
    units = np.frombuffer(text.encode("utf-16-le", errors="surrogatepass"), "<u2").tolist()
    return '"' + "".join(chr(unit) if is_plain(chr(unit)) else f"\\u{unit:04x}" for unit in units) + '"'


def quote_swift(text: str) -> str:
    """Return a text as a literal of Swift."""
    letters = text.encode(errors="replace").decode()
    return '"' + "".join(letter if is_plain(letter) else f"\\u{{{ord(letter):x}}}" for letter in letters) + '"'


def is_plain(letter: str) -> bool:
    """Tell whether a letter means itself within quotes in all these languages: `??/` is a backslash in old C++."""
    return " " <= letter <= "~" and letter not in '"\\$?'


QUOTES: Mapping[str, Callable[[str], str]] = {"cpp": quote_cpp, "kotlin": quote_kotlin, "swift": quote_swift}

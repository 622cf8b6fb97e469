"""README.md of an export: ten lines that run the file on its own, without Bneck, and what comes out."""

from pathlib import Path

from tasks.files import write_text
from tasks.formats.contract import CONTRACT, Contract, ExportedFile
from tasks.formats.table import Format
from tasks.models.architecture import name_network

README = "README.md"
RESIZES = {  # of `image`, (H, W, 3) uint8, to (height, width), by the rules of `data.resizing`
    "area": "cv2.resize(image, ({width}, {height}), interpolation=cv2.INTER_AREA)",
    "bilinear": "cv2.resize(image, ({width}, {height}), interpolation=cv2.INTER_LINEAR)",
    "antialias": "np.asarray(Image.fromarray(image).resize(({width}, {height}), Image.Resampling.BILINEAR))",
}
ENTRY = """\
import cv2
import numpy as np
from PIL import Image

image = np.asarray(Image.open("photo.png").convert("RGB"))
image = {resize}
"""
RUN = """\
Or with Bneck: `python -m tasks.predict checkpoint={file} source=photo.png`, and `tasks.evaluate`, `tasks.benchmark` and
`tasks.demo` alike."""


def write_readme(folder: Path, contract: Contract, kind: Format, path: Path) -> None:
    """Write README.md for one file of a folder."""
    arch, file = contract.description.arch, contract.files[path.name]
    height, width = contract.graph.size
    network = name_network(arch.head, arch.backbone)
    meanings = [f"- `{name}` {meaning}" for name, meaning in contract.facts["outputs"].items()]
    lines = [
        f"# {network}, {kind.title}, {file.precision}",
        "",
        f"`{path.name}` takes images of {height} x {width} (height x width) as `{file.input.name}`, "
        f"{file.input.dtype} {list(file.input.shape)}, and gives:",
        "",
        *meanings,
        "",
        f"All that a program needs to know is in `{CONTRACT}`. To run the file in Python (`photo.png` is yours):",
        "",
        "```python",
        write_example(contract, kind, path, file).rstrip(),
        "```",
        "",
        *list_needed(contract),
        "",
        *([*kind.code.advise(path), ""] if kind.advises else []),
        *([RUN.format(file=path.name), ""] if kind.runs else []),
        "Where the model comes from stands in PROVENANCE.md.",
        "",
    ]
    write_text(folder / README, "\n".join(lines))


def list_needed(contract: Contract) -> list[str]:
    """Say what running a file needs, and what else only writing it needed."""
    run, convert = (
        " ".join(f"{name}=={version}" for name, version in contract.facts["versions"][use].items())
        for use in ("run", "convert")
    )
    return [f"That needs `pip install {run}`. Only to convert the model, there were {convert}."]


def write_example(contract: Contract, kind: Format, path: Path, file: ExportedFile) -> str:
    """Return Python code that runs a file on photo.png, and leaves what it gives in `outputs`."""
    height, width = contract.graph.size
    entry = contract.description.preprocessing
    resize = RESIZES[entry.resize].format(height=height, width=width)
    lines = [ENTRY.format(resize=resize)]
    if contract.graph.input == "float":
        lines.append(f"values = (image / 255 - {list(entry.mean)}) / {list(entry.std)}  # RGB")
        lines.append('values = values.astype("float32").transpose(2, 0, 1)[None]')
    else:
        lines.append("values = image[None]  # (1, height, width, 3), RGB, 0 to 255")
    if file.input.scale is not None:
        lines.append(f"values = (values / {file.input.scale} + {file.input.zero_point}).round().clip(-128, 127)")
    if str(file.input.dtype) not in ("uint8", "float32") or file.input.scale is not None:
        lines.append(f'values = values.astype("{file.input.dtype}")')
    if (contract.graph.batch or 1) > 1:
        lines.append(f"values = values.repeat({contract.graph.batch}, axis=0)  # the file takes as many at once")
    names = [port.name for port in file.outputs]
    example = kind.code.EXAMPLE.format(file=path.name, input=file.input.name, outputs=names)
    return "\n".join([*lines, "", example.rstrip(), f"for name in {names}:", "    print(name, outputs[name].shape)"])

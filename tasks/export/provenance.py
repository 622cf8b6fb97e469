"""Where code, weights and data of an export come from, and under which terms, as far as a checkpoint can tell."""

from pathlib import Path
from typing import NamedTuple

from data.bounded.content import hash_file
from tasks.files import write_text
from tasks.models.architecture import name_network
from tasks.models.description import Description
from tasks.models.pretrained.published import WHOLE, locate

FILE = "PROVENANCE.md"
PUBLISHED = {  # weights that others publish, by the name that `checkpoint=` takes: terms, and what they learnt from
    "coco": ("BSD-3-Clause (torchvision)", "COCO 2017"),
    "voc": ("BSD-3-Clause (torchvision)", "COCO 2017 with the classes of Pascal VOC"),
}
DATA = {  # terms of data sets that the project knows, by name
    "synthetic": "street scenes that Bneck draws itself (Apache-2.0)",
}
UNKNOWN = "the terms of these data are not recorded in a checkpoint: whoever passes the files on has to look them up"


class Origin(NamedTuple):
    """Where the weights of an export come from."""

    file: str  # its name
    sha256: str
    source: str  # the address that it was published at, or what wrote it


def find_origin(checkpoint: Path) -> Origin:
    """Return where a checkpoint comes from: its file, or that of published weights, which has been fetched by now."""
    name = str(checkpoint)
    if name not in WHOLE:
        return Origin(checkpoint.name, hash_file(checkpoint), "a run of Bneck")
    path = locate(WHOLE[name])
    return Origin(path.name, hash_file(path), WHOLE[name].url)


def write_provenance(folder: Path, description: Description, *, checkpoint: Path, origin: Origin) -> None:
    """Write PROVENANCE.md.

    Args:
        folder: of the export.
        description: of the model.
        checkpoint: as it was given.
        origin: of it.
    """
    arch, dataset = description.arch, description.dataset
    weights = f"{origin.source}, its file {origin.file}; SHA-256 {origin.sha256}"
    data = f"{dataset.name}, the split {dataset.describe_part('train')}: {DATA.get(dataset.name, UNKNOWN)}"
    if str(checkpoint) in PUBLISHED:
        terms, learnt_from = PUBLISHED[str(checkpoint)]
        weights += f"; {terms}"
        data = f"{learnt_from}: {UNKNOWN}"
    lines = [
        "# Where this model comes from",
        "",
        f"- Network: {name_network(arch.head, arch.backbone)}, {arch.num_classes} classes (arXiv:1905.02244).",
        "- Code: Bneck, Apache-2.0. The files of this folder that it wrote (model.json, decoders, pages) are under the",
        "  same licence; an exported network holds no code of Bneck's.",
        f"- Weights: {weights}.",
        f"- Data: {data}.",
        "- The runtime that executes the file has a licence of its own: ONNX Runtime MIT, OpenVINO Apache-2.0,",
        "  ExecuTorch BSD-3-Clause, LiteRT Apache-2.0, ncnn BSD-3-Clause; Core ML comes with the system.",
        "",
    ]
    write_text(folder / FILE, "\n".join(lines))

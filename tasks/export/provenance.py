"""Where code, weights and data of an export come from, and under which terms, as far as a checkpoint can tell."""

from pathlib import Path

from tasks.files import write_text
from tasks.models.architecture import name_network
from tasks.models.description import Description

FILE = "PROVENANCE.md"
PUBLISHED = {  # weights that others publish, by the name that `checkpoint=` takes
    "coco": "torchvision's SSDLite320_MobileNet_V3_Large_Weights.COCO_V1 (torchvision: BSD-3-Clause), "
    "trained on COCO 2017",
    "voc": "torchvision's LRASPP_MobileNet_V3_Large_Weights.COCO_WITH_VOC_LABELS_V1 (torchvision: BSD-3-Clause), "
    "trained on COCO 2017 with the classes of Pascal VOC",
}
DATA = {  # terms of data sets that the project knows, by name
    "synthetic": "street scenes that Bneck draws itself (Apache-2.0)",
}
UNKNOWN = "the terms of these data are not recorded in a checkpoint: whoever passes the files on has to look them up"


def write_provenance(folder: Path, description: Description, *, checkpoint: Path, sha256: str) -> None:
    """Write PROVENANCE.md."""
    arch, dataset = description.arch, description.dataset
    weights = PUBLISHED.get(str(checkpoint), f"a run of Bneck, its file {checkpoint.name}")
    data = f"{dataset.name}, the split {dataset.describe_part('train')}: {DATA.get(dataset.name, UNKNOWN)}"
    lines = [
        "# Where this model comes from",
        "",
        f"- Network: {name_network(arch.head, arch.backbone)}, {arch.num_classes} classes (arXiv:1905.02244).",
        "- Code: Bneck, Apache-2.0. The files of this folder that it wrote (model.json, decoders, pages) are under the",
        "  same licence; an exported network holds no code of Bneck's.",
        f"- Weights: {weights}; SHA-256 {sha256}.",
        f"- Data: {data}.",
        "- The runtime that executes the file has a licence of its own: ONNX Runtime MIT, OpenVINO Apache-2.0,",
        "  ExecuTorch BSD-3-Clause, LiteRT Apache-2.0, ncnn BSD-3-Clause; Core ML comes with the system.",
        "",
    ]
    write_text(folder / FILE, "\n".join(lines))

"""Tables 3, 6, 7 and 8 of the paper (arXiv:1905.02244): its networks, and the figures printed beside them."""

from typing import Any, NamedTuple

from data.sizes import Size
from tasks.models.architecture import Arch


class PaperRow(NamedTuple):
    """One line of a table.

    Attributes:
        name: RF2: the channels of the feature layers between C4 and C5 halved; [F]: filters of the head.
        network: what is built; a text names one of timm's whole classifiers.
        metric: as printed.
        params: as printed, in millions.
        madds: as printed, in the table's unit.
    """

    name: str
    network: Arch | str
    metric: str
    params: str
    madds: str


class Table(NamedTuple):
    """One table.

    Attributes:
        title: what it shows.
        metric: what its rows reach in the paper.
        size: (height, width) of the input in pixels.
        unit: of the multiply-adds: "M" or "B".
        convention: what counts, a key of `tasks.profiling.counting.CONVENTIONS`.
        rows: its lines.
        note: what a reader should know of the comparison.
    """

    title: str
    metric: str
    size: Size
    unit: str
    convention: str
    rows: tuple[PaperRow, ...]
    note: str


def classifier(backbone: str, **options: Any) -> Arch:
    """Return an ImageNet classifier."""
    return Arch("classifier", backbone, 1000, **options)


def ssdlite(backbone: str, *, classes: int = 90, **options: Any) -> Arch:
    """Return a detector for COCO's 90 category ids, with the anchors of TensorFlow's object detection API."""
    return Arch("ssdlite", backbone, classes, anchors="tensorflow", **options)


def segmenter(head: str, backbone: str, filters: int, **options: Any) -> Arch:
    """Return a segmenter for Cityscapes' 19 classes, at output stride 16 unless said otherwise."""
    return Arch(head, backbone, 19, **{"filters": filters, "output_stride": 16, **options})


HALVED = {"halving": "segmentation"}
# DeepLab halves what follows C4 on MobileNetV2, and not C4 itself.
HALVED_V2 = {"halving": "detection"}

TABLES = {
    3: Table(
        "classification on ImageNet",
        "top-1",
        (224, 224),
        "M",
        "products",
        (
            PaperRow("V3-Large 1.0", classifier("large"), "75.2", "5.4", "219"),
            PaperRow("V3-Large .75", classifier("large", width=0.75), "73.3", "4.0", "155"),
            PaperRow("MnasNet-A1", "semnasnet_100", "75.2", "3.9", "315"),
            PaperRow("V2 1.0", "mobilenetv2_100", "72.0", "3.4", "300"),
            PaperRow("V3-Small 1.0", classifier("small"), "67.4", "2.5", "56"),
            PaperRow("V3-Small .75", classifier("small", width=0.75), "65.4", "2.0", "44"),
            PaperRow("MnasNet-small", "mnasnet_small", "64.9", "1.9", "65.1"),
            PaperRow("V2 .35", "mobilenetv2_035", "60.8", "1.6", "59.2"),
        ),
        "V3 widths by TensorFlow's finegrain rule. V2 and MnasNet are timm's classifiers. "
        "The paper's Proxyless row is left out, as timm has no such network.",
    ),
    6: Table(
        "SSDLite on COCO test-dev",
        "mAP",
        (320, 320),
        "B",
        "folded",
        (
            PaperRow("V1", ssdlite("mobilenetv1", classes=80), "22.2", "5.1", "1.3"),
            PaperRow("V2", ssdlite("mobilenetv2", classes=80), "22.1", "4.3", ".80"),
            PaperRow("MnasNet-A1", ssdlite("mnasnet_a1"), "23.0", "4.88", ".84"),
            PaperRow("V3-Large", ssdlite("large"), "22.0", "4.97", ".62"),
            PaperRow("V3-Large RF2", ssdlite("large", halving="detection"), "22.0", "3.22", ".51"),
            PaperRow("V2 .35", ssdlite("mobilenetv2", width=0.35), "13.7", ".93", ".16"),
            PaperRow("V2 .5", ssdlite("mobilenetv2", width=0.5), "16.6", "1.54", ".27"),
            PaperRow("MnasNet-A1 .35", ssdlite("mnasnet_a1", width=0.35), "15.6", "1.02", ".18"),
            PaperRow("MnasNet-A1 .5", ssdlite("mnasnet_a1", width=0.5), "18.5", "1.68", ".29"),
            PaperRow("V3-Small", ssdlite("small"), "16.0", "2.49", ".21"),
            PaperRow("V3-Small RF2", ssdlite("small", halving="detection"), "16.1", "1.77", ".16"),
        ),
        "91 classes: 90 category ids and background; 81 for V1 and V2 at full width, whose figures are those of "
        "arXiv:1801.04381, Table 6. V1, V2 and MnasNet are built with timm, behind the same taps.",
    ),
    7: Table(
        "segmentation on Cityscapes val",
        "mIoU",
        (1025, 2049),
        "B",
        "profiler",
        (
            PaperRow("V2 R-ASPP [256]", segmenter("raspp", "mobilenetv2", 256), "72.84", "2.11", "21.29"),
            PaperRow(
                "V2 RF2 R-ASPP [256]", segmenter("raspp", "mobilenetv2", 256, **HALVED_V2), "72.56", "1.15", "13.68"
            ),
            PaperRow(
                "V2 RF2 LR-ASPP [256]", segmenter("lraspp", "mobilenetv2", 256, **HALVED_V2), "72.97", "1.02", "12.83"
            ),
            PaperRow(
                "V2 RF2 LR-ASPP [128]", segmenter("lraspp", "mobilenetv2", 128, **HALVED_V2), "72.74", ".98", "12.57"
            ),
            PaperRow("V3-Large R-ASPP [256]", segmenter("raspp", "large", 256), "72.64", "3.60", "18.43"),
            PaperRow("V3-Large RF2 R-ASPP [256]", segmenter("raspp", "large", 256, **HALVED), "71.91", "1.76", "11.24"),
            PaperRow(
                "V3-Large RF2 LR-ASPP [256]", segmenter("lraspp", "large", 256, **HALVED), "72.37", "1.63", "10.33"
            ),
            PaperRow(
                "V3-Large RF2 LR-ASPP [128]", segmenter("lraspp", "large", 128, **HALVED), "72.36", "1.51", "9.74"
            ),
            PaperRow(
                "V2 .5 RF2 LR-ASPP [128]",
                segmenter("lraspp", "mobilenetv2", 128, width=0.5, **HALVED_V2),
                "68.57",
                ".28",
                "4.00",
            ),
            PaperRow(
                "V2 .35 RF2 LR-ASPP [128]",
                segmenter("lraspp", "mobilenetv2", 128, width=0.35, **HALVED_V2),
                "66.83",
                ".16",
                "2.54",
            ),
            PaperRow("V3-Small RF2 LR-ASPP [128]", segmenter("lraspp", "small", 128, **HALVED), "68.38", ".47", "2.90"),
        ),
        "Images of 1024 x 2048, padded as TensorFlow DeepLab pads them. V2 is built with timm, behind the same taps.",
    ),
    8: Table(
        "segmentation on Cityscapes test, LR-ASPP [128] with RF2",
        "mIoU",
        (1025, 2049),
        "B",
        "profiler",
        (
            PaperRow("V3-Large, output stride 16", segmenter("lraspp", "large", 128, **HALVED), "72.6", "1.51", "9.74"),
            PaperRow(
                "V3-Large, output stride 32",
                segmenter("lraspp", "large", 128, output_stride=32, **HALVED),
                "72.0",
                "1.51",
                "7.74",
            ),
            PaperRow("V3-Small, output stride 16", segmenter("lraspp", "small", 128, **HALVED), "69.4", ".47", "2.90"),
            PaperRow(
                "V3-Small, output stride 32",
                segmenter("lraspp", "small", 128, output_stride=32, **HALVED),
                "68.3",
                ".47",
                "2.06",
            ),
        ),
        "The paper's parameters are those of Table 7: the output stride changes none.",
    ),
}

"""The documents that the rules about accelerators are read from, as they stood on 2026-11-26."""

from typing import NamedTuple


class Source(NamedTuple):
    """A document."""

    title: str
    address: str


ISSUES = "https://github.com/{}/issues/{}"

CORAL_MODELS = Source("Coral: TensorFlow models on the Edge TPU", "https://coral.ai/docs/edgetpu/models-intro/")
CORAL_OPERATORS = Source(
    "Axis: operators of ARTPEC-7, whose accelerator is an Edge TPU",
    "https://developer.axis.com/computer-vision/on-device/system-on-chip/artpec-7/supported-ops/",
)
CORAL_TIPS = Source(
    "Axis: optimization tips for ARTPEC-7",
    "https://developer.axis.com/computer-vision/on-device/system-on-chip/artpec-7/optimization-tips/",
)
CORAL_OLD_TABLE = Source(
    "a copy of Coral's table of 2019",
    "https://github.com/dgist-datalab/Datalab_Intern/blob/master/Edge_TPU/convert_model_for_Edge_TPU.md",
)
CORAL_V3 = Source("google-coral/edgetpu 353", ISSUES.format("google-coral/edgetpu", 353))
CORAL_RESIZE = Source("google-coral/edgetpu 31", ISSUES.format("google-coral/edgetpu", 31))
CORAL_MEAN = Source("google-coral/edgetpu 461", ISSUES.format("google-coral/edgetpu", 461))
LITE_NETWORKS = Source(
    "EfficientNet-lite", "https://github.com/tensorflow/tpu/blob/master/models/official/efficientnet/lite/README.md"
)

VELA = Source(
    "Vela 4.2.0, SUPPORTED_OPS.md (a copy)",
    "https://github.com/hapv3/neural-compiler/blob/037f02e9622da2d2551b975494cbf41ebd1c6fe4/SUPPORTED_OPS.md",
)
VELA_V3 = Source("Seeed-Studio/ModelAssistant 282", ISSUES.format("Seeed-Studio/ModelAssistant", 282))

HAILO_END = Source("hailo-ai/hailo_model_zoo 96", ISSUES.format("hailo-ai/hailo_model_zoo", 96))
HAILO_LAYERS = Source("hailo-ai/hailo_model_zoo 98", ISSUES.format("hailo-ai/hailo_model_zoo", 98))
HAILO_ARGMAX = Source("ultralytics/ultralytics 25280", "https://github.com/ultralytics/ultralytics/pull/25280")
HAILO_SHAPES = Source("LibreYOLO/libreyolo 507", "https://github.com/LibreYOLO/libreyolo/pull/507")
HAILO_INT8 = Source("Ultralytics: Hailo", "https://docs.ultralytics.com/integrations/hailo")
HAILO_ZOO = Source(
    "Hailo Model Zoo, Hailo-8 classification",
    "https://github.com/hailo-ai/hailo_model_zoo/blob/master/docs/public_models/HAILO8/HAILO8_classification.rst",
)

RKNN = Source(
    "RKNN Toolkit 2, OP support 2.1.0",
    "https://github.com/airockchip/rknn-toolkit2/blob/deaba85fc437a28db0b0c29f27d8929f4c5816a1/doc/"
    "RKNNToolKit2_OP_Support-v2.1.0.md",
)
RKNN_LIMITS = Source(
    "RKNN Toolkit 2, OP support 1.4.0, the last with limits",
    "https://github.com/rockchip-linux/rknn-toolkit2/blob/d8074d7954cc4d50af0add9c4375acd823987898/doc/"
    "RKNNToolKit2_OP_Support-1.4.0.md",
)
RKNN_SHAPES = Source("airockchip/rknn-toolkit2 370", ISSUES.format("airockchip/rknn-toolkit2", 370))
RKNN_V3 = Source("airockchip/rknn_model_zoo 238", ISSUES.format("airockchip/rknn_model_zoo", 238))

QNN_EP = Source(
    "onnxruntime: QNN execution provider", "https://onnxruntime.ai/docs/execution-providers/QNN-ExecutionProvider.html"
)
QNN_QDQ = Source("microsoft/onnxruntime 18351", ISSUES.format("microsoft/onnxruntime", 18351))
QNN_HSWISH = Source("onnxruntime-qnn 392", "https://github.com/onnxruntime/onnxruntime-qnn/pull/392")
QNN_HSIGMOID = Source("onnxruntime-qnn 473", "https://github.com/onnxruntime/onnxruntime-qnn/pull/473")
QNN_HTP = Source(
    "Qualcomm: HTP backend, op definition supplement",
    "https://docs.qualcomm.com/bundle/publicresource/80-63442-10/topics/HtpOpDefSupplement.md",
)

ANE_V3 = Source("hollance/neural-engine 2", ISSUES.format("hollance/neural-engine", 2))
ANE_SE = Source("apple/coremltools 657", ISSUES.format("apple/coremltools", 657))
ANE_LAYERS = Source(
    "hollance/neural-engine: unsupported layers",
    "https://github.com/hollance/neural-engine/blob/master/docs/unsupported-layers.md",
)
ANE_TOPK = Source("roboflow/rf-detr 1495", "https://github.com/roboflow/rf-detr/pull/1495")
ANE_SHAPES = Source("Apple developer forums 724930", "https://developer.apple.com/forums/thread/724930")
ANE_FP16 = Source(
    "Core ML Tools: typed execution workflow",
    "https://apple.github.io/coremltools/docs-guides/source/typed-execution-example.html",
)

XNNPACK = Source(
    "ExecuTorch: operators of the XNNPACK partitioner",
    "https://docs.pytorch.org/executorch/stable/backends/xnnpack/xnnpack-partitioner.html",
)

"""Which runtimes layers are timed in, and what a file of measured layers is called; known before torch is imported."""

from pathlib import Path

from data.errors import InputError

FORMAT_OF = {  # runtime -> its format, a key of `tasks.formats.table.FORMATS`; None for torch itself
    "torch": None,
    "onnxruntime": "onnx",
    "openvino": "openvino",
    "executorch": "executorch",
    "litert": "litert",
}
SUFFIX = ".csv"


def check_device(device: str) -> None:
    """Check that a device is one of these runtimes, or the name of a table.

    Raises:
        ValueError: naming it, and the choices.
    """
    if device.endswith(SUFFIX):
        if not Path(device).is_file():
            raise InputError(f"device: no file {device}; expected a table of measured layers")
    elif device not in FORMAT_OF:
        raise ValueError(f"device: unknown {device!r}; choose from {', '.join(FORMAT_OF)}, or a table FILE{SUFFIX}")

"""A folder with all that a browser needs to run an exported model: the page, the model, onnxruntime-web."""

import shutil
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from data.errors import InputError
from tasks.export.web.runtime import FILES
from tasks.files import sync_all, write_bytes
from tasks.formats.contract import Contract, ExportedFile
from tasks.page.files import read_files

PAGE = Path(__file__).parent / "page"
RUNTIME = "onnxruntime-web"  # the folder beside the page
SHOWN = ("float32", "int32", "uint8")  # types of outputs
LICENSES = ("LICENSE", "ThirdPartyNotices.txt")  # of onnxruntime: the Python package comes from the same sources


def write_page(folder: Path, model: Path, contract: Contract, *, runtime: Path) -> None:
    """Write a folder that any static server can serve.

    Args:
        folder: to write; what is in it stays, but for files of the same names.
        model: an ONNX file that the contract knows, which takes images as they are decoded and gives what is found.
        contract: of it; other files that it knows are left out of the page's model.json.
        runtime: folder of onnxruntime-web's files, see `find_runtime`.

    Raises:
        InputError: if the page could not show what the file gives.
    """
    file = contract.files[model.name]
    check_shown(model, file)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in read_files(PAGE).items():
        write_bytes(folder / name, content)
    if model.resolve() != (folder / model.name).resolve():
        shutil.copyfile(model, folder / model.name)
    copy_runtime(runtime, folder / RUNTIME)
    sync_all(folder)
    replace(contract, files={model.name: file}).write(folder)


def check_shown(model: Path, file: ExportedFile) -> None:
    """Check that the page can show what a file gives.

    Raises:
        InputError: naming the setting that it was exported with.
    """
    if file.format != "onnx":
        raise InputError(f"{model}: {file.format}; a page runs onnx")
    if file.input.dtype != "uint8":
        raise InputError(f"{model}: input=float; a page needs input=uint8")
    if file.input.shape[0] not in (1, None):
        raise InputError(f"{model}: batch={file.input.shape[0]}; a page needs batch=1, or any number")
    names = {port.name for port in file.outputs}
    if "labels" not in names and names != {"scores"}:
        raise InputError(f"{model}: nms=false or argmax=none; a page needs boxes, labels or scores in the file")
    odd = [port for port in file.outputs if port.dtype not in SHOWN]
    if odd:
        raise InputError(f"{model}: {odd[0].name} is {odd[0].dtype}; a page reads {', '.join(SHOWN)}")


def copy_runtime(source: Path, folder: Path) -> None:
    """Copy onnxruntime-web with its licence, each script as .js: not every server knows .mjs."""
    folder.mkdir(exist_ok=True)
    for name in FILES:
        shutil.copyfile(source / name, folder / name.replace(".mjs", ".js"))
    spec = find_spec("onnxruntime")
    if spec is None or spec.origin is None:
        raise InputError("format=web: onnxruntime is not installed; pip install 'bneck[onnx]' does it")
    for name in LICENSES:
        shutil.copyfile(Path(spec.origin).parent / name, folder / name)

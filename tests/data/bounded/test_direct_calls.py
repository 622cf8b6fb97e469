"""Each format is opened in one place, which knows its bounds; nobody goes past it."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FILES = sorted(path for package in ("backbones", "heads", "tasks", "data") for path in (ROOT / package).rglob("*.py"))
OURS = {  # calls of files that this program itself just wrote, or that come with it
    "tasks/formats/executorch_operators.py": {"json.loads"},  # the reader's own output
    "tasks/formats/ncnn.py": {"json.loads"},  # a child process's output
    "tasks/formats/onnx_quantization.py": {"onnx.load"},  # what the quantiser just wrote
    "tasks/predict/parts.py": {"json.loads"},  # its own plan, to be compared with one that was read
    "tasks/models/seals.py": {"json.loads"},  # what safetensors just wrote
}
ONE_PLACE = {
    "json.load": set(),
    "json.loads": {"data/bounded/json_values.py"},
    "msgspec.json.decode": {"data/bounded/json_values.py"},
    "yaml.load": {"data/bounded/yaml_values.py"},
    "yaml.safe_load": set(),
    "yaml.full_load": set(),
    "OmegaConf.load": set(),
    "ElementTree.parse": set(),
    "ElementTree.fromstring": set(),
    "XMLParser": {"data/bounded/xml_tree.py"},
    "csv.DictReader": {"data/bounded/csv_rows.py"},
    "Image.open": {"data/image_headers.py"},
    "cv2.imread": set(),
    "cv2.VideoCapture": {"data/streams/videos.py"},
    "np.load": set(),
    "safe_open": {"tasks/models/pretrained/state_files.py"},
    "load_file": set(),
    "onnx.load": set(),
    "zipfile.ZipFile": set(),
    "Console": set(),  # what draws on the terminal is tasks.cli.terminal.SafeConsole
}


@cache
def find_calls(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


@pytest.mark.parametrize("call", ONE_PLACE)
def test_a_format_is_opened_in_one_place(call):
    found = {path.relative_to(ROOT).as_posix() for path in FILES if call in find_calls(path)}
    found -= {name for name, calls in OURS.items() if call in calls}
    assert found == ONE_PLACE[call]


def test_pickles_are_opened_behind_their_bounds_alone():
    found = {path.relative_to(ROOT).as_posix() for path in FILES if "torch.load" in find_calls(path)}
    assert found == {"tasks/models/pretrained/state_files.py"}


def test_the_files_of_formats_are_read_within_bounds():
    for name in ("data/formats", "tasks/runs", "tasks/report", "tasks/models"):
        for path in (ROOT / name).rglob("*.py"):
            assert "path.read_bytes" not in find_calls(path), path

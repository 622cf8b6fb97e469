import ast
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from benchmarks.structure import PACKAGES, count_arrows, find_groups, find_imports, find_nodes, measure_code

ROOT = Path(__file__).parent.parent
ASKING, BARE = "lines that ask which task it is", "arguments that are bare Any"
OURS = {"backbones", "heads", "tasks", "data", "conf"}
FOLDERS = sorted({path.name for path in ROOT.iterdir() if path.is_dir() and any(path.glob("*.py"))} | {"tests"})
FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


@cache
def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path):
    """Return the packages that a file imports, the standard library's left out."""
    names = set()
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("." * node.level + (node.module or ""))
    return {name.split(".")[0] for name in names} - set(sys.stdlib_module_names)


def imports_of(folder):
    files = sorted((ROOT / folder).rglob("*.py"))
    assert len(files) > 2
    return set().union(*(imported(path) for path in files))


@cache
def calls(path):
    """Return each call in a file as its dotted name and the call itself."""
    found = [node for node in ast.walk(parse(path)) if isinstance(node, ast.Call)]
    return [(ast.unparse(node.func), node) for node in found]


def test_backbones_import_torch_alone_but_for_the_zoo():
    assert imports_of("backbones") <= {"torch", "torchvision", "timm", "backbones"}
    for path in (ROOT / "backbones").glob("*.py"):
        assert path.stem == "zoo" or imported(path) <= {"torch", "backbones"}, path


def test_heads_import_torch_and_backbones_alone():
    assert imports_of("heads") <= {"torch", "backbones", "heads"}


@pytest.mark.parametrize(
    "table",
    [
        "backbones/tables.py",
        "backbones/baselines.py",
        "backbones/taps.py",
        "heads/anchor_layouts.py",
        "heads/lraspp_conventions.py",
    ],
)
def test_tables_import_the_standard_library_alone(table):
    assert not imported(ROOT / table)


def test_data_knows_nothing_of_models():
    assert imports_of("data") & OURS == {"data"}
    assert "lightning" not in imports_of("data")


def test_tasks_import_the_other_three():
    assert imports_of("tasks") & OURS >= {"backbones", "heads", "data", "tasks"}


@cache
def package_trees():
    """Return the files of the packages, parsed, by their paths, as benchmarks/structure.py takes them."""
    paths = [path for path in FILES if path.relative_to(ROOT).parts[0] in PACKAGES]
    return {path.relative_to(ROOT).as_posix(): parse(path) for path in paths}


@cache
def measured():
    return measure_code(package_trees())


def arrows(*, of_files):
    """Return which folder of the packages imports which, or which file."""
    trees = package_trees()
    nodes = {name: name for name in trees} if of_files else find_nodes(trees)
    return count_arrows(list(find_imports(trees)), nodes)


@pytest.mark.parametrize("of_files", [False, True], ids=["folders", "files"])
def test_imports_run_one_way(of_files):
    found = arrows(of_files=of_files)
    knots = find_groups({node for arrow in found for node in arrow}, found)
    assert len(knots) > 20
    assert [knot for knot in knots if len(knot) > 1] == []


@pytest.mark.parametrize(
    ("measure", "most"),
    [
        (ASKING, 5),  # outside of the tasks' own folders and their table
        (BARE, 15),
        ("functions over 60 lines", 0),
    ],
)
def test_the_code_stays_as_it_was_put_in_order(measure, most):
    found = measured()[measure]
    assert Counter(found).total() <= most, found


def test_a_command_is_imported_by_one_that_runs_it_alone():
    commands = {path.parent.relative_to(ROOT).as_posix() for path in ROOT.glob("tasks/*/__main__.py")}
    found = {(a, b) for a, b in arrows(of_files=False) if b in commands}
    assert found == {
        ("tasks/train", "tasks/evaluate"),
        ("tasks/demo", "tasks/predict"),
        ("tasks/adapt", "tasks/train"),
        ("tasks/sweep", "tasks/train"),
        ("tasks/search", "tasks/train"),
        ("tasks/trials", "tasks/train"),  # which checks the options of the trainings that it starts
    }


def test_a_question_for_the_task_and_a_bare_any_are_seen():
    code = 'def choose(arch: Arch, value: Any) -> int:\n    return 1 if arch.head == "ssdlite" else 2'
    found = measure_code({"tasks/loaders.py": ast.parse(code)})
    assert found[ASKING] == ["tasks/loaders.py:2"]
    assert found[BARE] == {"tasks/loaders.py": 1}


def test_a_model_is_loaded_in_one_way_from_a_file_and_from_weights_to_start_from():
    files = [path for path in FILES if path.relative_to(ROOT).parts[0] in PACKAGES]
    names = [(path, name) for path in files for name, _ in calls(path) if name.endswith(".load_state_dict")]
    found = {path.relative_to(ROOT).as_posix() for path, name in names if not name.startswith("super()")}
    assert found == {
        "tasks/distillation/networks.py",  # other packages' networks, as teachers
        "tasks/inference/loading.py",
        "tasks/models/pretrained/loading.py",
        "tasks/train/callbacks.py",  # the projection onto a teacher's features: no model
    }


def test_imports_are_absolute():
    assert not [path for path in FILES if "" in imported(path)]


def test_configuration_names_no_code():
    files = sorted((ROOT / "conf").rglob("*.yaml"))
    assert len(files) > 5
    assert not [path for path in files if "_target_" in path.read_text(encoding="utf-8")]


def test_nothing_is_built_by_hydra():
    files = [path for path in FILES if path.relative_to(ROOT).parts[0] in OURS]
    assert not [path for path in files if "hydra.utils" in path.read_text(encoding="utf-8")]


def test_every_torch_load_takes_weights_alone():
    loads = [(path, node) for path in FILES for name, node in calls(path) if name == "torch.load"]
    assert loads
    for path, node in loads:
        options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        assert options.get("weights_only") == "True", f"{path}:{node.lineno}"
    for path in FILES:
        names = [
            a.name
            for n in ast.walk(parse(path))
            if isinstance(n, ast.ImportFrom) and n.module == "torch"
            for a in n.names
        ]
        assert "load" not in names, path


@pytest.mark.parametrize("name", ["pickle.load", "pickle.loads", "eval", "exec"])
def test_the_package_runs_no_code_out_of_files(name):
    files = [path for path in FILES if path.relative_to(ROOT).parts[0] in OURS]
    assert not [f"{path}:{node.lineno}" for path in files for called, node in calls(path) if called == name]


WRITING = (".write_text", ".write_bytes", ".savefig", ".save", ".imwrite", "save_file", "json.dump")
PLACES = {  # that write files in other ways, and why
    "tasks/files.py": "the function itself",
    "tasks/models/seals.py": "into memory",
    "tasks/drawing/figures.py": "into memory",
    "tasks/drawing/images.py": "into memory",
    "tasks/report/pictures.py": "into memory",
    "tasks/segmentation/prediction.py": "into memory",
    "tasks/shard/writing.py": "into memory",
    "tasks/cli/entry.py": "to nowhere",
    "tasks/demo/app.py": "into memory",
    "tasks/demo/inference.py": "into memory",
    "tasks/train/saving.py": "logs, which grow",
    "tasks/trials/processes.py": "logs, which grow",
    "tasks/classification/results.py": "complete after every image",
    "tasks/detection/results.py": "complete after every image",
    "data/streams/videos.py": "complete after every image",
    "data/disk_cache.py": "a cache, known by its own hash: it need not have reached the disk",
    "data/label_cache.py": "a cache, known by its own hash: it need not have reached the disk",
    "data/synthetic/writing.py": "a folder that takes its place as a whole",
    **dict.fromkeys(
        (
            "coreml.py",
            "executorch.py",
            "executorch_operators.py",
            "litert.py",
            "ncnn.py",
            "onnx.py",
            "onnx_quantization.py",
        ),
        "files of an export, which count once model.json is written",
    ),
}


def writes(name, node):
    """Tell whether a call writes a file itself."""
    values = [each.value for each in (*node.args, *(k.value for k in node.keywords)) if isinstance(each, ast.Constant)]
    opens = name.endswith("open") and any(value in ("w", "wb", "a", "ab", "x", "xb", "w+b", "r+b") for value in values)
    return opens or name.endswith(WRITING)


def test_files_are_written_by_one_function():
    files = [path for path in FILES if path.relative_to(ROOT).parts[0] in {"tasks", "data"}]
    found = [(path, node.lineno) for path in files for name, node in calls(path) if writes(name, node)]
    assert len(found) > 5
    places = {path.relative_to(ROOT).as_posix(): line for path, line in found}
    assert {path: line for path, line in places.items() if path not in PLACES and Path(path).name not in PLACES} == {}

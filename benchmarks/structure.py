"""How this checkout is built: floors, cycles, questions for the task, loose types, sizes, files to open.

Usage:
    python -m benchmarks.structure --json FILE
    python -m benchmarks.structure --questions benchmarks/results/structure_before.json    # the files of the old layout

A node is a folder without sub-folders, or a single file beside sub-folders: each file directly in tasks/ is one.
Imports inside functions and under TYPE_CHECKING count like all others. FILE lists what was counted.
"""

import argparse
import ast
import json
import re
import statistics
import subprocess
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path, PurePath

ROOT = Path(__file__).parents[1]
BEFORE = ROOT / "benchmarks/results/structure_before.json"
PACKAGES = ("backbones", "heads", "data", "tasks")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

OPTIONS = {"config", "cfg", "settings", "dataset", "trainer", "given"}  # names of dicts of options
DICTS = ("dict[", "Mapping[", "MutableMapping[")

# The folders of the tasks, the table of tasks, and what builds a head: here it may be asked which task it is.
AT_HOME = re.compile(r"heads/|tasks/((detec|segmenta|classifica)tion/|(task|build|model|models/network)\.py)")
ROWS = re.compile(r"\b(DETECTION|SEGMENTATION|CLASSIFICATION|find_task)\b")
LITERALS = {"ssdlite", "lraspp", "raspp", "classifier", "detection", "segmentation", "classification"}
COMPARED = re.compile(r"\b(head|kind|task)\b\W*$")  # with one of these: arch.head, config["model"]["head"]
CLASSES = re.compile(
    r"\b((Detec|Segmenta|Classifica)tion\w+|Detector|Segmenter|Classifier|(Box|Mask)(Reader|Dataset))\b"
)
ATTRIBUTES = re.compile(r"^'(boxes|boxes_at|count_boxes|masks|mask_paths)'$")  # of one kind of reader alone

# Code and configuration to open for the whole answer, or to make the change; tests and docs are left out.
QUESTIONS = {
    "where is C4 defined": "backbones/tables.py",
    "where is a box assigned": """tasks/detection/losses.py tasks/detection/iou_assignment.py
        tasks/detection/task_aligned_assignment.py""",
    "what does loss.candidates do": "tasks/detection/settings.py tasks/detection/task_aligned_assignment.py",
    "where is a checkpoint written": "tasks/train/saving.py tasks/train/checkpoint_io.py",
    "where are class names decided": """data/formats/coco_json.py data/formats/yolo_names.py data/formats/voc.py
        data/formats/cityscapes.py data/formats/mask_classes.py data/formats/class_folders.py data/formats/imagenet.py
        data/formats/label_csv.py data/shards/samples.py""",
    "how is a data format added": "conf/dataset/voc.yaml data/datasets.py data/formats/voc.py tasks/task.py",
    "how is a backbone added": "conf/backbone/mnasnet_a1.yaml backbones/baselines.py",
    "how is an export format added": "tasks/formats/table.py tasks/formats/onnx.py",
    "where is the progress line of training printed": "tasks/train/progress.py",
    "where does resuming live": "tasks/train/plan.py tasks/train/resuming.py",
}

Trees = Mapping[str, ast.Module]  # by path
Import = tuple[str, str, int, bool]  # file, imported file, line, whether it is inside a function
Arrows = Mapping[tuple[str, str], int]  # (from, to) -> how many imports of a file by a file
Measures = dict[str, float | list[str] | Counter[str]]  # a number, or what was counted


def find_imports(trees: Trees) -> Iterator[Import]:
    """Find the imports among files; they are absolute, which tests/test_layering.py proves."""
    modules = {path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): path for path in trees}
    for path, tree in trees.items():
        late = {id(part) for node in ast.walk(tree) if isinstance(node, FUNCTIONS) for part in ast.walk(node)}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            names = [alias.name for alias in node.names]
            if isinstance(node, ast.ImportFrom):
                parts = [f"{node.module}.{name}" for name in names]
                names = [part if part in modules else str(node.module) for part in parts]
            for target in sorted({modules[name] for name in names if name in modules}):
                yield path, target, node.lineno, id(node) in late


def find_nodes(paths: Collection[str]) -> dict[str, str]:
    """Return the node of each file."""
    folders = {path: PurePath(path).parent for path in paths}
    mixed = {above for folder in folders.values() for above in folder.parents}
    return {path: path if folder in mixed else str(folder) for path, folder in folders.items()}


def count_arrows(imports: Collection[Import], nodes: Mapping[str, str]) -> Arrows:
    """Count what lies behind each arrow from node to node: the pairs of a file and one that it imports."""
    pairs = sorted({(source, target) for source, target, *_ in imports})
    return Counter((nodes[a], nodes[b]) for a, b in pairs if nodes[a] != nodes[b])


def find_groups(nodes: Collection[str], arrows: Arrows) -> list[tuple[str, ...]]:
    """Return the strongly connected components: nodes that reach each other. A knot is one of several nodes."""
    reached = {node: {node} for node in nodes}
    for _ in nodes:
        for a, b in arrows:
            reached[a] |= reached[b]
    return sorted({tuple(sorted(b for b in reached[a] if a in reached[b])) for a in nodes})


def find_up(knot: Collection[str], arrows: Arrows) -> set[tuple[str, str]]:
    """Return the arrows that run up in a knot: against that order of its nodes in which the fewest imports do.

    Of several such orders it is the first by name. The time doubles with each node: minutes for twenty.
    """

    @cache
    def stack(below: frozenset[str]) -> tuple[int, tuple[str, ...]]:
        rest, choices = sorted(set(knot) - below), []
        for node in rest:
            cost, above = stack(below | {node})
            choices.append((cost + sum(arrows.get((node, other), 0) for other in rest), (node, *above)))
        return min(choices, default=(0, ()))

    order = stack(frozenset())[1]
    return {(a, b) for a, b in arrows if a in order and b in order and order.index(a) < order.index(b)}


def count_floors(nodes: Collection[str], arrows: Arrows) -> int:
    """Count the nodes of tasks/ in the longest chain of arrows, each knot as one."""
    tasks = [node for node in nodes if node.startswith("tasks/")]
    arrows = {(a, b): count for (a, b), count in arrows.items() if a in tasks and b in tasks}
    groups = {node: group for group in find_groups(tasks, arrows) for node in group}

    @cache
    def climb(group: tuple[str, ...]) -> int:
        return 1 + max((climb(groups[b]) for a, b in arrows if a in group and b not in group), default=0)

    return max(map(climb, groups.values()))


def asks_task(node: ast.AST) -> bool:
    """Tell whether an expression asks which task it is: of a row, a head, a module, a reader or a sample."""
    match node:
        case ast.Attribute(attr="detects"):
            return True
        case ast.Call(func=ast.Name(id="isinstance" | "hasattr"), args=[_, kinds]):
            return any(pattern.search(ast.unparse(kinds)) for pattern in (CLASSES, ATTRIBUTES))
        case ast.Compare(left=left, comparators=others):
            sides = [ast.unparse(side) for side in (left, *others)]
            said = {part.value for part in ast.walk(node) if isinstance(part, ast.Constant)}
            return any(map(ROWS.search, sides)) or bool(said & LITERALS and any(map(COMPARED.search, sides)))
        case ast.MatchValue(value=ast.Constant(value=text)):
            return text in LITERALS
    return False


def looks_up(node: ast.AST) -> bool:
    """Tell whether a string is looked up in a dict of options; config["trainer"]["seed"] is one look-up."""
    match node:
        case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str())):
            return name in OPTIONS
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id=name), attr="get" | "setdefault"), args=[ast.Constant(), *_]
        ):
            return name in OPTIONS
    return False


def measure_imports(trees: Trees) -> Measures:
    """Measure floors, knots and what runs up."""
    imports, nodes = list(find_imports(trees)), find_nodes(trees)
    arrows, plain = count_arrows(imports, nodes), count_arrows(imports, {path: path for path in trees})
    knots = [group for group in find_groups({*nodes.values()}, arrows) if len(group) > 1]
    up = {arrow for knot in knots for arrow in find_up(knot, arrows)}
    down = {arrow: count for arrow, count in arrows.items() if arrow not in up}
    against = [entry for entry in imports if (nodes[entry[0]], nodes[entry[1]]) in up]
    entries = {PurePath(path).parts[1] for path in trees if path.startswith("tasks/")} - {"__init__.py"}
    return {
        "entries in tasks/": sorted(entries),
        "floors in tasks/, a knot as one": count_floors({*nodes.values()}, arrows),
        "floors in tasks/, arrows up left out": count_floors({*nodes.values()}, down),
        "floors in tasks/, of files": count_floors(trees, plain),
        "knots": [", ".join(knot) for knot in knots],
        "nodes in knots": [node for knot in knots for node in knot],
        "arrows up": [f"{a} -> {b}" for a, b in sorted(up)],
        "imports up": [f"{source}:{line} imports {target}" for source, target, line, _ in against],
        "late imports up": [f"{source}:{line} imports {target}" for source, target, line, late in against if late],
    }


def measure_code(trees: Trees) -> Measures:
    """Measure questions for the task, loose types and the length of functions."""
    every = [(path, node) for path, tree in trees.items() for node in ast.walk(tree)]
    asking = {(path, n.lineno) for path, n in every if isinstance(n, ast.expr | ast.pattern) and asks_task(n)}
    asking = {(path, line) for path, line in asking if not AT_HOME.match(path)}
    functions = [(path, node) for path, node in every if isinstance(node, FUNCTIONS)]
    arguments = [
        (path, node.lineno, argument.arg, ast.unparse(argument.annotation))
        for path, node in functions
        for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)  # without *args, **kwargs
        if argument.annotation
    ]
    bare = [(path, name) for path, _, name, kind in arguments if kind == "Any"]
    taking = {(path, line) for path, line, name, kind in arguments if name in OPTIONS and kind.startswith(DICTS)}
    lengths = {f"{path}:{node.lineno}": (node.end_lineno or 0) - node.lineno + 1 for path, node in functions}
    return {
        "lines that ask which task it is": [f"{path}:{line}" for path, line in sorted(asking)],
        "files with such lines": sorted({path for path, _ in asking}),
        "arguments that are bare Any": Counter(path for path, _ in bare),
        "of them readers": Counter(path for path, name in bare if name.endswith("reader")),
        "signatures with a dict of options": [f"{path}:{line}" for path, line in sorted(taking)],
        "strings looked up in options": Counter(path for path, node in every if looks_up(node)),
        "functions over 60 lines": [place for place, length in lengths.items() if length > 60],
        "median lines of a function": statistics.median(lengths.values()),
    }


def measure() -> Measures:
    """Measure the checkout that this file lies in."""
    files = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    texts = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in files}
    trees = {path: ast.parse(text) for path, text in texts.items()}
    long = [path for path, text in texts.items() if len(text.splitlines()) > 250]
    return {**measure_imports(trees), **measure_code(trees), "files over 250 lines": long}


def main() -> None:
    """Measure, print the numbers beside those before, and write them with what they count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--questions", type=Path, help="a file that --json wrote, whose questions are asked")
    options = parser.parse_args()
    questions = {question: paths.split() for question, paths in QUESTIONS.items()}
    if options.questions:
        questions = json.loads(options.questions.read_text(encoding="utf-8"))["questions"]
    opened = [path for paths in questions.values() for path in paths]
    missing = sorted({path for path in opened if not (ROOT / path).is_file()})
    measures = {**measure(), "files to open for ten questions": opened, "of them missing": missing}
    counted = {name: value for name, value in measures.items() if isinstance(value, list | Counter)}
    summary = {**measures, **{name: Counter(value).total() for name, value in counted.items()}}
    before = json.loads(BEFORE.read_text(encoding="utf-8"))["summary"] if BEFORE.is_file() else {}
    print("| measure | before | now |\n|---|---:|---:|")
    for name, number in summary.items():
        print(f"| {name} | {before.get(name, '')} | {number} |")
    if options.json:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
        results = {"commit": commit.stdout.strip(), "summary": summary, "questions": questions, "counted": counted}
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if missing:
        raise SystemExit("\n".join(f"error: missing: {path}" for path in missing))


if __name__ == "__main__":
    main()

"""Files of weights that run code, unpack without end, or describe what no machine can hold."""

import builtins
import functools
import json
import os
import struct
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from tests.hostile.case import CANARY, ESCAPES, NESTED, Case, Evil, Text, dump, evil, pipe, write_archive

CODE = f"open({str(CANARY)!r}, 'w')"
LEGACY = (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {}})


class Built(dict):  # type: ignore[type-arg]
    def __reduce__(self) -> Any:
        return (dict, (), {"hook": evil()})


def predict(name: str) -> tuple[str, ...]:
    return ("predict", "checkpoint={here}/" + name, "source={base}/photo.jpg", "out={here}/out")


def pickled(values: Callable[[], Any], name: str = "evil.ckpt") -> Callable[[Path, Path], None]:
    return lambda here, base: write_archive(here / name, dump(values()))


def raw(content: Callable[[], bytes], name: str = "evil.ckpt") -> Callable[[Path, Path], object]:
    return lambda here, base: (here / name).write_bytes(content())


def write_legacy(here: Path, base: Path) -> None:
    (here / "evil.ckpt").write_bytes(b"".join(map(dump, (*LEGACY, evil(), []))))


def write_tar(here: Path, base: Path) -> None:
    (here / "pickle").write_bytes(dump(evil()))
    with tarfile.open(here / "evil.ckpt", "w") as archive:
        for name in ("storages", "tensors", "pickle"):
            archive.add(here / "pickle", name)


def write_bomb(here: Path, base: Path) -> None:
    with zipfile.ZipFile(here / "bomb.ckpt", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("archive/data.pkl", dump({}))
        archive.writestr("archive/version", "3\n")
        with archive.open("archive/data/0", "w", force_zip64=True) as entry:
            for _ in range(4096):
                entry.write(bytes(2**20))


def write_pickle_bomb(here: Path, base: Path) -> None:
    write_archive(here / "bomb.ckpt", b"\x80\x02](" + b"]" * 60_000_000 + b"e.", compressed=True)


def write_overlap(here: Path, base: Path) -> None:
    """Many entries in the directory of which each is the same place."""
    write_archive(here / "bomb.ckpt", dump({}), big=bytes(2**22))
    content = (here / "bomb.ckpt").read_bytes()
    end = content.rfind(b"PK\x05\x06")
    count, length, start = struct.unpack("<H2L", content[end + 10 : end + 20])
    directory = content[start : start + length] * 1000
    tail = content[end : end + 8] + struct.pack("<2H2L", count * 1000, count * 1000, len(directory), start)
    (here / "bomb.ckpt").write_bytes(content[:start] + directory + tail + b"\0\0")


def write_two_directories(here: Path, base: Path) -> None:
    """A directory that one reader sees and another does not."""
    write_bomb(here, base)
    content = (here / "bomb.ckpt").read_bytes()
    end = content.rfind(b"PK\x05\x06")
    write_archive(here / "small.ckpt", dump({}))
    small = (here / "small.ckpt").read_bytes()
    last = small.rfind(b"PK\x05\x06")
    start = struct.unpack("<L", small[last + 16 : last + 20])[0]
    (here / "bomb.ckpt").write_bytes(content[:end] + small[start:last] + content[end:])


def write_sparse(here: Path, base: Path) -> None:
    with (here / "big.ckpt").open("wb") as file:
        file.write(b"PK\x03\x04")
        file.truncate(2**40)


def write_sparse_tensors(here: Path, base: Path) -> None:
    size = 2**36
    header = json.dumps({"a": {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}}).encode()
    with (here / "big.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + size)


def header(text: Text, *, length: int | None = None, after: bytes = b"") -> Callable[[Path, Path], object]:
    def write(here: Path, base: Path) -> None:
        content = (text if isinstance(text, str) else text()).encode()
        start = struct.pack("<Q", len(content) if length is None else length)
        (here / "evil.safetensors").write_bytes(start + content + after)

    return write


def described(change: Callable[[dict[str, Any]], object]) -> Callable[[Path, Path], None]:
    """Spoil the description of a sound model."""

    def write(here: Path, base: Path) -> None:
        content = (base / "ssdlite.safetensors").read_bytes()
        length = int.from_bytes(content[:8], "little")
        values = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["bneck"])
        change(values)
        save_file(load_file(base / "ssdlite.safetensors"), here / "evil.safetensors", {"bneck": json.dumps(values)})

    return write


def metadata(text: str) -> Callable[[Path, Path], None]:
    return lambda here, base: save_file({"a": torch.zeros(1)}, here / "evil.safetensors", {"bneck": text})


def view() -> dict[str, Any]:
    return {"state_dict": {"a": torch.zeros(1).expand(10**6, 10**6)}}


def saved(values: Callable[[], Any]) -> Callable[[Path, Path], None]:
    return lambda here, base: torch.save(values(), here / "evil.ckpt")


def nest() -> Any:
    values: list[Any] = []
    for _ in range(300):
        values = [values]
    return {"state_dict": {"a": torch.zeros(1)}, "bneck": {"version": values}}


def loop() -> Any:
    values: dict[str, Any] = {"state_dict": {"a": torch.zeros(1)}}
    values["bneck"] = values
    return values


def many_classes(values: dict[str, Any]) -> None:
    values["classes"] = {
        "names": [str(n) for n in range(300_000)],
        "ids": list(range(300_000)),
        "categories": [""] * 300_000,
        "colors": [[0, 0, 0]] * 300_000,
    }
    values["arch"]["num_classes"] = 300_000


def name_classes(*names: str) -> Callable[[dict[str, Any]], object]:
    return lambda values: values["classes"].update(names=list(names))


RUNNING: dict[str, Callable[[], Any]] = {
    "os.system": evil,
    "eval": lambda: Evil(builtins.eval, CODE),
    "exec": lambda: Evil(builtins.exec, CODE),
    "open": lambda: Evil(open, str(CANARY), "w"),
    "Popen": lambda: Evil(subprocess.Popen, ["touch", str(CANARY)]),
    "import": lambda: Evil(builtins.__import__, "antigravity"),
    "partial": lambda: Evil(functools.partial, os.system, f"touch {CANARY}"),
    "getattr": lambda: Evil(getattr, "text", "__class__"),
    "in the weights": lambda: {"state_dict": {"a": evil()}},
    "in the description": lambda: {"state_dict": {}, "bneck": evil()},
    "as a state": Built,
    "as a key": lambda: {("a", evil()): 1},
    "torch.load": lambda: Evil(torch.load, "x"),
    "torch.hub": lambda: Evil(torch.hub.load, "x", "y"),
    "makedirs": lambda: Evil(os.makedirs, str(CANARY)),
}
COMMANDS = {
    "evaluate": ("evaluate", "checkpoint={here}/evil.ckpt", "out={here}/out"),
    "export": ("export", "checkpoint={here}/evil.ckpt", "out={here}/out"),
    "benchmark": ("benchmark", "checkpoint={here}/evil.ckpt"),
    "demo": ("open", "{here}/evil.ckpt"),
    "weights": ("train", "weights={here}/evil.ckpt", "{quick}", "{scenes}", "out={here}/out"),
    "teacher": ("train", "distill.teacher={here}/evil.ckpt", "{quick}", "{scenes}", "out={here}/out"),
}
CKPT, ST = predict("evil.ckpt"), predict("evil.safetensors")
EVALUATE = ("evaluate", "checkpoint={here}/evil.safetensors", "out={here}/out")
F32 = '{"a":{"dtype":"F32","shape":%s,"data_offsets":%s}}'

CASES = [
    *(Case(f"pickle: {name}", pickled(values), CKPT) for name, values in RUNNING.items()),
    *(Case(f"pickle: {name}", pickled(evil), words) for name, words in COMMANDS.items()),
    Case("pickle: legacy", write_legacy, CKPT),
    Case("pickle: bare", raw(lambda: dump(evil())), CKPT),
    Case("pickle: protocol 0", raw(lambda: b"cos\nsystem\n(S'touch " + str(CANARY).encode() + b"'\ntR."), CKPT),
    Case("pickle: extension code", raw(lambda: b"\x80\x02\x82\x01."), CKPT),
    Case("pickle: tar", write_tar, CKPT),
    Case("pickle: named safetensors", raw(lambda: dump(evil()), "evil.safetensors"), ST),
    Case("pickle: deep", raw(lambda: b"\x80\x02" + b"]" * 10**6 + b"a" * (10**6 - 1) + b"."), CKPT),
    Case("pickle: nested", saved(nest), CKPT),
    Case("pickle: holds itself", saved(loop), CKPT),
    Case("zip: unpacks to 4 GB", write_bomb, predict("bomb.ckpt")),
    Case("zip: a pickle of 60 MB", write_pickle_bomb, predict("bomb.ckpt")),
    Case("zip: overlapping entries", write_overlap, predict("bomb.ckpt")),
    Case("zip: two directories", write_two_directories, predict("bomb.ckpt")),
    Case("zip: a sparse terabyte", write_sparse, predict("big.ckpt")),
    Case("zip: cut off", raw(lambda: b"PK\x03\x04" + bytes(1000)), CKPT),
    Case("zip: directory of nothing", raw(lambda: b"PK\x05\x06" + b"\xff" * 18), CKPT),
    Case("tensors: a view of one number", saved(view), CKPT),
    Case(
        "tensors: sparse",
        saved(
            lambda: {
                "a": torch.zeros(10**5, 10**5).to_sparse()
                if 0
                else torch.sparse_coo_tensor([[0], [0]], [1.0], (10**6, 10**6))
            }
        ),
        CKPT,
    ),
    Case("tensors: meta", saved(lambda: {"a": torch.zeros(10**6, 10**6, device="meta")}), CKPT),
    Case("tensors: names of wrappers", saved(lambda: {"module." * 20_000 + "a": torch.zeros(1)}), CKPT),
    Case("tensors: sparse file", write_sparse_tensors, predict("big.safetensors")),
    Case("header: longer than the file", header("{}", length=2**63), ST),
    Case("header: 80 MB of metadata", header(lambda: '{"__metadata__":{"x":"' + "y" * 80_000_000 + '"}}'), ST),
    Case("header: deep", header('{"a":' + "[" * 100_000), ST),
    Case("header: nested", header('{"a":' + NESTED + "}"), ST),
    Case("header: places beyond the file", header(F32 % ("[9]", "[0,36]")), ST),
    Case("header: shape without end", header(F32 % ("[4294967296,4294967296,16]", "[0,4]"), after=bytes(4)), ST),
    Case("header: no JSON", header("\xff\x00{"), ST),
    Case("header: empty file", raw(lambda: b"", "evil.safetensors"), ST),
    Case("description: deep", metadata("[" * 100_000), ST),
    Case("description: nested", metadata('{"version":' + NESTED + "}"), ST),
    Case("description: a number", metadata("7"), ST),
    Case("description: no number", described(lambda v: v["arch"].update(width=float("nan"))), ST),
    Case("description: a width of a million", described(lambda v: v["arch"].update(width=1e6)), ST),
    Case("description: a width of 300", described(lambda v: v["arch"].update(width=300)), ST),
    Case("description: width beyond numbers", described(lambda v: v["arch"].update(width=10**300)), ST),
    Case("description: 300,000 classes", described(many_classes), ST),
    Case("description: an input of 10^12 pixels", described(lambda v: v["preprocessing"].update(size=[10**6] * 2)), ST),
    Case("description: 10^12 detections", described(lambda v: v["postprocessing"].update(max_detections=10**12)), ST),
    Case("description: shapes of anchors", described(lambda v: v["arch"].update(shapes=[[[1e300, 1e-300]]])), ST),
    Case("description: a backbone that is a path", described(lambda v: v["arch"].update(backbone="../../x")), ST),
    Case("description: names that command", described(name_classes(ESCAPES, "a\x1b[31m", "b\r\nc")), ST),
    Case("description: names that are no texts", described(lambda v: v["classes"].update(names=[[], {}, 3])), ST),
    Case("description: 100,000 workers", described(lambda v: v["dataset"].update(workers=100_000)), EVALUATE),
    Case("description: 200 workers", described(lambda v: v["dataset"].update(workers=200)), EVALUATE),
    Case(
        "description: draws elsewhere",
        described(lambda v: v["dataset"].update(root=str(CANARY), scenes={"train": 10**9, "val": 10**9})),
        EVALUATE,
    ),
    Case("description: draws a few elsewhere", described(lambda v: v["dataset"].update(root=str(CANARY))), EVALUATE),
    Case(
        "description: samples everywhere",
        described(lambda v: v["dataset"].update(root="/", val="dev")),
        ("open", "{here}/evil.safetensors"),
    ),
    Case("checkpoint: a pipe", lambda here, base: pipe(here / "evil.ckpt"), CKPT),
    Case("checkpoint: a link to itself", lambda here, base: (here / "evil.ckpt").symlink_to("evil.ckpt"), CKPT),
    Case("checkpoint: a device", lambda here, base: (here / "evil.ckpt").symlink_to("/dev/zero"), CKPT),
    Case("checkpoint: a folder", lambda here, base: (here / "evil.ckpt").mkdir(), CKPT),
]

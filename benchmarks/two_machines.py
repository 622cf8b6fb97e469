"""Two machines on one: network namespaces joined by a cable of which a training loses one end, and finds it again.

Usage:
    python -m benchmarks.two_machines    # as root, on Linux; writes benchmarks/results/two_machines.json

Each namespace has an agent of torchrun and one process. The cable is cut in the middle of the training, for less than
the time-out and for more. Then the run has to end as one that was never cut, to the last bit.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.faults.likeness import compare
from benchmarks.timing import save
from tasks.runs.folder import CHECKPOINTS, LAST

NAME = "two_machines"
TIMEOUT = 30  # seconds: trainer.timeout
CUTS = (5, 45)  # seconds
PATIENCE = 900  # seconds that a run may take
PORT = 29400
SETTINGS = (
    "task=ssdlite",
    "backbone=small",
    "dataset.scenes={train: 19, val: 5}",
    "dataset.workers=0",
    "size=[64,96]",
    "batch_size=8",
    "trainer.save_every=1steps",
    "trainer.max_epochs=20",
    "trainer.check_val_every_n_epoch=10",
    "trainer.accelerator=cpu",
    "trainer.progress_bar=false",
    "logger=csv",
    f"trainer.timeout={TIMEOUT}",
)


class Machine(NamedTuple):
    """A network namespace with one end of the cable."""

    name: str
    cable: str
    address: str


def can_join() -> bool:
    """Tell whether network namespaces can be made here."""
    if os.name != "posix" or os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    name = f"bneck{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode == 0
    if made:
        ip("netns", "del", name)
    return made


def ip(*words: str) -> None:
    """Set up what the network is made of, see man ip."""
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


@contextmanager
def join() -> Iterator[tuple[Machine, Machine]]:
    """Make two machines with a cable between them, and take them away."""
    one, two = (
        Machine(f"bneck{os.getpid()}{end}", f"bn{os.getpid()}{end}", f"10.77.0.{1 + place}")
        for place, end in enumerate("ab")
    )
    with ExitStack() as stack:
        for machine in (one, two):
            ip("netns", "add", machine.name)
            stack.callback(ip, "netns", "del", machine.name)
        ip("link", "add", one.cable, "netns", one.name, "type", "veth", "peer", "name", two.cable, "netns", two.name)
        for machine in (one, two):
            ip("-n", machine.name, "addr", "add", f"{machine.address}/24", "dev", machine.cable)
            ip("-n", machine.name, "link", "set", "lo", "up")
            ip("-n", machine.name, "link", "set", machine.cable, "up")
        yield one, two


def start(machine: Machine, first: Machine, options: list[str]) -> "subprocess.Popen[str]":
    """Start torchrun on a machine, whose processes meet on the first."""
    words = ["ip", "netns", "exec", machine.name, sys.executable, "-m", "torch.distributed.run", "--nnodes=2"]
    words += ["--nproc-per-node=1", "--rdzv-backend=c10d", f"--rdzv-endpoint={first.address}:{PORT}", "--rdzv-id=bneck"]
    words += [f"--rdzv-conf=is_host={str(machine == first).lower()}"]  # which else is guessed from the host's name
    words += ["--max-restarts=3", f"--local-addr={machine.address}", "-m", "tasks.train", *options]
    environment = {**os.environ, "GLOO_SOCKET_IFNAME": machine.cable, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def train(machines: tuple[Machine, Machine], out: Path, *, cut: float = 0.0) -> float:
    """Train on both, cut the cable for so many seconds, and return the seconds from then to the end.

    Raises:
        RuntimeError: with what both said, if one ends otherwise than well.
    """
    options = [*SETTINGS, f"dataset.root={out.parent / 'scenes'}", f"out={out}"]
    runs = [start(machine, machines[0], options) for machine in machines]
    try:
        deadline = time.monotonic() + PATIENCE
        while not (out / CHECKPOINTS / LAST).is_file() and all(run.poll() is None for run in runs):
            time.sleep(0.1)
        begin = time.monotonic()
        if cut:
            end = machines[1]
            ip("-n", end.name, "link", "set", end.cable, "down")
            time.sleep(cut)
            ip("-n", end.name, "link", "set", end.cable, "up")
        said = [run.communicate(timeout=deadline - time.monotonic())[0] for run in runs]
    finally:
        for run in runs:
            stop(run)
    if any(run.returncode for run in runs):
        raise RuntimeError("\n".join(said))
    return time.monotonic() - begin


def stop(run: "subprocess.Popen[str]") -> None:
    """End a run that has not ended: torchrun then ends its processes."""
    if run.poll() is None:
        run.terminate()
        try:
            run.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            run.kill()


def measure(folder: Path) -> dict[str, object]:
    """Train once in peace and once for each cut, and return what differs and how long it took."""
    with join() as machines:
        whole = train(machines, folder / "whole")
        rows = []
        for cut in CUTS:
            out = folder / f"cut{cut}"
            seconds = train(machines, out, cut=cut)
            rows.append({"cut": cut, "differs": compare(folder / "whole", out), "seconds": round(seconds, 1)})
    return {"timeout": TIMEOUT, "seconds": round(whole, 1), "cuts": rows}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        save(NAME, measure(Path(place)))

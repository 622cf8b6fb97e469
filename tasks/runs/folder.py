"""The folder of a training run: what is in it."""

from pathlib import Path

CONFIG = "config.yaml"
CHECKPOINTS = "checkpoints"
LAST, BEST = "last.ckpt", "best.ckpt"  # in there: what a run goes on from; of its best evaluation
LOGS = "logs"
WEIGHTS = "model.safetensors"  # what a finished run has


def count_starts(out: Path) -> int:
    """Return how often a run was started or resumed."""
    return len(list((out / LOGS).glob("start_*")))


def list_logs(out: Path) -> list[Path]:
    """Return the metrics.csv of each start of a run, in the order of the starts."""
    found = {path.parent.name.removeprefix("start_"): path for path in (out / LOGS).glob("start_*/metrics.csv")}
    numbers = (number for number in found if number.isascii() and number.isdecimal() and len(number) < 10)
    return [found[number] for number in sorted(numbers, key=int)]

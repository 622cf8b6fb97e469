"""Hostile files, each given to the command that a user would give it to: none runs, none takes more than its bounds.

The files are those of `tests.hostile`, which builds them; each command is a process of its own.
"""

from pathlib import Path

from benchmarks.faults.row import Row
from tests.hostile.corpus import CASES, MOST_GIGABYTES, MOST_SECONDS, find_over, run_corpus


def measure(count: int, folder: Path) -> list[Row]:
    """Give hostile files to the commands.

    Args:
        count: of files at most; they are taken in the order of the corpus.
        folder: to work in.

    Returns:
        How many ran no code, kept to time and memory, and ended in one clear line.
    """
    outcomes = run_corpus(folder / "strangers", most=count)
    ran = [o.name for o in outcomes if "ran" in o.faults]
    over = [o.name for o in find_over(outcomes)]
    unclear = [o.name for o in outcomes if set(o.faults) - {"ran"}]
    of, corpus = len(outcomes), f"of {len(CASES)} hostile files"
    bounds = f"{MOST_SECONDS:.0f} s and {MOST_GIGABYTES:g} GB"
    return [
        Row("hostile files that ran nothing", of - len(ran), of, ", ".join(ran) or corpus),
        Row(f"hostile files within {bounds}", of - len(over), of, ", ".join(over) or corpus),
        Row("hostile files that end in one clear line", of - len(unclear), of, ", ".join(unclear) or corpus),
    ]

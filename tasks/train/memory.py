"""A bound on this process's memory, so that too much of it is an error and not the end of the machine."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data.cache import find_free_memory

SHARE = 0.8  # of the free memory that may be taken
STATUS = Path("/proc/self/status")


@contextmanager
def limit_memory() -> Iterator[None]:
    """Have torch raise where it would take more than is free now; does nothing but on Linux."""
    if not STATUS.is_file():
        yield
        return
    import resource  # there on Unix alone

    taken = re.search(r"^VmSize:\s+(\d+) kB", STATUS.read_text(), flags=re.MULTILINE)
    before = resource.getrlimit(resource.RLIMIT_AS)
    limit = int(taken[1]) * 1024 + int(SHARE * find_free_memory(shared=False)[0]) if taken else before[1]
    resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)

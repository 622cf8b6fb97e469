import ctypes
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys, torch
from tasks.hardware import keep_freed_memory

def count():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def fill(mebibytes):
    before = count()
    torch.zeros(mebibytes * 2**18).add_(1)  # float32, mapped page by page
    return count() - before

given_back = sum(fill(64) for _ in range(6))
keep_freed_memory()
fill(256)
print(given_back, sum(fill(64) for _ in range(6)))
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="glibc alone gives memory back so soon")
def test_freed_memory_is_kept_for_what_comes_next() -> None:
    printed = subprocess.run([sys.executable, "-c", FAULTS], check=True, capture_output=True, text=True).stdout
    given_back, kept = (int(word) for word in printed.split())
    assert kept * 5 < given_back

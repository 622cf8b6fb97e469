import ctypes
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys, torch
from tasks.hardware import keep_freed_memory

def count():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def fill():
    before = count()
    torch.zeros(2**25).add_(1)  # 128 MiB, mapped page by page
    return count() - before

fill()
given_back = fill()
keep_freed_memory()
fill()
print(given_back, fill())
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="glibc alone gives memory back so soon")
def test_freed_memory_is_kept_for_what_comes_next() -> None:
    printed = subprocess.run([sys.executable, "-c", FAULTS], check=True, capture_output=True, text=True).stdout
    given_back, kept = (int(word) for word in printed.split())
    assert kept * 5 < given_back

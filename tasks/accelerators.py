"""The names of what a network may run on; whether this machine has it, `tasks.hardware` says."""

from typing import Literal

Accelerator = Literal["auto", "cpu", "cuda", "gpu", "mps"]

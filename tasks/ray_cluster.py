"""The Ray cluster that a command works on."""

import logging
import os
from pathlib import Path

import ray

ROOT = Path(__file__).resolve().parents[1]  # of the code, which all nodes see


def connect() -> None:
    """Join the cluster that RAY_ADDRESS names, or that was started on this machine; else start one of this machine."""
    if not ray.is_initialized():
        paths = {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)}
        ray.init(runtime_env={"env_vars": paths}, log_to_driver=False, logging_level=logging.WARNING)

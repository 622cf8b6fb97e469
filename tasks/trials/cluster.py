"""Trainings on the nodes of a Ray cluster, each a process there; the file system is one that all nodes see."""

import logging
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError

from data.errors import first_line
from tasks.trials.processes import LocalProcess

logger = logging.getLogger(__name__)

LOST = -signal.SIGKILL  # exit status of a training whose node is gone: as if it had been killed


class ClusterProcess:
    """A training on some node, once one has room for it.

    Args:
        options: of tasks.train.
        log: file that what it says is added to.
        environment: variables that it has.
        folder: that it works in.
        cpus: that it takes up.
        gpus: that it takes up.
    """

    def __init__(
        self,
        options: Sequence[str],
        log: Path,
        environment: Mapping[str, str],
        folder: Path,
        *,
        cpus: int,
        gpus: float,
    ) -> None:
        actor: Any = ray.remote(LocalProcess)
        self._process: Any = actor.options(num_cpus=cpus, num_gpus=gpus).remote(options, log, environment, folder)
        self._ready: Any = self._process.__ray_ready__.remote()
        self._asked: Any = self._process.poll.remote()
        self._told: Any = None  # the answer to the last call of stop

    def poll(self) -> int | None:
        """Return its exit status, that of a kill where its node is gone; None while it runs or waits for a node."""
        try:
            if not self._is_answered(self._asked):
                return None
            status: int | None = ray.get(self._asked)
            if status is None:
                self._asked = self._process.poll.remote()
        except RayError as error:
            logger.warning("Ray: %s", first_line(error))
            return LOST
        return status

    def stop(self) -> None:
        """Tell it to save itself and end, and kill it if it has not in time; one that waits for a node never starts."""
        if not self._is_answered(self._ready):
            ray.kill(self._process)
        elif self._told is None or self._is_answered(self._told):
            self._told = self._process.stop.remote()

    @staticmethod
    def _is_answered(asked: object) -> bool:
        return bool(ray.wait([asked], timeout=0)[0])

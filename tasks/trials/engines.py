"""What trainings run on: processes of this machine, or of a Ray cluster."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from tasks.torchrun import THREADS
from tasks.trials.processes import GPUS, LocalProcess, Running, share_gpus
from tasks.trials.settings import TrialSettings

Launch = Callable[[Sequence[str], Path, int], Running]  # options, the file of a log, which of those at once it is


def choose_launch(settings: TrialSettings) -> Launch:
    """Return what starts a training; a cluster is joined here."""
    if settings.engine == "local":
        return partial(launch_here, settings)
    from tasks.ray_cluster import connect  # late, as few have Ray
    from tasks.trials.cluster import ClusterProcess

    connect()
    threads = settings.count_threads()

    def launch(options: Sequence[str], log: Path, slot: int) -> Running:
        environment = {THREADS: str(threads)}
        return ClusterProcess(options, log, environment, Path.cwd(), cpus=threads, gpus=settings.gpus)

    return launch


def launch_here(settings: TrialSettings, options: Sequence[str], log: Path, slot: int) -> Running:
    """Start a training on this machine, whose cores and GPUs those at once divide."""
    environment = {THREADS: str(settings.count_threads())}
    gpus = share_gpus(slot, settings.jobs)
    return LocalProcess(options, log, environment | ({GPUS: gpus} if gpus else {}), Path.cwd())

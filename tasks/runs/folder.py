"""The folder of a training run: what is in it, what a new run needs, how an earlier one is found again."""

from pathlib import Path
from typing import Any, NamedTuple

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from data.errors import InputError
from tasks.cli.entry import check_new
from tasks.cli.options import check_numbers, to_plain
from tasks.loaders import check_dataset

CONFIG = "config.yaml"
CHECKPOINTS = "checkpoints"
LOGS = "logs"


class Plan(NamedTuple):
    """What is run and where."""

    config: dict[str, Any]  # plain values
    out: Path
    last: Path | None  # the checkpoint to go on from


def plan_run(cfg: DictConfig) -> Plan:
    """Decide what is run and where: a new run, or the one in cfg.resume.

    Raises:
        InputError: if the configuration or the folder cannot be used.
    """
    if cfg.resume is None:
        check_dataset(cfg.dataset.name, cfg.model.head)
        config = to_plain(cfg)
        check_numbers(config)
        out = Path(str(config["out"]))
        check_new(out)
        return Plan(config, out, None)
    out = Path(str(cfg.resume))
    last = out / CHECKPOINTS / "last.ckpt"
    if not (out / CONFIG).is_file() or not last.is_file():
        raise InputError(f"resume: {out} holds no {CONFIG} and {CHECKPOINTS}/last.ckpt; expected the folder of a run")
    others = [option for option in given_options() if not option.startswith(("resume=", "debug="))]
    if others:
        raise InputError(f"resume: {' '.join(others)} cannot be changed; the run in {out} goes on as it was configured")
    return Plan(load_config(out / CONFIG), out, last)


def given_options() -> list[str]:
    """Return the options of the command line as they were typed; none where there is no command line."""
    return list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []


def load_config(path: Path) -> dict[str, Any]:
    """Read the configuration of an earlier run; it holds plain values, and nothing in it is resolved.

    Raises:
        InputError: if it cannot be read, or holds what a run cannot start from.
    """
    try:
        config = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
        check_numbers(config)  # type: ignore[arg-type]
        if "preprocessing" not in config:  # type: ignore[operator]
            raise KeyError("preprocessing")
    except (YAMLError, OmegaConfBaseException, OSError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not the configuration of a run: {error}") from error
    return config  # type: ignore[return-value]


def count_starts(out: Path) -> int:
    """Return how often a run was started or gone on with."""
    return len(list((out / LOGS).glob("start_*")))


def list_logs(out: Path) -> list[Path]:
    """Return the metrics.csv of each start of a run, in the order of the starts."""
    return sorted(
        (out / LOGS).glob("start_*/metrics.csv"), key=lambda path: int(path.parent.name.removeprefix("start_"))
    )

"""Which options of a run are not those that its command has by default."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from hydra import compose
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

import conf
from tasks.cli.composing import composing
from tasks.parsing import flatten, write_value

OWN = ("out", "resume", "debug", "checkpoint")  # options that every run has of its own


def write_options(config: Mapping[str, object]) -> dict[str, str]:
    """Return the options by their dotted names, as one writes them on a command line."""
    return {name: write_value(value) for name, value in flatten(config).items()}


def read_defaults(config: dict[str, Any]) -> dict[str, str]:
    """Return the options of a run that was started with its task, backbone, data set and optimizer alone.

    Returns:
        By dotted names; empty where they cannot be composed.
    """
    if "checkpoint" in config:
        return compose_defaults("evaluate", ("checkpoint=null",))
    model, groups = config.get("model") or {}, {}
    groups["task"], groups["backbone"] = model.get("head"), model.get("backbone")
    for group in ("dataset", "optimizer"):
        groups[group] = (config.get(group) or {}).get("name")
    known = {group: name for group, name in groups.items() if name in list_choices(group)}
    return compose_defaults("train", tuple(f"{group}={name}" for group, name in known.items()))


def list_choices(group: str) -> list[str]:
    """Return the names that a group of options has in this program: a file's own name is no path into it."""
    return sorted(path.stem for path in (conf.FOLDER / group).glob("*.yaml"))


@cache
def compose_defaults(command: str, overrides: tuple[str, ...]) -> dict[str, str]:
    """Return the options of a command by their dotted names; empty where they cannot be composed."""
    try:
        with composing():
            cfg = compose(command, [*overrides, "out=null"])
        return write_options(OmegaConf.to_container(cfg, resolve=True))  # type: ignore[arg-type]
    except (HydraException, OmegaConfBaseException):
        return {}


def list_options(config: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every option of a run: name, value, default (None where there is none), and whether they differ."""
    defaults, options = read_defaults(config), write_options(config)
    rows = []
    for name, value in options.items():
        default = defaults.get(name)
        changed = name in defaults and name not in OWN and value != default
        rows.append({"name": name, "value": value, "default": default, "changed": changed})
    return rows

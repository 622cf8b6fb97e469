"""Options as plain values: resolved, and checked by type and range before anything runs."""

import os
from typing import Any, get_type_hints

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from data.errors import InputError
from data.sizes import Size

SMALLEST = 32  # pixels: the stride of C5
ACCELERATORS = ("auto", "cpu", "cuda", "gpu", "mps")
NAMES_OF_TYPES = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


def to_plain(cfg: DictConfig) -> dict[str, Any]:
    """Return the configuration as plain values.

    Raises:
        InputError: naming the option that is missing or cannot be resolved.
    """
    try:
        return OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)  # type: ignore[return-value]
    except MissingMandatoryValue as error:
        raise InputError(f"{error.full_key}: none given; expected {error.full_key}=VALUE") from error
    except OmegaConfBaseException as error:
        raise InputError(f"option {error.full_key}: {str(error).splitlines()[0]}") from error


def parse_size(value: Any, field: str) -> Size:
    """Turn N or [height, width] into a size.

    Raises:
        InputError: if it is neither, or a side is below 32.
    """
    sides = [value, value] if isinstance(value, int) else value
    if not (isinstance(sides, list) and len(sides) == 2 and all(isinstance(s, int) and s >= SMALLEST for s in sides)):
        raise InputError(f"{field}: {value!r}; expected N or [height, width], whole numbers from {SMALLEST}")
    return sides[0], sides[1]


def parse_eval_size(value: Any, field: str) -> Size | int | None:
    """Check the size of a segmenter's input: N for the shorter side, [height, width], or None for each image's own.

    Raises:
        InputError: if it is none of these, or a side is below 32.
    """
    if value is None:
        return None
    size = parse_size(value, field)
    return size[0] if isinstance(value, int) else size


def parse(build: Any, values: dict[str, Any], field: str) -> Any:
    """Call a constructor with a part of the configuration.

    Raises:
        InputError: naming the part and the field, if a value is of the wrong type or the constructor refuses it.
    """
    hints = get_type_hints(build.__init__)
    for name, value in values.items():
        check_type(value, hints.get(name), f"{field}.{name}")
    try:
        return build(**values)
    except (TypeError, ValueError) as error:
        said = str(error)
        raise InputError(said if said.startswith(f"{field}.") else f"{field}: {said}") from error


def check_type(value: Any, expected: Any, field: str) -> None:
    """Check a plain value against its annotation; other annotations than those of plain values pass.

    Raises:
        InputError: naming the field and the type.
    """
    allowed = {int: (int,), float: (int, float), str: (str,), bool: (bool,)}.get(expected)
    if allowed and (not isinstance(value, allowed) or (isinstance(value, bool) and expected is not bool)):
        raise InputError(f"{field}: {value!r}; expected {NAMES_OF_TYPES[expected]}")


def check_numbers(config: dict[str, Any]) -> None:
    """Check the numbers of a training configuration that no constructor sees.

    Raises:
        InputError: naming the field and its least value.
    """
    trainer, dataset = config["trainer"], config["dataset"]
    for field, value, least in (
        ("batch_size", config["batch_size"], 1),
        ("seed", config["seed"], 0),
        ("trainer.max_epochs", trainer["max_epochs"], 1),
        ("trainer.check_val_every_n_epoch", trainer["check_val_every_n_epoch"], 1),
        ("trainer.accumulate_grad_batches", trainer["accumulate_grad_batches"], 1),
        ("dataset.workers", count_workers(dataset), 0),
    ):
        check_least(value, least, field)
    for field, kind in (("progress_bar", bool), ("ema_decay", float), ("gradient_clip_val", float)):
        check_type(trainer[field], kind, f"trainer.{field}")
    for field in ("early_stopping", "log_images"):
        if trainer.get(field) is not None:
            check_least(trainer[field], 0, f"trainer.{field}")
    check_type(trainer["precision"], str, "trainer.precision")


def check_choice(value: object, choices: tuple[str, ...], field: str) -> None:
    """Check a name.

    Raises:
        InputError: naming the field and the names that it may be.
    """
    if value not in choices:
        raise InputError(f"{field}: unknown {value!r}; choose from {', '.join(choices)}")


def check_least(value: Any, least: int, field: str) -> None:
    """Check a whole number.

    Raises:
        InputError: naming the field and its least value.
    """
    check_type(value, int, field)
    if value < least:
        raise InputError(f"{field}: {value}; expected a whole number from {least}")


def count_workers(dataset: dict[str, Any]) -> int:
    """Return the number of loading processes: as configured, or one a core, at most 8."""
    workers = dataset["workers"]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(8, cores) if workers is None else workers

"""A latency that is aimed at, as it is typed: a share of a known network's, or milliseconds."""

import re

TARGET = re.compile(r"(\d*\.?\d+)(x|ms)")


def check_target(text: str) -> None:
    """Check that a text is a target.

    Raises:
        ValueError: naming it.
    """
    found = TARGET.fullmatch(text)
    if found is None or float(found[1]) <= 0:
        raise ValueError(
            f"target_latency: {text!r}; expected a share of the network's, such as 0.6x, or milliseconds, such as 4.5ms"
        )


def find_target(text: str, latency: float) -> float:
    """Return the milliseconds of a target, of a network that takes `latency`."""
    number, unit = TARGET.fullmatch(text).groups()  # type: ignore[union-attr]  # checked before
    return float(number) * (latency if unit == "x" else 1.0)

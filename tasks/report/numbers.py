"""Numbers as people read them."""

from collections.abc import Callable, Sequence
from datetime import datetime

NONE = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
TIMES = " \N{MULTIPLICATION SIGN} "
TENFOLD = 900  # per cent that are added
HALF_BILLION = 5e8  # multiply-adds from which they are given in billions


def metric(value: float | None) -> str:
    """Return a share in three decimals: 0.628."""
    return NONE if value is None else f"{value:.3f}"


def number(value: float | None) -> str:
    """Return a plain number with three digits that count: 62.4, 171."""
    return NONE if value is None else f"{value:.{0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2}f}"


def text(value: str) -> str:
    """Return a text as it is."""
    return value


def words(value: str) -> str:
    """Return a name for people: "pixel accuracy"."""
    return value.replace("_", " ")


def difference(value: float) -> str:
    """Return a change with its sign: +0.021; nothing where it rounds to none."""
    return f"{value:+.3f}".replace("-", MINUS) if round(value, 3) else ""


def percent(value: float, base: float | str | None) -> str:
    """Return a change as a share of what it is a change of: +12 %, or 31 x; nothing where it rounds to none."""
    if not isinstance(base, int | float) or not base:
        return ""
    share = round(100 * value / base)
    if share >= TENFOLD:
        return f"{1 + value / base:.0f} x"
    return f"{share:+d} %".replace("-", MINUS) if share else ""


def count(value: float | None) -> str:
    """Return an integer with thousands apart: 118 287."""
    return NONE if value is None else f"{value:,.0f}".replace(",", "\u202f")


def millions(value: float | None) -> str:
    """Return a count in millions: 2.83 M."""
    return NONE if value is None else f"{value / 1e6:.2f} M"


def madds(value: float | None) -> str:
    """Return multiply-adds in millions or billions: 111 M, 1.51 B."""
    if value is None:
        return NONE
    return f"{value / 1e9:.2f} B" if value >= HALF_BILLION else f"{value / 1e6:.0f} M"


def size(value: Sequence[int] | None) -> str:
    """Return (height, width) with the sign for "times" between."""
    return TIMES.join(str(side) for side in value) if value else NONE


def minutes(value: float | None) -> str:
    """Return a duration: 40 s, 2.6 min, 3 h 05 min."""
    if value is None:
        return NONE
    if value < 1:
        return f"{value * 60:.0f} s"
    return f"{value:.1f} min" if value < 100 else f"{value // 60:.0f} h {value % 60:02.0f} min"


def speed(value: float | None) -> str:
    """Return images a second: 17.7 images/s."""
    return NONE if value is None else f"{value:.{0 if value >= 100 else 1}f} images/s"


def megabytes(value: float | None) -> str:
    """Return bytes in millions: 3.9 MB."""
    return NONE if value is None else f"{value / 1e6:.1f} MB"


def span(value: Sequence[int]) -> str:
    """Return a lowest and highest value: 240, or 240 to 480."""
    low, high = value
    return str(low) if low == high else f"{low} to {high}"


def moment(value: str) -> str:
    """Return a time as ISO writes it, for people: 22 November 2026, 07:40 UTC."""
    time = datetime.fromisoformat(value)
    return f"{time.day} {time:%B %Y, %H:%M} {time.tzname() or ''}".strip()


FILTERS: dict[str, Callable[..., str]] = {
    shown.__name__: shown
    for shown in (metric, text, words, number, count, millions, madds, size, minutes, speed, megabytes, span, moment)
}

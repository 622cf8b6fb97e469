"""python -m tasks.predict: a checkpoint on images, videos and cameras; `Predictor` is the same from Python."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.predict.predictor import Predictor

__all__ = ["Predictor"]


def __getattr__(name: str) -> object:
    """Import what needs torch when it is asked for, so that --help takes no longer than it must."""
    if name == "Predictor":
        from tasks.predict.predictor import Predictor

        return Predictor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""From which score on an image shows a class, where neither caller nor checkpoint says."""

from tasks.models.architecture import Arch

SHOWN = 0.5  # lowest score of a class, where an image may have several


def usual_threshold(arch: Arch) -> float:
    """Return it: 0 of one class an image, whose best is always shown; of several `SHOWN`."""
    return 0.0 if arch.scores == "softmax" else SHOWN

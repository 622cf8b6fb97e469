"""What is known of one split after its labels were looked at, whether they are boxes or masks."""

from typing import Any, NamedTuple

import numpy as np

from tasks.examination.counts import Counts


class Examined(NamedTuple):
    """One split's labels."""

    counts: Counts
    presence: np.ndarray  # (N, K) bool: which image holds which class
    values: dict[str, Any]  # for the report

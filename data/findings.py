"""What is wrong with a data set's files: said once, and taken as the caller likes it (refused, logged or listed)."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from data.errors import InputError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong in the files of a data set.

    Attributes:
        level: "error" where training must not start, "warning" where something is left out or mended on the way,
            "note" where it is only worth knowing.
        kind: what is wrong in one or a few words, the same for all findings alike: "box outside the image".
        where: the file, and the place in it: "instances_train.json: annotations[3] (id 17).bbox".
        found: what stands there.
        cure: what was expected, or how to mend it.
    """

    level: Literal["error", "warning", "note"]
    kind: str
    where: str
    found: str
    cure: str

    def __str__(self) -> str:
        return f"{self.where}: {self.found}; {self.cure}"


Report = Callable[[Finding], None]


def refuse(finding: Finding) -> None:
    """Take findings as training does: stop at an error, log the rest.

    Raises:
        InputError: if the finding is an error.
    """
    if finding.level == "error":
        raise InputError(str(finding))
    logger.log(logging.WARNING if finding.level == "warning" else logging.INFO, "%s", finding)

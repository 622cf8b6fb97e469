"""Which images a run trains and evaluates on: whole splits, or shares of one."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path, PurePath
from typing import Literal

from data.errors import InputError

Role = Literal["train", "val"]
ROLES: tuple[Role, ...] = ("train", "val")
MACOS = "__MACOSX"  # a folder that macOS puts into zip files


@dataclass(frozen=True)
class Part:
    """The images of one split that a run trains on, or those that it is evaluated on.

    Attributes:
        role: what they are for.
        split: the name of the split that they are in.
        share: of that split's images that evaluation takes, and training leaves; None: there is a split for each.
        annotations: the file of its labels, relative to the root; None: where the format says ("coco").
    """

    role: Role
    split: str
    share: float | None = None
    annotations: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names that the split may go by: what others call val is valid in Roboflow's exports."""
        return ("val", "valid") if self.split == "val" else (self.split,)

    def select(self, names: Sequence[str]) -> list[bool]:
        """Tell for each image of the split whether it belongs to this part.

        That depends on the name of each alone, without its folder and extension: images that are added, or another
        format of labels, move none; but of so few that none or all would be taken, one is.

        Raises:
            InputError: if there would be none.
        """
        if self.share is None:
            return [True] * len(names)
        draws = [_draw(name) for name in names]
        ordered = sorted(set(draws))
        if len(ordered) < 2:
            found = f"takes {sum(draw < self.share for draw in draws)} of the {len(names)} images of {self.split!r}"
            raise InputError(f"dataset.val_share: {self.share} {found}; expected some to evaluate and some to train on")
        limit = min(max(self.share, ordered[1]), ordered[-1])  # the least is taken and the greatest is not, always
        return [(draw < limit) == (self.role == "val") for draw in draws]

    def missing(self, where: object, expected: str, *, one_split: bool = False) -> InputError:
        """Return the error of a split that is not there.

        Args:
            where: it was looked for.
            expected: what would be a split of that name.
            one_split: whether all that is there is one split without a name.
        """
        hint = ""
        if self.role == "val":
            hint = ", or dataset.val_share=0.2 to evaluate on a fifth of dataset.train where there is no such split"
        elif one_split and self.share is None:
            hint = ", or dataset.val_share=0.2, as all of it is one split: evaluates on a fifth, trains on the others"
        inner = find_inner(where) if isinstance(where, Path) else None
        hint += f", or dataset.root={inner}, as nothing else is there" if inner else ""
        return InputError(f"{where}: no split {self.split!r}; expected {expected}{hint}")


def find_inner(folder: Path) -> Path | None:
    """Return what is alone in a folder, if that is a folder: data that were unzipped one folder deeper."""
    if not folder.is_dir():
        return None
    there = [path for path in folder.iterdir() if path.name != MACOS and not path.name.startswith(".")]
    return there[0] if len(there) == 1 and there[0].is_dir() else None


def _draw(name: str) -> float:
    """Return a number from 0 to 1, the same for the same name and for the copies that Roboflow makes of an image."""
    stem = PurePath(name).stem.split(".rf.")[0]
    return int.from_bytes(blake2b(stem.encode(errors="surrogatepass"), digest_size=8).digest()) / 2**64

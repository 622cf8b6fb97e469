"""The classes of a data set: index, name, the id that its files use, category and colour."""

import colorsys
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from data.errors import InputError
from data.samples import IGNORE

Color = tuple[int, int, int]
MOST_CLASSES = 20_000  # more than the largest data set has


def default_colors(count: int) -> tuple[Color, ...]:
    """Return `count` distinct RGB colours: hues a golden ratio apart, in three brightnesses."""
    colors = []
    for index in range(count):
        red, green, blue = colorsys.hsv_to_rgb(index * 0.618034 % 1, 0.85, (1.0, 0.8, 0.6)[index % 3])
        colors.append((round(red * 255), round(green * 255), round(blue * 255)))
    return tuple(colors)


@dataclass(frozen=True)
class ClassTable:
    """K classes; position k is the index that models predict. Background is not a class.

    Attributes:
        names: K unique names.
        ids: K unique ids as the data set's files write them (COCO category id, Cityscapes label id, mask value).
        categories: K names of the group that a class belongs to; "" where the data set has none.
        colors: K RGB colours, 0 to 255.

    Raises:
        InputError: if the four differ in length, names or ids repeat, or there are too many.
    """

    names: tuple[str, ...]
    ids: tuple[int, ...]
    categories: tuple[str, ...]
    colors: tuple[Color, ...]

    def __post_init__(self) -> None:
        if not len(self.names) == len(self.ids) == len(self.categories) == len(self.colors):
            raise InputError(f"{len(self.names)} class names, {len(self.ids)} ids; expected the same number of each")
        if len(self.names) > MOST_CLASSES:
            raise InputError(f"{len(self.names)} classes; expected at most {MOST_CLASSES}")
        if len(set(self.names)) < len(self.names) or len(set(self.ids)) < len(self.ids):
            raise InputError("class names or ids repeat; expected each once")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def no_class(self) -> int:
        """The value of pixels of no class in masks of ids: 255, or the next lower one that is no class's id."""
        return next(value for value in range(IGNORE, -1, -1) if value not in self.ids)

    @classmethod
    def create(
        cls,
        names: Sequence[str],
        ids: Sequence[int],
        *,
        categories: Sequence[str] | None = None,
        colors: Sequence[Color] | None = None,
    ) -> "ClassTable":
        """Build a table, with default colours and no categories where they are not given."""
        return cls(
            tuple(names),
            tuple(ids),
            tuple(categories) if categories is not None else ("",) * len(names),
            tuple(colors) if colors is not None else default_colors(len(names)),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists, as a checkpoint stores them."""
        return {
            field: [list(v) if isinstance(v, tuple) else v for v in values] for field, values in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "ClassTable":
        """Rebuild what `to_dict` returned.

        Raises:
            ValueError: if names or categories are no strings, ids no integers, or colours no bytes.
        """
        if not all(type(n) is str for n in values["names"]) or not all(type(i) is int for i in values["ids"]):
            raise ValueError("classes: names that are no strings, or ids that are no integers")
        if not all(type(name) is str for name in values["categories"]):
            raise ValueError("classes: categories that are no strings")
        if not all(type(part) is int and 0 <= part <= 255 for color in values["colors"] for part in color):
            raise ValueError("classes: colors: expected integers from 0 to 255")
        return cls(
            tuple(values["names"]),
            tuple(values["ids"]),
            tuple(values["categories"]),
            tuple((r, g, b) for r, g, b in values["colors"]),
        )

    def require(self, found: "ClassTable", *, source: str, by_id: bool = True) -> None:
        """Check that a data set's classes are all known here, under the same ids unless `by_id` is false.

        Raises:
            InputError: naming `source` and the classes that this table does not hold, or holds under another id.
        """
        known = dict(zip(self.names, self.ids, strict=True))
        pairs = zip(found.names, found.ids, strict=True)
        wrong = [f"{n!r} (id {i})" for n, i in pairs if n not in known or (by_id and known[n] != i)]
        if wrong:
            expected = ", ".join(f"{n!r} (id {i})" for n, i in list(known.items())[:20])
            raise InputError(f"{source}: unknown classes {', '.join(wrong[:20])}; the model knows {expected}")


def find_classes(table: ClassTable, names: str | Collection[str] | None) -> list[int]:
    """Return the indices of classes, one or several; of all where no names are given.

    Raises:
        InputError: if a name is unknown.
    """
    if names is None:
        return list(range(len(table)))
    names = [names] if isinstance(names, str) else names
    unknown = [name for name in names if name not in table.names]
    if unknown:
        raise InputError(f"classes: unknown {', '.join(map(repr, unknown))}; choose from {', '.join(table.names)}")
    return [table.names.index(name) for name in names]

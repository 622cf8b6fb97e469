"""What the results of predictions hold numbers for."""

from typing import Any

from data.classes import ClassTable


def describe_classes(table: ClassTable) -> list[dict[str, Any]]:
    """Return the id, the name and the colour of each class, in the order of their indices."""
    columns = zip(table.ids, table.names, table.colors, strict=True)
    return [{"id": i, "name": name, "color": list(color)} for i, name, color in columns]

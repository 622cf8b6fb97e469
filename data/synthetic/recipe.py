"""The file that says how a drawn data set was drawn."""

from pathlib import Path

RECIPE = "recipe.json"


def is_drawn(root: Path) -> bool:
    """Tell whether a folder holds anything: a data set is drawn only where there is nothing."""
    return root.is_dir() and any(root.iterdir())

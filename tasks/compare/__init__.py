"""python -m tasks.compare: several runs side by side."""

"""Exported files: what is in them, what model.json says of them, and for each format how it is written and run."""

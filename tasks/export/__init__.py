"""python -m tasks.export: a checkpoint as files for devices, with all that proves and explains them."""

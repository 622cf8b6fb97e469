"""python -m tasks.adapt: a network made faster on a device, row by row."""

"""python -m tasks.evaluate: one checkpoint on one data set, in numbers, pictures and a report."""

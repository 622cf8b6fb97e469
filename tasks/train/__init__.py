"""python -m tasks.train: one training run, from its configuration to its report."""

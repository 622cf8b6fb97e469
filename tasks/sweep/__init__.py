"""python -m tasks.sweep: options of tasks.train, searched for the best."""

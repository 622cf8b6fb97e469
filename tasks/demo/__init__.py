"""python -m tasks.demo: a checkpoint in the browser."""

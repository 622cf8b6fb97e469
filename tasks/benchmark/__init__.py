"""python -m tasks.benchmark: what a network costs, and the tables of the paper."""

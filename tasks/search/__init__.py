"""python -m tasks.search: rows of a network, searched for the best metric at a latency."""

"""python -m tasks.export: a checkpoint as a file of another format, compared with what it came from stage by stage."""

"""python -m tasks.shard: a data set as shards, for object storage."""

"""Write a data set as shards, into a folder or into object storage, for dataset=stream.

Usage:
    python -m tasks.shard dataset=coco dataset.root=DIR dataset.train=train dataset.val=val out=s3://BUCKET/NAME
    python -m tasks.shard task=lraspp dataset=cityscapes dataset.root=DIR out=DIR
    python -m tasks.shard task=classify dataset=folder dataset.root=DIR shuffle=0 out=gs://BUCKET/NAME
"""

from tasks.cli.entry import command
from tasks.shard.config import ShardConfig


@command("shard")
def main(config: ShardConfig) -> None:
    """Run the command with its configuration, conf/shard.yaml."""
    from tasks.shard.command import shard  # late, so that --help takes a second

    shard(config)


if __name__ == "__main__":
    main()

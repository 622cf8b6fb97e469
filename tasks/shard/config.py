"""The options of tasks.shard, conf/shard.yaml."""

from dataclasses import dataclass

from data.config import DatasetConfig
from tasks.parsing import hidden, spread
from tasks.recipe import Recipe

MOST_MB = 2000  # of a shard: LitData counts its bytes in 32 bits
MB = 10**6  # bytes


@dataclass(frozen=True, kw_only=True)
class ShardConfig:
    """One data set that shards are made of.

    Attributes:
        dataset: the data set.
        recipe: says by its task what is learned from it: boxes, masks or labels.
        out: folder, or address in object storage, of the shards.
        shard_mb: size of a shard, in MB.
        shuffle: seed of an order in which the images to train on are written; None keeps theirs.
        debug: whether an error shows its traceback.
        typed: the options of the command line, as they were typed.

    Raises:
        ValueError: naming the field, what it held and what is allowed.
    """

    recipe: Recipe = spread()
    dataset: DatasetConfig
    out: str
    shard_mb: int
    shuffle: int | None
    debug: bool = False
    typed: tuple[str, ...] = hidden(())

    def __post_init__(self) -> None:
        if not 1 <= self.shard_mb <= MOST_MB:
            raise ValueError(f"shard_mb: {self.shard_mb}; expected an integer from 1 to {MOST_MB}")
        if self.shuffle is not None and self.shuffle < 0:
            raise ValueError(f"shuffle: {self.shuffle}; expected an integer from 0, or null")

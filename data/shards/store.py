"""Shards within reach: those in a folder where they are, those in object storage through files of the user's cache.

A file of the cache is named by the hash of what it holds, so it is never stale, and all runs and processes share it; it
takes its place once it is whole. Where they take too many bytes, those not read for longest make room. Each shard is
compared with its hash when it is fetched, and once in a run before it is first read.
"""

import fcntl
import hashlib
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import NamedTuple

from data.bounded.content import BoundError, open_number
from data.cache import make_shared
from data.errors import InputError, RunError, first_line
from data.findings import EntryError, fault
from data.storage import download, is_remote
from data.user_cache import PART, find_folder, remove_oldest

KIND, LOCK_KIND = "shards", "shard-locks"  # folders in the user's cache
LOCKS = 64  # files; a shard has one of them, so that one process at a time fetches it
ATTEMPTS = 2  # to fetch a shard whose bytes arrive otherwise than they were written
NOTED = 60.0  # seconds after which a file of the cache is marked as used again
EXPECTED = "expected the shard as tasks.shard wrote it: write it anew"


class Shard(NamedTuple):
    """One file of many samples."""

    place: str  # its path or address
    bytes: int
    sha256: str


class ShardStore:
    """Reads any part of shards.

    Args:
        shards: of one split, or of several.
        most: bytes of all files of the cache, besides those that are just fetched.
        patience: seconds to wait for storage that does not answer.
    """

    def __init__(self, shards: Sequence[Shard], *, most: int, patience: float) -> None:
        self.shards, self.most, self._patience = tuple(shards), most, patience
        self._folder = find_folder(KIND)
        self._whole = make_shared(len(self.shards))  # 1 of those that were compared with their hash, by any process

    @classmethod
    def join(cls, stores: "Sequence[ShardStore]") -> "ShardStore":
        """Return one of the shards of several, which share a cache."""
        shards = [shard for store in stores for shard in store.shards]
        return cls(shards, most=stores[0].most, patience=stores[0]._patience)

    def count_fetched(self) -> int:
        """Return the bytes of all shards that are not in a folder."""
        return sum(shard.bytes for shard in set(self.shards) if is_remote(shard.place))

    def read(self, number: int, offset: int, length: int) -> bytes:
        """Return bytes of a shard.

        Raises:
            InputError: a fault, if it is missing or damaged.
            RunError: if the storage does not answer, or a disk here fails.
        """
        with self._disk(number):
            handle = self._open(number)
            try:
                content = os.pread(handle, length, offset)
            finally:
                os.close(handle)
        if len(content) < length:
            shard = self.shards[number]
            raise fault("damaged shard", shard.place, f"ends within the {length} bytes from {offset}", EXPECTED)
        return content

    def want(self, number: int) -> None:
        """Have a shard fetched by a thread of this process, unless it is there."""
        shard = self.shards[number]
        if is_remote(shard.place) and not os.path.exists(self._find_path(shard)):  # noqa: PTH110  Path's may raise
            find_fetcher().want(self, number)

    def fetch(self, number: int) -> None:
        """Fetch a shard, unless it is there; see `read` for the errors."""
        with self._disk(number):
            os.close(self._open(number))

    @contextmanager
    def _disk(self, number: int) -> Iterator[None]:
        """Say where a disk fails: a process that loads data hands on but the words of an error, not its number.

        Raises:
            RunError: in place of the system's error.
        """
        try:
            yield
        except OSError as error:
            place = self.shards[number].place
            said, cure = (error.strerror or first_line(error)).lower(), "expected a shard that can be read"
            if is_remote(place):
                cure = f"expected room for {place}, on a disk that can be written: XDG_CACHE_HOME=DIR names another"
            raise RunError(f"{self._folder if is_remote(place) else place}: {said}; {cure}") from error

    def _find_path(self, shard: Shard) -> Path:
        return self._folder / shard.sha256 if is_remote(shard.place) else Path(shard.place)

    def _open(self, number: int) -> int:
        """Open the file of a shard, once it is there and whole."""
        shard = self.shards[number]
        path = self._find_path(shard)
        try:
            handle = open_number(path)
        except FileNotFoundError:
            if not is_remote(shard.place):
                raise fault("missing shard", shard.place, "no such file", EXPECTED) from None
            return self._fetch(number)
        except BoundError as error:
            raise fault("damaged shard", str(path), str(error), EXPECTED) from error
        try:
            if is_remote(shard.place) and time.time() - os.fstat(handle).st_mtime > NOTED:
                with suppress(OSError):  # of another user's file
                    os.utime(handle)
            self._check(number, handle)
        except BaseException as error:
            os.close(handle)
            if not is_remote(shard.place) or not isinstance(error, EntryError):
                raise
            path.unlink(missing_ok=True)
            return self._fetch(number)
        return handle

    def _check(self, number: int, handle: int) -> None:
        """Compare an opened file with its shard's size and hash, where no process of this run did before.

        Raises:
            InputError: a fault, naming the shard.
        """
        if self._whole[number]:
            return
        shard = self.shards[number]
        size = os.fstat(handle).st_size
        if size != shard.bytes:
            found = f"holds {size} bytes, the index has {shard.bytes}"
            raise fault("damaged shard", shard.place, found, EXPECTED)
        with os.fdopen(os.dup(handle), "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != shard.sha256:
            found = f"SHA-256 is {digest[:12]}..., the index has {shard.sha256[:12]}..."
            raise fault("damaged shard", shard.place, found, EXPECTED)
        self._whole[number] = 1

    def _fetch(self, number: int) -> int:
        """Fetch a shard into the cache, unless another process was faster, and return its opened file."""
        shard, since = self.shards[number], time.monotonic()  # who waits for another process has waited for the storage
        path = self._find_path(shard)
        path.parent.mkdir(parents=True, exist_ok=True)
        with held(find_folder(LOCK_KIND) / f"{int(shard.sha256[:8], 16) % LOCKS:02d}"):
            with suppress(FileNotFoundError):
                return open_number(path)
            remove_oldest(path.parent, most=self.most - shard.bytes)
            part = path.with_name(f"{shard.sha256[:16]}.{secrets.token_hex(4)}{PART}")
            try:
                handle = self._fetch_into(part, number, since=since)
                part.replace(path)
                return handle
            finally:
                part.unlink(missing_ok=True)

    def _fetch_into(self, part: Path, number: int, *, since: float) -> int:
        """Fetch a shard into a file until it is whole, and return that opened."""
        shard = self.shards[number]
        for attempt in range(1, ATTEMPTS + 1):
            download(shard.place, part, most=shard.bytes, patience=self._patience, since=since)
            handle = os.open(part, os.O_RDONLY)
            self._whole[number] = 0
            try:
                self._check(number, handle)
            except BaseException as error:
                os.close(handle)
                if attempt == ATTEMPTS or not isinstance(error, EntryError):
                    raise
            else:
                return handle
        raise AssertionError("the last attempt returns or raises")


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a lock that one thread of one process has at a time; the system frees it when the process ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


class Fetcher:
    """A thread that fetches shards before they are read; what goes wrong is said when they are."""

    def __init__(self) -> None:
        self._queue: Queue[tuple[ShardStore, int]] = Queue()
        self._waiting: set[tuple[int, int]] = set()
        Thread(target=self._work, daemon=True, name="shards").start()

    def want(self, store: ShardStore, number: int) -> None:
        """Have a shard fetched after those that were asked for before."""
        key = id(store), number
        if key not in self._waiting:
            self._waiting.add(key)
            self._queue.put((store, number))

    def wait(self) -> None:
        """Wait until all that was asked for is fetched, or failed."""
        self._queue.join()

    def _work(self) -> None:
        while True:
            store, number = self._queue.get()
            try:
                store.fetch(number)
            except (InputError, OSError, RuntimeError):
                pass
            finally:
                self._waiting.discard((id(store), number))
                self._queue.task_done()


_fetchers: dict[int, Fetcher] = {}


def find_fetcher() -> Fetcher:
    """Return the thread of this process; a process that was forked has none of its parent's."""
    if os.getpid() not in _fetchers:
        _fetchers.clear()
        _fetchers[os.getpid()] = Fetcher()
    return _fetchers[os.getpid()]

"""Work that is done ahead in threads, while the network computes, and no more of it than fits into the memory."""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from queue import Full, Queue
from threading import Condition, Event, Thread
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
PATIENCE = 0.1  # seconds until a full queue is looked at again, to see whether anyone still wants it


def run_ahead(
    items: Iterable[Item], function: Callable[[Item], Result], *, ahead: int, workers: int
) -> Generator[Future[Result]]:
    """Call a function on each item in threads; what it gave comes in the order of the items.

    One more thread walks through the items, as finding the next one may be work too (a frame of a video).

    Args:
        items: walked through no further than `ahead` items before the last result taken.
        function: called in any of `workers` threads.
        ahead: results that wait to be taken, at most.
        workers: threads that call it.

    Yields:
        One future an item, done or under way.

    Raises:
        Exception: whatever the walk through `items` raised, after the results before it.
    """
    waiting: Queue[Future[Result] | Exception | None] = Queue(ahead)
    stop = Event()

    def put(entry: Future[Result] | Exception | None) -> None:
        while not stop.is_set():
            with suppress(Full):
                waiting.put(entry, timeout=PATIENCE)
                return

    def walk(pool: ThreadPoolExecutor) -> None:
        try:
            for item in items:
                put(pool.submit(function, item))
                if stop.is_set():
                    break
            put(None)
        except Exception as error:
            put(error)

    with ThreadPoolExecutor(workers) as pool:
        walker = Thread(target=walk, args=(pool,), daemon=True)
        walker.start()
        try:
            while (entry := waiting.get()) is not None:
                if isinstance(entry, Exception):
                    raise entry
                yield entry
        finally:
            stop.set()
            walker.join()
            while not waiting.empty():
                entry = waiting.get()
                if isinstance(entry, Future):
                    entry.cancel()


class Budget:
    """How much may be under way at once; what is more than all of it goes alone.

    Args:
        most: of whatever is counted.
    """

    def __init__(self, most: int) -> None:
        self.most, self._taken = most, 0
        self._changed = Condition()
        self._closed = False

    def __enter__(self) -> "Budget":
        """Return itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Let whoever waits go on: nothing of it is used any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def has(self, amount: int) -> bool:
        """Tell whether so much can be taken at once."""
        return self._closed or not self._taken or self._taken + amount <= self.most

    def take(self, amount: int) -> None:
        """Take an amount, when it is there."""
        with self._changed:
            self._changed.wait_for(lambda: self.has(amount))
            self._taken += amount

    def give_back(self, amount: int) -> None:
        """Give an amount back."""
        with self._changed:
            self._taken -= amount
            self._changed.notify_all()

"""Who computes next, when many want to."""

from collections.abc import Iterator
from contextlib import contextmanager
from heapq import heappop, heappush
from threading import Event, Lock
from typing import Any


class Turns:
    """A lock for threads, which goes to the one who waits with the lowest rank: ``with turns.at(rank): ...``

    Ranks can be compared, and no two who wait have the same.
    """

    def __init__(self) -> None:
        self._lock, self._taken = Lock(), False
        self._waiting: list[tuple[Any, Event]] = []  # a heap

    @contextmanager
    def at(self, rank: object) -> Iterator[None]:
        """Wait for a turn, and hold it."""
        mine = Event()
        with self._lock:
            if self._taken:
                heappush(self._waiting, (rank, mine))
            else:
                self._taken = True
                mine.set()
        mine.wait()
        try:
            yield
        finally:
            with self._lock:
                if self._waiting:
                    heappop(self._waiting)[1].set()
                else:
                    self._taken = False

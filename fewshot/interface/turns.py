"""Who computes next, when many want to."""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock
from typing import Any

REMEMBERED = 1000  # clients


class Turns:
    """A lock for threads: ``with turns.at(rank, client): ...``

    It goes round between the clients who wait, to the one whose last turn was longest ago, and of theirs to the lowest
    rank. Ranks of a client can be compared, and no two that wait are the same.
    """

    def __init__(self) -> None:
        self._lock, self._taken = Lock(), False
        self._waiting: list[tuple[str, Any, Event]] = []
        self._turns: OrderedDict[str, int] = OrderedDict()  # the number of each client's last turn, the oldest first
        self._number = 0

    @contextmanager
    def at(self, rank: object, client: str = "") -> Iterator[None]:
        """Wait for a turn, and hold it."""
        mine = Event()
        with self._lock:
            self._waiting.append((client, rank, mine))
            if not self._taken:
                self._next()
        mine.wait()
        try:
            yield
        finally:
            with self._lock:
                self._next()

    def _next(self) -> None:
        self._taken = bool(self._waiting)
        if not self._taken:
            return
        first = min(self._waiting, key=lambda one: (self._turns.get(one[0], 0), one[0], one[1]))
        self._waiting.remove(first)
        client, _, turn = first
        self._number += 1
        self._turns[client] = self._number
        self._turns.move_to_end(client)
        if len(self._turns) > REMEMBERED:
            self._turns.popitem(last=False)
        turn.set()

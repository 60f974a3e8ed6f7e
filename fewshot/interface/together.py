"""What many ask for at the same time, computed at once."""

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any


class Together:
    """Calls that come while one is computed wait, and those of the same kind are then computed as one.

    So nobody waits for others to come, and the more come, the more are computed at once, up to ``most``.
    """

    def __init__(self, most: int):
        self.most = most
        self._computing, self._lock = Lock(), Lock()
        self._waiting: list[_Call] = []  # in the order in which they came

    def __call__(self, kind: Hashable, argument: Any, compute: Callable[[list[Any]], list[Any]]) -> Any:
        """What ``compute`` gives for the argument: it gets those of some calls of a kind, and gives as many results.

        Raises what it raises, in each of these calls.
        """
        mine = _Call(kind, argument, compute)
        with self._lock:
            self._waiting.append(mine)
        while not mine.done:
            with self._computing:
                if not mine.done:
                    self._compute()
        if mine.error is not None:
            raise mine.error
        return mine.result

    def _compute(self) -> None:
        """Of the calls that wait, those of the first one's kind."""
        with self._lock:
            first = self._waiting[0]
            calls = [call for call in self._waiting if call.kind == first.kind][: self.most]
            self._waiting = [call for call in self._waiting if call not in calls]
        try:
            for call, result in zip(calls, first.compute([call.argument for call in calls]), strict=True):
                call.result = result
        except Exception as error:
            for call in calls:
                call.error = error
        finally:
            for call in calls:
                call.done = True


class _Call:
    def __init__(self, kind: Hashable, argument: Any, compute: Callable[[list[Any]], list[Any]]):
        self.kind, self.argument, self.compute = kind, argument, compute
        self.result: Any = None
        self.error: Exception | None = None
        self.done = False

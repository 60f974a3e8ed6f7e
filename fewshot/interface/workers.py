"""Processes that draw: one interpreter draws one picture at a time, several of them as many as there are cores.

The page's process only passes on what they draw. A method of ``Service`` that is marked ``by_worker`` runs in the
``Service`` of a worker, and its answers come back over a pipe. The workers are forked from a process that has loaded
all models (``shared``), so that they share their memory; where nothing can be forked, each loads its own.
"""

import atexit
import inspect
import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import wraps
from itertools import count
from multiprocessing.connection import Connection
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from typing import Any

from fewshot.memory import give_back

SHARED = "fewshot.interface.shared"
LOOK = 0.1  # seconds until somebody who waits is asked whether they still do
TRIES = 3  # workers that may die of the same picture
MOST = 64  # pictures that a worker draws at once, a row of each in turn


def always() -> bool:
    return True


@dataclass(frozen=True)
class Asker:
    """Who asks for something: turns go round between clients, and what nobody waits for any more is not computed."""

    client: str = ""  # the address that the request came from
    wanted: Callable[[], bool] = always  # whether somebody still waits


NOBODY = Asker()


class LostError(RuntimeError):
    """What was asked for ended every worker that tried; the message is one sentence for the user."""


def by_worker(method: Callable[..., Any]) -> Callable[..., Any]:
    """Let a worker run a method of a service that has ``workers``: one whose last argument is who asks.

    The method must answer the same to the same arguments: if its worker dies, another one begins again.
    """

    @wraps(method)
    def answers(self: Any, *arguments: Any) -> Iterator[Any]:
        if self.workers is None:
            yield from method(self, *arguments)
        else:
            *passed, asker = arguments
            yield from self.workers.ask(method.__name__, passed, asker)

    @wraps(method)
    def answer(self: Any, *arguments: Any) -> Any:
        if self.workers is None:
            return method(self, *arguments)
        *passed, asker = arguments
        return next(self.workers.ask(method.__name__, passed, asker), None)

    return answers if inspect.isgeneratorfunction(method) else answer


class Workers:
    """So many processes, which are replaced when they die. For the page's process, where threads may ask."""

    def __init__(self, number: int):
        forks = "forkserver" in multiprocessing.get_all_start_methods()
        self._context = multiprocessing.get_context("forkserver" if forks else "spawn")
        if forks:
            self._context.set_forkserver_preload([SHARED])
        self._lock = Lock()
        self._workers = [_Worker(self._context, self._replace) for _ in range(number)]
        atexit.register(self.close)  # before multiprocessing ends them, whom nothing can replace any more

    def ask(self, method: str, arguments: list[Any], asker: Asker) -> Iterator[Any]:
        """The answers of a method of the service; fewer if they are not wanted any more. Raises what it raises."""
        passed_on = 0
        for _ in range(TRIES):
            with self._lock:
                if not self._workers:
                    raise LostError("The studio was closed: start it again.")
                worker = min(self._workers, key=lambda one: len(one.asked))
                number = worker.put(method, arguments, asker)
            with closing(worker.answers(number, asker)) as answers, suppress(EOFError):
                for index, answer in enumerate(answers):
                    if index == passed_on:  # what came before is known from a worker that died
                        passed_on += 1
                        yield answer
                return
        raise LostError("This could not be drawn: the processes that tried it ended. Please try something else.")

    @property
    def pids(self) -> list[int]:
        """The workers' process ids."""
        with self._lock:
            return [worker.pid for worker in self._workers]

    def close(self) -> None:
        """End all workers."""
        atexit.unregister(self.close)
        with self._lock:
            workers, self._workers = self._workers, []
        for worker in workers:
            worker.close()

    def _replace(self, dead: "_Worker") -> None:
        with self._lock:
            if dead in self._workers:  # else all are being closed
                self._workers[self._workers.index(dead)] = _Worker(self._context, self._replace)


class _Worker:
    """One process, as the page's process sees it: its pipe, and by number what is asked of it."""

    def __init__(self, context: Any, died: Callable[["_Worker"], None]):
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        self.pid: int = self._process.pid
        self.asked: dict[int, SimpleQueue] = {}
        self._numbers, self._sending, self._died, self._gone = count(), Lock(), died, False
        Thread(target=self._listen, daemon=True).start()

    def put(self, method: str, arguments: list[Any], asker: Asker) -> int:
        """Ask for something; the number under which it is answered."""
        number = next(self._numbers)
        self.asked[number] = SimpleQueue()
        self._send(number, method, arguments, asker.client)
        return number

    def answers(self, number: int, asker: Asker) -> Generator[Any, None, None]:
        """The answers as they come, while they are wanted. Raises what the method raises, and EOFError if it died."""
        ended = False
        try:
            while asker.wanted():
                try:
                    kind, value = self.asked[number].get(timeout=LOOK)
                except Empty:
                    if self._gone:
                        raise EOFError from None
                    continue
                ended = kind != "answer"
                if kind == "error":
                    raise value
                if ended:
                    return
                yield value
        finally:
            del self.asked[number]
            if not ended:
                self._send(number, None)

    def close(self) -> None:
        self._connection.close()
        self._process.terminate()
        self._process.join()

    def _send(self, *message: Any) -> None:
        with suppress(OSError), self._sending:  # if it died, who waits will see
            self._connection.send(message)

    def _listen(self) -> None:
        """Hand on what it answers, until it dies."""
        try:
            while True:
                number, *answer = self._connection.recv()
                if (queue := self.asked.get(number)) is not None:
                    queue.put(answer)
        except (EOFError, OSError):
            self._died(self)
        finally:
            self._gone = True  # now that who asks again finds another one


# In a worker ----------------------------------------------------------------------------------------------------------


def _work(connection: Connection) -> None:
    """A worker's life: until the page's process is gone, do what it asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the page's process, and with it ends the pipe
    give_back()
    from fewshot.interface.service import FOR_THE_USER, SERVICE

    sending = Lock()
    stopped: dict[int, Event] = {}  # of what is being answered

    def send(*message: Any) -> None:
        with sending:
            connection.send(message)

    def answer(number: int, method: str, arguments: list[Any], client: str) -> None:
        stop = stopped[number]
        asker = Asker(client, lambda: not stop.is_set())
        try:
            given = getattr(SERVICE, method)(*arguments, asker)
            for one in given if inspect.isgenerator(given) else [given]:
                send(number, "answer", one)
            send(number, "end", None)
        except FOR_THE_USER as error:
            send(number, "error", error)
        except Exception:
            send(number, "error", RuntimeError(f"In a worker:\n{traceback.format_exc()}"))
        finally:
            del stopped[number]

    threads = ThreadPoolExecutor(MOST)
    try:
        while True:
            number, method, *rest = connection.recv()
            if method is not None:
                stopped[number] = Event()
                threads.submit(answer, number, method, *rest)
            elif (stop := stopped.get(number)) is not None:
                stop.set()
    except (EOFError, OSError):
        sys.stdout.flush()
        os._exit(0)  # what is being drawn is for nobody

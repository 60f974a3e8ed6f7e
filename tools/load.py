"""A class in front of one server: all press Generate at the same moment, then draw along. python -m tools.load

Starts app.py on this machine, with one worker and with two, and drives it as programs and the page do. Checks every
picture against the one that Python gives for the same drawings and seed, and prints how long the class waited, how much
two workers draw of what one does, and the memory of the server and its workers, each beside what is wanted of it. The
class runs on the same machine as the server, so nothing else should: python -m tools.load --users 3 --pictures 20
--seconds 5 --times 1 only tries it.
"""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Barrier
from typing import IO

import numpy as np
import tyro
from numpy.typing import NDArray

import fewshot
from fewshot import payload
from fewshot.tasks import OMNIGLOT

ROOT = Path(__file__).resolve().parents[1]
MODEL = "omniglot-attention"
PATIENCE = 120  # seconds for anything, before the run fails
# What is wanted: seconds at most until everyone has the first rows, the last one, and each new picture drawn along; how
# much more two workers draw than one; and megabytes that the memory may grow by after the first pictures.
FIRST_ROWS, LAST_ROW, ALONG, SPEED_UP, GROWTH = 2, 6, 2, 1.7, 30


def drawings_of(user: int) -> list[dict]:
    """One to eight drawings that no other user has."""
    rng = np.random.default_rng(user)
    strokes = rng.uniform(20, 85, (1 + user % 8, 2, 4, 2)).round(1).tolist()
    return [{"strokes": one} for one in strokes]


def read_chunks(answer: IO[bytes]) -> Iterator[dict]:
    """The chunks of an answer, as ``fewshot.interface.lines`` writes them. Raises ValueError where it is cut off."""
    for line in iter(answer.readline, b""):
        chunk = json.loads(line)
        if "bytes" in chunk:
            size = chunk.pop("bytes")
            chunk["data"] = answer.read(size)
            if len(chunk["data"]) < size:
                raise ValueError("The answer ends within its data.")
        yield chunk


def press_generate(url: str, users: int) -> NDArray[np.float64]:
    """Seconds [users, 2] until each user had the first rows, and until the last.

    Raises AssertionError if anyone had anything but the picture of their own drawings.
    """
    together = Barrier(users)
    settings = {"model": MODEL, "temperature": 1.0, "guidance": 0.0, "inner_steps": None, "tray": None}

    def press(user: int) -> tuple[float, float, list[dict]]:
        wish = settings | {"pad": {"supports": drawings_of(user), "shots": None}, "seed": user}
        request = urllib.request.Request(f"{url}draw", json.dumps(wish).encode(), {"Content-Type": "application/json"})
        together.wait(PATIENCE)
        start = time.perf_counter()
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            chunks = read_chunks(answer)
            picture = [next(chunks)]
            first = time.perf_counter() - start
            picture += chunks
        return first, time.perf_counter() - start, picture

    with ThreadPoolExecutor(users) as threads:
        answers = list(threads.map(press, range(users)))
    for user, (_, _, chunks) in enumerate(answers):
        run = fewshot.load(MODEL).generate(payload.read_supports(drawings_of(user), OMNIGLOT, OMNIGLOT.side), seed=user)
        assert {chunk["seed"] for chunk in chunks} == {user}
        image = np.concatenate([payload.unpack(chunk)["image"] for chunk in chunks])
        np.testing.assert_array_equal(image, run.images[0].ravel())
    return np.array([(first, last) for first, last, _ in answers])


def draw_along(url: str, users: int, seconds: float) -> NDArray[np.float64]:
    """All users draw for so many seconds, and the machine with them: each one's pictures, and longest wait for one."""
    together = Barrier(users)

    def draw(user: int) -> tuple[int, float]:
        wish = {
            "supports": drawings_of(user),
            "shots": None,
            "model": MODEL,
            "temperature": 1.0,
            "page": f"user {user}",
        }
        together.wait(PATIENCE)
        pictures, longest = 0, 0.0
        start = last = time.perf_counter()
        while last - start < seconds:
            body = json.dumps(wish | {"seed": pictures}).encode()
            request = urllib.request.Request(f"{url}along", body, {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=PATIENCE) as stream:
                (answer,) = read_chunks(stream)
            if "busy" in answer:
                time.sleep(0.2)
                continue
            assert answer["seed"] == pictures, answer
            now = time.perf_counter()
            pictures, longest, last = pictures + 1, max(longest, now - last), now
        return pictures, longest

    with ThreadPoolExecutor(users) as threads:
        return np.array(list(threads.map(draw, range(users))))


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def server(*options: str) -> Iterator[tuple[str, int]]:
    """app.py with these options as a process of its own: its address and its process id."""
    port = free_port()
    environment = os.environ | {"BROWSER": "true"}  # the program of that name, in place of a browser
    process = subprocess.Popen(
        [sys.executable, "app.py", "--port", str(port), *options], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
    )
    url, start = f"http://127.0.0.1:{port}/", time.monotonic()
    try:
        while True:
            try:
                urllib.request.urlopen(url, timeout=5).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() - start > PATIENCE:
                    raise
                time.sleep(0.2)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait(PATIENCE)


def family(pid: int) -> list[int]:
    """The process ids of a process and of those that it started, and that they started."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError, TypeError):  # it has ended
            parents[int(status.parent.name)] = int(re.search(r"PPid:\s+(\d+)", status.read_text())[1])
    members = [pid]
    for one in members:
        members += [child for child, parent in parents.items() if parent == one]
    return members


def megabytes(pids: list[int]) -> list[int]:
    """What processes take now, where they share some each its part (PSS)."""
    sizes = []
    for one in pids:
        with suppress(OSError, TypeError):  # it has ended
            sizes.append(int(re.search(r"Pss:\s+(\d+)", Path(f"/proc/{one}/smaps_rollup").read_text())[1]) // 1024)
    return sizes


def memory(pid: int) -> list[int]:
    """The megabytes that a process and each that it started take now."""
    return megabytes(family(pid))


def tell(name: str, measured: float, unit: str, wanted: str = "", kept: bool = True) -> None:
    """Print one figure, and whether it is as wanted."""
    judged = f"   wanted: {wanted}, {'yes' if kept else 'NO'}" if wanted else ""
    print(f"  {name:<48}{measured:8.2f} {unit:<10}{judged}", flush=True)


def tell_each(pid: int) -> None:
    print(f"    of which the page and each other process: {memory(pid)}")


def measure(url: str, pid: int, users: int, times: int, seconds: float, pictures: int) -> tuple[float, float]:
    """All figures of one server: pictures/s of a class that presses Generate at once, and of one that draws along."""
    tell("memory at the start", sum(memory(pid)), "MB")
    tell_each(pid)
    waits = np.concatenate([press_generate(url, users) for _ in range(times)])
    first, last = waits.max(axis=0)
    tell(f"first rows for all of {users} at once", first, "s", f"{FIRST_ROWS} s", first <= FIRST_ROWS)
    tell("the last picture of all", last, "s", f"{LAST_ROW} s", last <= LAST_ROW)
    tell("the last row, median", float(np.median(waits[:, 1])), "s")
    warm = sum(memory(pid))
    tell(f"memory after {users * times} pictures", warm, "MB")
    tell_each(pid)
    seen, longest = draw_along(url, users, seconds).T
    tell(f"drawn along, by {users} for {seconds:g} s", seen.sum() / seconds, "pictures/s")
    tell("the longest that anyone waited for a new one", longest.max(), "s", f"{ALONG} s", longest.max() <= ALONG)
    tell("pictures of who saw the fewest", seen.min(), "")
    drawn = users * times + int(seen.sum())
    while drawn < pictures:
        press_generate(url, users)
        drawn += users
    grown = sum(memory(pid)) - warm
    tell(f"memory after {drawn} pictures", warm + grown, "MB", f"+{GROWTH} MB at most", grown <= GROWTH)
    tell_each(pid)
    return users * times / sum(waits[n * users : (n + 1) * users, 1].max() for n in range(times)), seen.sum() / seconds


def main(
    users: int = 30, times: int = 2, seconds: float = 60, pictures: int = 1000, workers: tuple[int, ...] = (1, 2)
) -> None:
    """A class presses Generate at once and draws along, with each number of workers. Every picture is checked.

    Args:
        users: of the class.
        times: that all press Generate at once.
        seconds: that all draw along.
        pictures: after which the memory is measured again.
        workers: numbers of worker processes, the first of which the others are compared with.
    """
    rates = []
    for number in workers:
        print(f"{number} worker{'s' * (number != 1)}")
        with server("--workers", str(number)) as (url, pid):
            rates.append(measure(url, pid, users, times, seconds, pictures))
    for number, rate in zip(workers[1:], rates[1:], strict=True):
        print(f"{number} workers, of what {workers[0]} did")
        for name, now, before in zip(("pressing Generate", "drawing along"), rate, rates[0], strict=True):
            factor = now / before
            wanted = SPEED_UP if (workers[0], number) == (1, 2) else 0
            tell(name, factor, "times", f"{wanted} times" if wanted else "", factor >= wanted)


if __name__ == "__main__":
    tyro.cli(main)

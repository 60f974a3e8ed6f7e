"""A class in front of one server: all press Generate at the same moment, then draw along. python -m tools.load

Starts app.py on this machine, with one worker and with two, and drives it as programs and the page do. Checks every
picture against the one that Python gives for the same drawings and seed, and prints how long the class waited, and the
memory of the server and its workers.
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

import gradio_client
import numpy as np
import tyro
from numpy.typing import NDArray

import fewshot
from fewshot import payload
from fewshot.tasks import OMNIGLOT

ROOT = Path(__file__).resolve().parents[1]
MODEL = "omniglot-attention"
PATIENCE = 120  # seconds for anything, before the run fails


def drawings_of(user: int) -> list[dict]:
    """One to eight drawings that no other user has."""
    rng = np.random.default_rng(user)
    strokes = rng.uniform(20, 85, (1 + user % 8, 2, 4, 2)).round(1).tolist()
    return [{"strokes": one} for one in strokes]


def press_generate(url: str, users: int) -> NDArray[np.float64]:
    """Seconds [users, 2] until each user had the first rows, and until the last.

    Raises AssertionError if anyone had anything but the picture of their own drawings.
    """
    together = Barrier(users)

    def press(user: int) -> tuple[float, float, list[dict]]:
        client = gradio_client.Client(url, verbose=False)
        together.wait(PATIENCE)
        start = time.perf_counter()
        job = client.submit(drawings_of(user), MODEL, seed=user, api_name="/generate")
        while not (job.done() or job.outputs()):
            time.sleep(0.01)
        first = time.perf_counter() - start
        job.result(PATIENCE)
        return first, time.perf_counter() - start, job.outputs()

    with ThreadPoolExecutor(users) as threads:
        answers = list(threads.map(press, range(users)))
    for user, (_, _, outputs) in enumerate(answers):
        run = fewshot.load(MODEL).generate(payload.read_supports(drawings_of(user), OMNIGLOT, OMNIGLOT.side), seed=user)
        np.testing.assert_array_equal(outputs[-1]["image"], run.images[0])
        assert outputs[-1]["trace"]["seed"] == user
        rows = outputs[0]["rows"]
        np.testing.assert_array_equal(outputs[0]["image"][:rows], run.images[0, :rows])
    return np.array([(first, last) for first, last, _ in answers])


def draw_along(url: str, users: int, seconds: float) -> NDArray[np.float64]:
    """All users draw for so many seconds, and the machine with them: each one's pictures, and longest wait for one."""
    config = json.load(urllib.request.urlopen(f"{url}config"))
    (pad,) = [part["id"] for part in config["components"] if part["props"].get("elem_id") == "pad"]
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
            body = {"session_hash": f"user{user}", "component_id": pad, "fn_name": "draw_along"}
            body["data"] = wish | {"seed": pictures}
            request = urllib.request.Request(
                f"{url}gradio_api/component_server", json.dumps(body).encode(), {"Content-Type": "application/json"}
            )
            answer = json.load(urllib.request.urlopen(request, timeout=PATIENCE))
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


def memory(pid: int) -> str:
    """The megabytes that a process and those that it started take now."""
    sizes = megabytes(family(pid))
    return f"{sum(sizes)} MB, of which the page {sizes[0]}, the others {sizes[1:]}" if sizes else "unknown"


def main(users: int = 30, times: int = 2, seconds: float = 60, workers: tuple[int, ...] = (1, 2)) -> None:
    """A class of ``users`` presses Generate at once, ``times`` times, and then draws along for ``seconds``."""
    for number in workers:
        with server("--workers", str(number)) as (url, pid):
            print(f"{number} workers: {memory(pid)}")
            for _ in range(times):
                waits = press_generate(url, users)
                for name, column in zip(("first rows", "last row"), waits.T, strict=True):
                    low, median, high, most = np.percentile(column, (10, 50, 90, 100))
                    print(f"{name:>10}: 10 % {low:.2f} s, median {median:.2f} s, 90 % {high:.2f} s, all {most:.2f} s")
            pictures, longest = draw_along(url, users, seconds).T
            rate, fewest = pictures.sum() / seconds, int(pictures.min())
            print(f"     along: {rate:.1f} pictures/s, at least {fewest} a user, longest wait {longest.max():.2f} s")
            print(f"{users} users, {times} times, every picture right; now {memory(pid)}")


if __name__ == "__main__":
    tyro.cli(main)

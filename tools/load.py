"""A class in front of one server: all press Generate at the same moment. python -m tools.load [--users 30]

Starts app.py on this machine, drives it through its public API, checks every picture against the one that Python gives
for the same drawings and seed, and prints how long the class waited and the server's largest memory.
"""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
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


@contextmanager
def server() -> Iterator[tuple[str, int]]:
    """app.py as a process of its own: its address and its process id."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"BROWSER": "true"}  # the program of that name, in place of a browser
    process = subprocess.Popen(
        [sys.executable, "app.py", "--port", str(port)], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
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


def peak_megabytes(pid: int) -> int | None:
    """The largest memory that a process has had; None where the system does not tell."""
    status = Path(f"/proc/{pid}/status")
    found = status.exists() and re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
    return int(found[1]) // 1024 if found else None


def main(users: int = 30, times: int = 2) -> None:
    """All of a class of ``users`` press Generate at the same moment, and again, ``times`` times."""
    with server() as (url, pid):
        print(f"server started: {peak_megabytes(pid)} MB")
        for _ in range(times):
            seconds = press_generate(url, users)
            for name, column in zip(("first rows", "last row"), seconds.T, strict=True):
                low, median, high, most = np.percentile(column, (10, 50, 90, 100))
                print(f"{name:>10}: 10 % {low:.2f} s, median {median:.2f} s, 90 % {high:.2f} s, all {most:.2f} s")
        print(f"{users} users, {times} times, every picture right; server at most {peak_megabytes(pid)} MB")


if __name__ == "__main__":
    tyro.cli(main)

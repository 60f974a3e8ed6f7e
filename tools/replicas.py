"""A hundred users of three replicas behind the real nginx, one of which is killed: python -m tools.replicas.

Every picture is checked. Who loses one asks again, as the page tells them to.
"""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Barrier
from urllib.parse import urlsplit

import numpy as np
import tyro

import fewshot
from fewshot import payload
from fewshot.tasks import OMNIGLOT
from tools.load import MODEL, PATIENCE, ROOT, drawings_of, free_port, read_chunks, server

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
SHIPPED = ("127.0.0.1:7861", "127.0.0.1:7862", "127.0.0.1:7863")  # the replicas of deploy/nginx.conf
KILLED_AFTER = 1.0  # seconds


@contextmanager
def site(number: int) -> Iterator[tuple[str, list[int]]]:
    """Replicas behind nginx, with the configuration that is shipped: the address of their studio, and their pids."""
    assert NGINX is not None, "nginx is not installed"
    port = free_port()
    options = ("--root-path", "/studio", "--allowed-host", "studio.test", "--workers", "1")
    with ExitStack() as running, ThreadPoolExecutor(number) as threads:
        folder = Path(running.enter_context(TemporaryDirectory()))
        folder.chmod(0o755)  # nginx changes its user
        replicas = list(threads.map(lambda _: running.enter_context(server(*options)), range(number)))
        conf = (ROOT / "deploy" / "nginx.conf").read_text().replace("listen 80;", f"listen 127.0.0.1:{port};")
        for shipped, (url, _) in zip(SHIPPED, replicas, strict=False):
            assert shipped in conf
            conf = conf.replace(shipped, url.removeprefix("http://").rstrip("/"))
        conf = "\n".join(line for line in conf.splitlines() if not any(left in line for left in SHIPPED))
        paths = "".join(f"{kind}_temp_path {folder / kind};" for kind in ("client_body", "proxy"))
        (folder / "nginx.conf").write_text(
            f"daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
            f"http {{ access_log off; {paths}\n{conf}\n}}\n"
        )
        nginx = subprocess.Popen([NGINX, "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")])
        try:
            deadline = time.monotonic() + 30
            while socket.socket().connect_ex(("127.0.0.1", port)):  # it does not listen yet
                assert nginx.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}/studio/", [pid for _, pid in replicas]
        finally:
            nginx.terminate()
            nginx.wait(30)


class User:
    """One of the users: with an address and a cookie of their own, as a browser has."""

    def __init__(self, url: str, number: int):
        self.host, self.path, self.number = urlsplit(url).netloc, urlsplit(url).path, number
        self.source = f"127.0.1.{1 + number % 250}"
        answer = self.ask("GET", "")
        answer.read()
        self.cookie = (answer.getheader("Set-Cookie") or "").split(";")[0]

    def ask(self, method: str, path: str, body: object = None) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(self.host, timeout=PATIENCE, source_address=(self.source, 0))
        headers = {"Content-Type": "application/json", "Cookie": getattr(self, "cookie", "")}
        connection.request(method, self.path + path, None if body is None else json.dumps(body).encode(), headers)
        return connection.getresponse()

    def generate(self) -> str:
        """What came of pressing Generate: "a picture", which is kept, or what came instead."""
        wish = {"pad": {"supports": drawings_of(self.number), "shots": None}, "tray": None, "model": MODEL}
        wish |= {"temperature": 1.0, "guidance": 0.0, "inner_steps": None, "seed": self.number}
        try:
            answer = self.ask("POST", "draw", wish)
            if answer.status != 200:
                return f"status {answer.status}"
            chunks = list(read_chunks(answer))
        except (http.client.HTTPException, OSError, ValueError):
            return "cut off"
        if not chunks:
            return "cut off"
        if "error" in chunks[-1]:
            return str(chunks[-1]["error"])
        if chunks[-1]["rows"] < OMNIGLOT.side:
            return "cut off"
        self.picture = np.concatenate([payload.unpack(chunk)["image"] for chunk in chunks])
        return "a picture"

    def check(self) -> None:
        """Raises AssertionError if the picture is not that of the user's drawings, or there is none."""
        supports = payload.read_supports(drawings_of(self.number), OMNIGLOT, OMNIGLOT.side)
        run = fewshot.load(MODEL).generate(supports, seed=self.number)
        np.testing.assert_array_equal(self.picture, run.images[0].ravel())


def main(users: int = 100, replicas: int = 3) -> None:
    """All press Generate at once, a replica is killed, and who has no picture presses again."""
    with site(replicas) as (url, pids), ThreadPoolExecutor(users) as threads:
        all_users = list(threads.map(lambda number: User(url, number), range(users)))
        together = Barrier(users + 1)

        def press(user: User) -> tuple[str, str | None, float]:
            together.wait(PATIENCE)
            start = time.perf_counter()
            first = user.generate()
            again = None if first == "a picture" else user.generate()
            return first, again, time.perf_counter() - start

        pressed = [threads.submit(press, user) for user in all_users]
        together.wait(PATIENCE)
        time.sleep(KILLED_AFTER)
        os.kill(pids[0], signal.SIGKILL)
        outcomes = [one.result(10 * PATIENCE) for one in pressed]
    print(f"{users} users of {replicas} replicas, one killed {KILLED_AFTER:g} s after all pressed Generate")
    print("at first:", dict(Counter(first for first, _, _ in outcomes)))
    print("who pressed again:", dict(Counter(again for _, again, _ in outcomes if again is not None)))
    for user in all_users:
        user.check()
    print("every picture is right")
    print(f"the last picture after {max(seconds for _, _, seconds in outcomes):.1f} s")


if __name__ == "__main__":
    tyro.cli(main)

"""What the server remembers of those who left: python -m tools.sessions [--sessions 1000]

Starts app.py on this machine, asks it for a picture in each of so many sessions of its public API, and prints its
memory after the first 50, and at the end.
"""

import json
import re
import urllib.request
from pathlib import Path

import tyro

from tools.load import MODEL, drawings_of, server

FIRST = 50


def megabytes(pid: int) -> float:
    """The memory that a process has now."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) / 1024


def ask(url: str, user: int) -> str:
    """One picture in a session of its own; the last event of the answer."""
    call = f"{url}gradio_api/call/generate"
    body = json.dumps({"data": [drawings_of(user), MODEL, None, 1.0, user, None, None, 0.0, 0.0]}).encode()
    with urllib.request.urlopen(urllib.request.Request(call, body, {"Content-Type": "application/json"})) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{call}/{event}") as answer:
        return answer.read().decode().strip().split("\n\n")[-1]


def growth(sessions: int, first: int = FIRST) -> float:
    """Megabytes that the server has more after so many sessions than after the ``first`` of them."""
    with server() as (url, pid):
        for user in range(sessions):
            assert ask(url, user).startswith("event: complete"), user
            if user + 1 == first:
                before = megabytes(pid)
                print(f"after {first} sessions: {before:.0f} MB", flush=True)
        after = megabytes(pid)
    print(f"after {sessions} sessions: {after:.0f} MB")
    return after - before


def main(sessions: int = 1000) -> None:
    growth(sessions)


if __name__ == "__main__":
    tyro.cli(main)

"""What the server remembers of those who left: python -m tools.sessions [--sessions 1000]

Starts app.py on this machine, asks it for a picture in each of so many sessions of its public API, and prints its
memory, with that of its workers, after the first 50, and at the end.
"""

import json
import urllib.request

import tyro

from tools.load import MODEL, drawings_of, family, megabytes, server

FIRST = 50


def ask(url: str, user: int) -> str:
    """One picture in a session of its own; the last event of the answer."""
    call = f"{url}gradio_api/call/generate"
    body = json.dumps({"data": [drawings_of(user), MODEL, None, 1.0, user, None, None, 0.0, 0.0, 1]}).encode()
    with urllib.request.urlopen(urllib.request.Request(call, body, {"Content-Type": "application/json"})) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{call}/{event}") as answer:
        return answer.read().decode().strip().split("\n\n")[-1]


def growth(url: str, pid: int, sessions: int, first: int = FIRST) -> int:
    """Megabytes that a server has more after so many sessions than after the ``first`` of them."""
    pids = family(pid)
    for user in range(sessions):
        assert ask(url, user).startswith("event: complete"), user
        if user + 1 == first:
            before = megabytes(pids)
            print(f"after {first} sessions: {before} MB", flush=True)
    after = megabytes(pids)
    print(f"after {sessions} sessions: {after} MB")
    return sum(after) - sum(before)


def main(sessions: int = 1000) -> None:
    with server() as (url, pid):
        print(f"{growth(url, pid, sessions)} MB more")


if __name__ == "__main__":
    tyro.cli(main)

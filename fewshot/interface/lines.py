"""What comes bit by bit travels to the page as lines of JSON, each as soon as it is there: one request, and no queue.

Each route takes a wish as JSON, and answers with what the method of ``Service`` of that name gives for it. Where an
answer has "data" that are bytes, its line has "bytes" instead, their number, and they follow the line as they are: in
base64 they would be a third larger, and take milliseconds on both sides.
"""

import json
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from threading import Event
from typing import Any

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from fewshot.interface.bodies import read_json
from fewshot.interface.service import PLACES, SERVICE
from fewshot.interface.workers import Asker

FAULT = "The studio failed at this; its window says why. Nothing of yours is lost."
THREADS = CapacityLimiter(2 * PLACES + 32)  # that wait for pictures, for what is drawn along, and others
Answers = Callable[[Any, Asker], Iterator[dict[str, Any]]]


def _line(answer: dict[str, Any]) -> bytes:
    data = answer.get("data")
    if not isinstance(data, bytes):
        return json.dumps(answer).encode() + b"\n"
    told = {name: value for name, value in answer.items() if name != "data"} | {"bytes": len(data)}
    return json.dumps(told).encode() + b"\n" + data


def _lines(answers: Answers, wish: Any, asker: Asker) -> Iterator[bytes]:
    try:
        yield from map(_line, answers(wish, asker))
    except Exception:
        traceback.print_exc()
        yield _line({"error": FAULT})


async def _while_wanted(answers: Answers, wish: Any, client: str) -> AsyncIterator[bytes]:
    """The lines for a client, of which no more are made once it hangs up: the thread that waits then ends by itself."""
    gone = Event()
    lines = _lines(answers, wish, Asker(client, lambda: not gone.is_set()))
    try:
        while line := await run_sync(next, lines, b"", abandon_on_cancel=True, limiter=THREADS):
            yield line
    finally:
        gone.set()


def _route(path: str, answers: Answers) -> Route:
    async def answer(request: Request) -> StreamingResponse:
        wish = await read_json(request)
        lines = _while_wanted(answers, wish, request.client.host if request.client else "")
        return StreamingResponse(lines, media_type="application/octet-stream", headers={"Cache-Control": "no-store"})

    return Route(path, answer, methods=["POST"])


def _along(wish: Any, asker: Asker) -> Iterator[dict[str, Any]]:
    yield SERVICE.draw_along(wish, asker)


ROUTES = [
    _route("/along", _along),
    _route("/draw", SERVICE.picture),
    _route("/variations", SERVICE.variations),
    _route("/compare", SERVICE.compare),
    _route("/score", SERVICE.score),
    _route("/recognise", SERVICE.recognise),
]

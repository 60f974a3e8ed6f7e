"""What comes bit by bit travels to the page as lines of JSON, each as soon as it is there: one request, and no queue.

Each route takes a wish as JSON, and answers with what the method of ``Service`` of that name gives for it.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from threading import Event
from typing import Any

from starlette.concurrency import iterate_in_threadpool
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from fewshot.interface.bodies import read_json
from fewshot.interface.service import SERVICE
from fewshot.interface.workers import Asker

Answers = Callable[[Any, Asker], Iterator[dict[str, Any]]]


def _lines(answers: Answers, wish: Any, asker: Asker) -> Iterator[str]:
    for chunk in answers(wish, asker):
        yield json.dumps(chunk) + "\n"


async def _while_wanted(answers: Answers, wish: Any, client: str) -> AsyncIterator[str]:
    """The lines for a client, of which no more are made once it hangs up."""
    gone = Event()
    try:
        async for line in iterate_in_threadpool(_lines(answers, wish, Asker(client, lambda: not gone.is_set()))):
            yield line
    finally:
        gone.set()


def _route(path: str, answers: Answers) -> Route:
    async def answer(request: Request) -> StreamingResponse:
        wish = await read_json(request)
        lines = _while_wanted(answers, wish, request.client.host if request.client else "")
        return StreamingResponse(lines, media_type="application/x-ndjson", headers={"Cache-Control": "no-store"})

    return Route(path, answer, methods=["POST"])


ROUTES = [
    _route("/variations", SERVICE.variations),
    _route("/compare", SERVICE.compare),
    _route("/score", SERVICE.score),
    _route("/recognise", SERVICE.recognise),
]

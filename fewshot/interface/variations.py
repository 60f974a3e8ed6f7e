"""Variations travel to the page as lines of JSON, each as soon as it is drawn: one request, and no queue between."""

import json
from collections.abc import AsyncIterator, Iterator
from threading import Event
from typing import Any

from starlette.concurrency import iterate_in_threadpool
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from fewshot.interface.service import SERVICE
from fewshot.interface.workers import Asker


def _lines(wish: Any, asker: Asker) -> Iterator[str]:
    for chunk in SERVICE.variations(wish, asker):
        yield json.dumps(chunk) + "\n"


async def _while_wanted(wish: Any, client: str) -> AsyncIterator[str]:
    """The lines for a client, of which no more are drawn once it hangs up."""
    gone = Event()
    try:
        async for line in iterate_in_threadpool(_lines(wish, Asker(client, lambda: not gone.is_set()))):
            yield line
    finally:
        gone.set()


async def _answer(request: Request) -> StreamingResponse:
    """The chunks of ``Service.variations``."""
    try:
        wish = await request.json()
    except (ValueError, RecursionError):  # the service says what is missing
        wish = None
    lines = _while_wanted(wish, request.client.host if request.client else "")
    return StreamingResponse(lines, media_type="application/x-ndjson", headers={"Cache-Control": "no-store"})


ROUTE = Route("/variations", _answer, methods=["POST"])

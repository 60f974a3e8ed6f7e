"""Variations travel to the page as lines of JSON, each as soon as it is drawn: one request, and no queue between."""

import json
from collections.abc import Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from fewshot.interface.service import SERVICE


def _lines(wish: Any) -> Iterator[str]:
    for chunk in SERVICE.variations(wish):
        yield json.dumps(chunk) + "\n"


async def _answer(request: Request) -> StreamingResponse:
    """The chunks of ``Service.variations``. Whoever hangs up has no more drawn."""
    try:
        wish = await request.json()
    except ValueError:  # the service says what is missing
        wish = None
    return StreamingResponse(_lines(wish), media_type="application/x-ndjson", headers={"Cache-Control": "no-store"})


ROUTE = Route("/variations", _answer, methods=["POST"])

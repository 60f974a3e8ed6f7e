"""Large pieces of runs: the page fetches them as binary files, which is faster than base64 in a message."""

from collections import OrderedDict
from typing import Any
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fewshot.payload import in_text

LARGE = 350_000  # bytes from which a piece becomes a file
KEPT = 64  # pieces that nobody has fetched yet: what a page that was closed leaves behind goes in the end


class PieceFiles:
    """Files in memory, each of which can be fetched once."""

    def __init__(self) -> None:
        self.pieces: OrderedDict[str, bytes] = OrderedDict()
        self.route = Route("/piece/{name}", self.answer)

    def lighten(self, chunk: dict[str, Any]) -> dict[str, Any]:
        """A chunk of ``pack_bytes`` as JSON can hold it; if its "data" are large, with a "file" to fetch instead."""
        if len(chunk["data"]) < LARGE:
            return in_text(chunk)
        name = uuid4().hex
        self.pieces[name] = chunk["data"]
        while len(self.pieces) > KEPT:
            self.pieces.popitem(last=False)
        return {**chunk, "data": None, "file": f"piece/{name}"}

    async def answer(self, request: Request) -> Response:
        """The bytes of a piece, or that there is none."""
        piece = self.pieces.pop(request.path_params["name"], None)
        if piece is None:
            return Response("This piece is not here any more.", 404)
        return Response(piece, media_type="application/octet-stream")

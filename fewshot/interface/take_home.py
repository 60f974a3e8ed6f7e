"""The route by which the page saves a picture as a file. Nothing is written to the disk, and nothing is kept."""

import json
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fewshot.interface.service import FOR_THE_USER, SERVICE

MOST = 1_000_000  # bytes of a wish: eight photographs are 33 kB each


async def _answer(request: Request) -> Response:
    """The file that the body asks for, as ``Service.take_home`` says; or {"error"} with a sentence."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST:
            return JSONResponse({"error": f"That is too large: at most {MOST // 1_000_000} MB."}, 413)
    try:
        wish = json.loads(body)
    except (ValueError, RecursionError):
        wish = None
    try:
        name, media, data = await run_in_threadpool(SERVICE.take_home, wish)
    except FOR_THE_USER as error:
        return JSONResponse({"error": str(error)}, 400)
    disposition = f"attachment; filename*=UTF-8''{quote(name)}"
    return Response(data, media_type=media, headers={"Content-Disposition": disposition, "Cache-Control": "no-store"})


ROUTE = Route("/take-home", _answer, methods=["POST"])

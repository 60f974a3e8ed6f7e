"""The route by which the page saves a picture as a file. Nothing is written to the disk, and nothing is kept."""

from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fewshot.interface.service import FOR_THE_USER, SERVICE


async def _answer(request: Request) -> Response:
    """The file that the body asks for, as ``Service.take_home`` says; or {"error"} with a sentence."""
    try:
        wish = await request.json()
    except (ValueError, RecursionError):  # the service says what is missing
        wish = None
    try:
        name, media, data = await run_in_threadpool(SERVICE.take_home, wish)
    except FOR_THE_USER as error:
        return JSONResponse({"error": str(error)}, 400)
    disposition = f"attachment; filename*=UTF-8''{quote(name)}"
    return Response(data, media_type=media, headers={"Content-Disposition": disposition, "Cache-Control": "no-store"})


ROUTE = Route("/take-home", _answer, methods=["POST"])

"""The route by which the page saves a picture as a file. Nothing is written to the disk, and nothing is kept."""

from urllib.parse import quote

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fewshot.interface.bodies import read_json
from fewshot.interface.service import FOR_THE_USER, SERVICE

SAVES = CapacityLimiter(8)  # that wait at a time: the threads of all else are not theirs


async def _answer(request: Request) -> Response:
    """The file that the body asks for, as ``Service.take_home`` says; or {"error"} with a sentence."""
    wish = await read_json(request)
    try:
        name, media, data = await run_sync(SERVICE.take_home, wish, limiter=SAVES)
    except FOR_THE_USER as error:
        return JSONResponse({"error": str(error)}, 400)
    disposition = f"attachment; filename*=UTF-8''{quote(name)}"
    return Response(data, media_type=media, headers={"Content-Disposition": disposition, "Cache-Control": "no-store"})


ROUTE = Route("/take-home", _answer, methods=["POST"])

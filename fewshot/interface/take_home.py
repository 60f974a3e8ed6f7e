"""The route by which the page saves a picture as a file. Nothing is written to the disk, and nothing is kept."""

from urllib.parse import quote
from weakref import WeakValueDictionary

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fewshot.interface.bodies import read_json
from fewshot.interface.service import FOR_THE_USER, SERVICE

SAVES = CapacityLimiter(8)  # threads that wait for a file: those of all else are not theirs
SAVES_OF: WeakValueDictionary[str, CapacityLimiter] = WeakValueDictionary()  # in line, by client


async def _answer(request: Request) -> Response:
    """The file that the body asks for, as ``Service.take_home`` says; or {"error"} with a sentence."""
    wish = await read_json(request)
    client = request.client.host if request.client else ""
    try:
        async with SAVES_OF.setdefault(client, CapacityLimiter(1)):
            name, media, data = await run_sync(SERVICE.take_home, wish, limiter=SAVES)
    except FOR_THE_USER as error:
        return JSONResponse({"error": str(error)}, 400)
    disposition = f"attachment; filename*=UTF-8''{quote(name)}"
    return Response(data, media_type=media, headers={"Content-Disposition": disposition, "Cache-Control": "no-store"})


ROUTE = Route("/take-home", _answer, methods=["POST"])

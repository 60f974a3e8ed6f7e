"""The wall: pupils send the picture that they see and what it was drawn from, and the teacher shows them all.

It is in the memory of this process alone: nothing is written to the disk, and it ends with the studio. All of it is for
who has the token, which is printed at the start; others get only the set that the teacher shares with everybody.
"""

import hmac
import secrets
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial, wraps
from operator import itemgetter
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from fewshot import InputError, payload
from fewshot.api import MAX_GUIDANCE
from fewshot.export.web import WEB
from fewshot.interface import catalogue
from fewshot.interface.bodies import read_json
from fewshot.interface.service import FOR_THE_USER

PATH = "wall"
HEAD = f'<meta name="studio-wall" content="{PATH}">'  # tells the page that there is one
MOST, MOST_OF_ONE = 240, 40  # drawings on it, of all clients and of one: a class may share an address
COOKIE = "wall"  # holds the token in the teacher's browser, so that no address shows it
SENT = "It is on the wall."
REFUSED = "The wall is the teacher's: open it by the address that was printed when the studio was started."
PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}

Drawing = dict[str, Any]


def read_drawing(sent: Any) -> Drawing:
    """A drawing for the wall, checked and without what does not belong to it. Raises FOR_THE_USER.

    ``sent``: {"model": its name, "supports": as in ``payload``, "picture": base64 of its pixels, "guidance", "given":
    how many of its first rows were not drawn by the model}. In the answer the supports are {"pixels"}, and it also has
    {"task", "title": the model's, "side", "channels"}.
    """
    if not isinstance(sent, dict):
        raise InputError("What was sent to the wall did not arrive: please try again.")
    model, guidance, given = catalogue.find(sent.get("model")), sent.get("guidance"), sent.get("given")
    if isinstance(guidance, bool) or not isinstance(guidance, int | float) or not 0 <= guidance <= MAX_GUIDANCE:
        raise InputError(f"The faithfulness must be a number from 0 to {MAX_GUIDANCE:g}.")
    task, side = model.task, model.side
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= side:
        raise InputError(f"The rows that are given must be a whole number from 0 to {side}.")
    supports = payload.read_supports(sent.get("supports"), task, side)
    (picture,) = payload.unpack_images(sent.get("picture"), task, side)
    return {
        "task": task.key,
        "model": model.name,
        "title": model.title,
        "guidance": guidance,
        "given": given,
        "side": side,
        "channels": task.channels,
        "supports": [{"pixels": payload.pack_images(one, task.channels)} for one in supports],
        "picture": payload.pack_images(picture, task.channels),
    }


@dataclass
class _Entry:
    """A drawing on the wall."""

    client: str  # who sent it, which nobody is told
    drawing: Drawing
    stamp: int  # the revision in which it came, or came back


class Wall:
    """What is on the wall. One thread uses it, that of the server's routes.

    Each change makes a new revision, by whose number a page that looks again learns what is new since it last did.
    """

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(16)
        self._entries: dict[int, _Entry] = {}  # by number, in the order in which they came
        self._removed: dict[int, _Entry] = {}  # by the teacher's last removal
        self._numbers, self._revision = 0, 0
        self._shared: int | None = None  # the number of the one whose supports everybody may take
        self._sharings = 0  # how often that changed

    def add(self, client: str, drawing: Drawing) -> str:
        """Put a client's drawing on the wall, and say so. Raises InputError if there is no room."""
        its = [number for number, entry in self._entries.items() if entry.client == client]
        if any(self._entries[number].drawing == drawing for number in its):
            return "It is on the wall already."
        makes_room = len(its) >= MOST_OF_ONE
        if makes_room:
            self._take(its[:1])
        if len(self._entries) >= MOST:
            raise InputError(f"The wall is full, with {MOST} drawings: ask your teacher to clear it.")
        self._numbers, self._revision = self._numbers + 1, self._revision + 1
        self._entries[self._numbers] = _Entry(client, drawing, self._revision)
        return f"{SENT} Your oldest one there made room, as it takes {MOST_OF_ONE} of each." if makes_room else SENT

    def remove(self, numbers: Iterable[int]) -> None:
        """Take drawings off the wall, which can be taken back."""
        self._removed = self._take(numbers) or self._removed

    def restore(self) -> None:
        """The last ones that were removed come back, as many as there is room for."""
        self._revision += 1
        for entry in self._removed.values():
            entry.stamp = self._revision  # to be told of again
        room = MOST - len(self._entries)
        removed = list(self._removed.items())
        self._entries = dict(sorted([*self._entries.items(), *removed[:room]], key=itemgetter(0)))
        self._removed = dict(removed[room:])

    def share(self, number: int | None) -> None:
        """Let everybody take the supports of a drawing; of none for None. Raises InputError if it has none."""
        if number is not None and not (number in self._entries and self._entries[number].drawing["supports"]):
            raise InputError("There is nothing of this drawing to share.")
        if number != self._shared:
            self._shared = number
            self._revision, self._sharings = self._revision + 1, self._sharings + 1

    def since(self, known: int) -> dict[str, Any] | None:
        """For the teacher, what is new since the revision ``known``; None for nothing.

        {"revision", "numbers": of the drawings on the wall, "drawings": those that are new, by number, "shared": the
        number of one or None, "removed": how many can come back}
        """
        if known == self._revision:
            return None
        newer = known if known < self._revision else 0  # one of a studio that ran before
        return {
            "revision": self._revision,
            "numbers": list(self._entries),
            "drawings": {number: entry.drawing for number, entry in self._entries.items() if entry.stamp > newer},
            "shared": self._shared,
            "removed": len(self._removed),
        }

    def shared_since(self, known: int) -> dict[str, Any] | None:
        """For everybody, what the teacher shares, if that changed since the sharing ``known``; else None.

        {"sharing": its number, "drawing": {"task", "model", "supports"} or None}
        """
        if known == self._sharings:
            return None
        drawing = None if self._shared is None else self._entries[self._shared].drawing
        told = None if drawing is None else {name: drawing[name] for name in ("task", "model", "supports")}
        return {"sharing": self._sharings, "drawing": told}

    def _take(self, numbers: Iterable[int]) -> dict[int, _Entry]:
        taken = {number: self._entries.pop(number) for number in list(numbers) if number in self._entries}
        if self._shared in taken:
            self.share(None)
        self._revision += bool(taken)
        return taken

    @property
    def entrance(self) -> str:
        """Where the teacher enters: the last part of the address."""
        return f"{PATH}?token={self.token}"

    def opens(self, token: str) -> bool:
        """Whether this is the teacher's token."""
        return hmac.compare_digest(token.encode(), self.token.encode())

    @property
    def routes(self) -> list[Route]:
        """Those of everybody, which send and take; and the teacher's."""
        return [
            Route(f"/{PATH}/drawings", partial(_send, self), methods=["POST"]),
            Route(f"/{PATH}/shared", partial(_tell_shared, self)),
            Route(f"/{PATH}", partial(_show, self)),
            Route(f"/{PATH}/drawings", partial(_teachers(_tell), self)),
            Route(f"/{PATH}/remove", partial(_teachers(_remove), self), methods=["POST"]),
            Route(f"/{PATH}/restore", partial(_teachers(_restore), self), methods=["POST"]),
            Route(f"/{PATH}/share", partial(_teachers(_share), self), methods=["POST"]),
        ]


# The routes of everybody --------------------------------------------------------------------------------------------


async def _send(wall: Wall, request: Request) -> Response:
    """A drawing comes: {"said"} with a sentence, or {"error"} with one."""
    try:
        sent = await read_json(request)
        drawing = await run_in_threadpool(read_drawing, sent)
        return _answer({"said": wall.add(request.client.host if request.client else "", drawing)})
    except FOR_THE_USER as error:
        return _answer({"error": str(error)}, 400)


async def _tell_shared(wall: Wall, request: Request) -> Response:
    return _answer(wall.shared_since(_known(request)))


# The teacher's ------------------------------------------------------------------------------------------------------

Handler = Callable[[Wall, Request], Awaitable[Response]]


def _teachers(handler: Handler) -> Handler:
    """The handler, for who has the token; for others a refusal."""

    @wraps(handler)
    async def guarded(wall: Wall, request: Request) -> Response:
        if not wall.opens(request.cookies.get(COOKIE, "")):
            return PlainTextResponse(REFUSED, 403, PRIVATE)
        try:
            return await handler(wall, request)
        except InputError as error:
            return _answer({"error": str(error)}, 400)

    return guarded


async def _show(wall: Wall, request: Request) -> Response:
    """The teacher's page. From the address with the token, to one without, which shows it to nobody."""
    token = request.query_params.get("token")
    if token is not None and wall.opens(token):
        answer = RedirectResponse(PATH, 303, PRIVATE)
        answer.set_cookie(COOKIE, wall.token, path=None, httponly=True, samesite="lax")
        return answer
    if token is not None or not wall.opens(request.cookies.get(COOKIE, "")):
        return PlainTextResponse(REFUSED, 403, PRIVATE)
    return FileResponse(WEB / "wall" / "wall.html", headers=PRIVATE)


async def _tell(wall: Wall, request: Request) -> Response:
    return _answer(wall.since(_known(request)))


async def _remove(wall: Wall, request: Request) -> Response:
    """For {"numbers": of drawings}."""
    match await read_json(request):
        case {"numbers": [*numbers]}:
            wall.remove(number for number in numbers if isinstance(number, int))
    return _answer(None)


async def _restore(wall: Wall, request: Request) -> Response:
    wall.restore()
    return _answer(None)


async def _share(wall: Wall, request: Request) -> Response:
    """For {"number": of a drawing, or null}."""
    match await read_json(request):
        case {"number": int() | None as number}:
            wall.share(number)
    return _answer(None)


def _known(request: Request) -> int:
    """What the page that asks knows; 0 for nothing."""
    known = request.query_params.get("known", "")
    return int(known) if known.isascii() and known.isdigit() and len(known) < 16 else 0


def _answer(content: Any, status: int = 200) -> Response:
    return Response(status_code=204, headers=PRIVATE) if content is None else JSONResponse(content, status, PRIVATE)

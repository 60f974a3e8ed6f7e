"""What is refused before anything is done for it: requests from other sites' pages, and those that ask for too much.

A page of another site can make its visitor's browser send requests to this machine, and by a name of its own that
leads here it could even read the answers (DNS rebinding). So each request must name as its host a loopback name, the
address at which it arrived, or a name that was allowed at the start; and if a browser says that another site's page
sent it, it is refused; a link to the studio may be followed from anywhere.

What is sent is handed on when all of it has arrived and nothing about it is too large; so an upload that is cut off
leaves nothing behind. It is bounded three ways: the bytes, which pictures have many of; the values of JSON, since a few
bytes each cost a thousand times as much to read; and the bytes that one client, and all of them, have under way. What
is refused still arrives, where it is not far too much, and is thrown away: who is still sending when the connection is
closed does not read why.
"""

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from traceback import walk_tb
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fewshot.data import pictures
from fewshot.data.episodes import MAX_SHOTS

LOG = logging.getLogger("uvicorn.error")
HOSTS = {"localhost", "127.0.0.1", "::1"}

BESIDE = 1_000_000  # bytes of what is said beside pictures
PICTURE = pictures.MAX_BYTES * 4 // 3 + BESIDE  # one in base64
PICTURES = MAX_SHOTS * pictures.MAX_BYTES * 4 // 3 + BESIDE  # as many as a model reads
# Where something can be sent to, and the bytes that make sense there.
MOST_BYTES = {
    "gradio_api/queue/join": PICTURES,
    "gradio_api/call": PICTURES,
    "gradio_api/run": PICTURES,
    "gradio_api/component_server": PICTURE,
    "gradio_api/upload": pictures.MAX_BYTES + BESIDE,
    "gradio_api/cancel": BESIDE,
    "gradio_api/reset": BESIDE,
    "draw": BESIDE,
    "along": BESIDE,
    "variations": BESIDE,  # in these, eight photographs as the model sees them are 33 kB each
    "compare": BESIDE,
    "score": BESIDE,
    "recognise": BESIDE,
    "take-home": BESIDE,
    "prepared-link": BESIDE,
    "wall": BESIDE,
}
SENT_TO = re.compile(rf"/({'|'.join(MOST_BYTES)})(/|$)")
# Gradio's queue takes an empty name for a session's, and then does not find the session.
NO_SESSION = re.compile(rb'"session_hash"\s*:\s*""')
MOST_VALUES = 150_000  # of JSON: three drawings of as many points as the pad takes
UNDER_WAY = 2 * PICTURES, 4 * PICTURES  # bytes of one client, and of all
THROWN_AWAY = 2 * PICTURES, 30  # at most so many bytes, and seconds, before a refusal is said

PACKAGE = str(Path(__file__).resolve().parents[1])


class RefusedError(Exception):
    """A request is refused; the arguments are the sentence that says why, and the status."""


class Guard:
    """ASGI middleware for all routes."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = (), under_way: tuple[int, int] = UNDER_WAY):
        self.app, self.hosts = app, HOSTS | {host.lower() for host in hosts}
        self.most_of_one, self.most_of_all = under_way
        self.under_way: Counter[str] = Counter()  # bytes, by client

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, or answer it with the sentence that says why not."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers, client = Headers(scope=scope), (scope.get("client") or ("",))[0]
        arrived_at, _ = scope.get("server") or (None, None)
        held = 0
        more = scope["method"] not in ("GET", "HEAD", "OPTIONS")  # whether more of its body can arrive
        try:
            if (host_name(headers.get("host", "")) or "") not in self.hosts | {arrived_at}:
                raise RefusedError("The studio answers to its own address only, and to --allowed-host.", 403)
            if not from_here(headers, scope["method"]):
                raise RefusedError("The studio answers no requests of other sites' pages.", 403)
            if not more:
                await self._hand_on(scope, receive, send)
                return
            parts: list[bytes] = []
            most = most_bytes(scope["path"], headers)
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return
                part, more = message.get("body", b""), message.get("more_body", False)
                parts.append(part)
                held += len(part)
                self.under_way[client] += len(part)
                if held > most:
                    raise too_large(most)
                if self.under_way[client] > self.most_of_one or self.under_way.total() > self.most_of_all:
                    raise RefusedError("Too much is being sent at once: please try again in a moment.", 503)
            body = b"".join(parts)
            del parts
            if not headers.get("content-type", "").startswith("multipart/") and values(body) > MOST_VALUES:
                raise RefusedError(f"That holds too many values: at most {MOST_VALUES:,} at a time.", 413)
            if NO_SESSION.search(body):
                raise RefusedError("A session needs a name.", 400)
            await self._hand_on(scope, replayed(body, receive), send)
        except RefusedError as refused:
            if more:
                await throw_away(headers, receive)
            sentence, status = refused.args
            await PlainTextResponse(sentence, status)(scope, receive, send)
        finally:
            self.under_way[client] -= held
            if not self.under_way[client]:
                del self.under_way[client]

    async def _hand_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The app's answer; what it cannot make sense of is refused in a sentence, without a traceback in the log."""
        begun = ended = False

        async def noted(message: Message) -> None:
            nonlocal begun, ended
            begun, ended = True, not message.get("more_body", message["type"] == "http.response.start")
            await send(message)

        try:
            await self.app(scope, receive, noted)
        except Exception as error:
            if is_ours(error):
                raise
            LOG.warning("%s %s: not understood (%s)", scope["method"], scope["path"], type(error).__name__)
            if not begun:
                raise RefusedError("This request cannot be understood.", 400) from None
            if not ended:
                await send({"type": "http.response.body", "body": b""})


def is_ours(error: BaseException) -> bool:
    """Whether an error that was caught here was raised in the studio's own code, or in what that called."""
    called = [frame.f_code.co_filename for frame, _ in walk_tb(error.__traceback__)][1:]
    inner = getattr(error, "exceptions", ())  # of a group
    return any(file.startswith(PACKAGE) and file != __file__ for file in called) or any(map(is_ours, inner))


def too_large(most: int) -> RefusedError:
    return RefusedError(f"That is too large: at most {most // 1_000_000} MB at a time.", 413)


def most_bytes(path: str, headers: Headers) -> int:
    """How many bytes may be sent to a path. Raises RefusedError if none can, or if more are announced."""
    place = SENT_TO.search(path)
    if place is None:
        raise RefusedError("Nothing can be sent to this address.", 404)
    most, announced = MOST_BYTES[place[1]], headers.get("content-length", "0")
    if not announced.isdecimal() or len(announced) > 12 or int(announced) > most:
        raise too_large(most)
    return most


async def throw_away(headers: Headers, receive: Receive) -> None:
    """Receive what is still to come of a refused body, unless it is far too much or too slow, or waits to be asked."""
    most, seconds = THROWN_AWAY
    announced = headers.get("content-length", "0")
    if "expect" in headers or not announced.isdecimal() or len(announced) > 12 or int(announced) > most:
        return

    async def rest() -> None:
        received, more = 0, True
        while more and received < most:
            message = await receive()
            received += len(message.get("body", b""))
            more = message.get("more_body", False)

    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(rest(), seconds)


def values(body: bytes) -> int:
    """At least as many as there are values in JSON, but hardly more."""
    return sum(map(body.count, (b",", b"[", b"{")))


def replayed(body: bytes, receive: Receive) -> Receive:
    """Receives a body as if it arrived now, and then what comes next: that the client leaves."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return messages.pop() if messages else await receive()

    return next_message


def host_name(host: str) -> str | None:
    """The name in "name:port", or none."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def from_here(headers: Headers, method: str) -> bool:
    """Whether a request is from the studio's own page, from a program, or from who follows a link to the studio.

    Browsers say by Sec-Fetch-Site whose page sent it, which no script can change; those that do not say so by Origin.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        followed = method == "GET" and headers.get("sec-fetch-mode") == "navigate"
        return site in ("same-origin", "none") or followed
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2] in (headers.get("host"), headers.get("x-forwarded-host"))

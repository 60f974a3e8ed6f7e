"""What is refused before anything is done for it: requests from other sites' pages, and bodies that are too large.

A page of another site can make its visitor's browser send requests to this machine, and by a name of its own that
leads here it could even read the answers (DNS rebinding). So each request must name as its host a loopback name, the
address at which it arrived, or a name that was allowed at the start; and if a browser says that another site's page
sent it, it is refused; a link to the studio may be followed from anywhere.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fewshot.data import pictures
from fewshot.data.episodes import MAX_SHOTS

HOSTS = {"localhost", "127.0.0.1", "::1"}
# The largest that makes sense: as many pictures as a model reads, in base64, and what is said beside them.
MAX_BODY = MAX_SHOTS * pictures.MAX_BYTES * 4 // 3 + 1_000_000


class Guard:
    """ASGI middleware for all routes."""

    def __init__(self, app: ASGIApp, most: int = MAX_BODY, hosts: Iterable[str] = ()):
        self.app, self.most, self.hosts = app, most, HOSTS | {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, or answer it with the sentence that says why not."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refused = None
        arrived_at, _ = scope.get("server") or (None, None)
        if (host_name(headers.get("host", "")) or "") not in self.hosts | {arrived_at}:
            refused = PlainTextResponse("The studio answers to its own address only, and to --allowed-host.", 403)
        elif not from_here(headers, scope["method"]):
            refused = PlainTextResponse("The studio answers no requests of other sites' pages.", 403)
        elif not (
            headers.get("content-length", "0").isdigit() and int(headers.get("content-length", "0")) <= self.most
        ):
            refused = PlainTextResponse(f"That is too large: at most {self.most // 1_000_000} MB at a time.", 413)
        if refused is not None:
            await refused(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.most:  # of a length that nobody said before
                return {"type": "http.disconnect"}
            return message

        await self.app(scope, counted, send)


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

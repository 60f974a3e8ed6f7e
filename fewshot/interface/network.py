"""The studio on the network: its address there, the page that invites a class to it, and prepared links to it."""

import html
import io
import socket
from functools import partial
from urllib.parse import urlsplit

import segno
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from fewshot.interface.bodies import read_json
from fewshot.interface.guard import HOSTS

EVERYWHERE = "0.0.0.0"  # to listen on all of this machine's addresses
PATH = "invite"
LONGEST = 10_000  # characters of a link: more than a page's holds
LONGEST_CODE = 1000  # of one that has a QR code: a camera reads no finer one from a screen
ELSEWHERE = ("198.51.100.1", 9)  # an address that is nobody's: nothing is sent to it

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Join the few-shot studio</title>
<style>
  :root { color-scheme: light dark; font: 24px/1.4 "IBM Plex Sans", system-ui, sans-serif; }
  body { display: grid; justify-items: center; align-content: center; gap: 3vh; min-height: 100vh; margin: 0;
    padding: 24px; box-sizing: border-box; text-align: center; }
  h1, p { margin: 0; }
  h1 { font-size: clamp(28px, 4vw, 56px); }
  .address { font-size: clamp(24px, 5vw, 72px); font-weight: 700; overflow-wrap: anywhere; }
  svg { width: min(56vh, 86vw); height: auto; background: #fff; border-radius: 12px; }
  a { color: inherit; }
</style>
<h1>Join the few-shot studio</h1>
__CODE__
<p class="address">__ADDRESS__</p>
<p>Everyone in this network can use it. <a href="./">Open it here</a></p>
</html>
"""


def address() -> str | None:
    """This machine's address in its network; None if it is in none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(ELSEWHERE)  # of a datagram socket: the system only looks up by which address it would go
        except OSError:
            return None
        return probe.getsockname()[0]


def invitation(port: int, entrance: str) -> str:
    """For the terminal: where everybody finds the studio, and the teacher the wall, as text and as QR codes.

    ``entrance``: the last part of the wall's address.
    """
    here = address()
    url = f"http://{here or '127.0.0.1'}:{port}/"
    everybody = "Everyone in this network can use the studio at"
    if here is None:
        everybody = "This machine is in no network: the studio can be reached from here only, at"
    teacher = "Yours alone, the wall, on which you see what they send:"
    return f"{_blocks(url + entrance)}\n{teacher} {url}{entrance}\n\n{_blocks(url)}\n{everybody} {url}"


def _blocks(url: str) -> str:
    """The QR code of an address for the terminal."""
    code = io.StringIO()
    segno.make(url, error="m").terminal(code, border=2, compact=True)
    return code.getvalue()


async def _invite(request: Request) -> Response:
    """The page to be shown to a class."""
    here, (_, port) = address(), request.scope["server"]
    if here is None:
        return Response("This machine is in no network.", 404)
    url = f"http://{here}:{port}/"
    return HTMLResponse(PAGE.replace("__CODE__", _code(url)).replace("__ADDRESS__", html.escape(url)))


def _code(url: str) -> str:
    """The QR code of an address, as SVG; the finest that there must be where it is long."""
    return segno.make(url, error="m" if len(url) < 100 else "l").svg_inline(border=4, omitsize=True)


async def _prepare(lan: bool, request: Request) -> Response:
    """For {"link": one to this studio} {"link": the same as others reach it, "code": its QR code as SVG, or None}."""
    try:
        wish = await read_json(request)
        link = wish.get("link") if isinstance(wish, dict) else None
        parts = urlsplit(link if isinstance(link, str) and len(link) <= LONGEST and link.isascii() else "")
        host = parts.hostname
    except ValueError:  # with a bracket that is not closed
        host = None
    if not host or parts.scheme not in ("http", "https"):
        return JSONResponse({"error": f"This is no link to the studio of at most {LONGEST} characters."}, 400)
    here = address() if lan and host in HOSTS else None
    if here is not None:
        parts = parts._replace(netloc=f"{here}:{request.scope['server'][1]}")
    whole = parts.geturl()
    code = await run_in_threadpool(_code, whole) if len(whole) <= LONGEST_CODE else None
    return JSONResponse({"link": whole, "code": code})


def routes(lan: bool) -> list[Route]:
    """What is answered; with ``lan`` also the invitation, and links are as the network reaches them."""
    prepare = Route("/prepared-link", partial(_prepare, lan), methods=["POST"])
    return [prepare, Route(f"/{PATH}", _invite)] if lan else [prepare]

"""The studio on the network: its address there, and the page that invites a class to it."""

import html
import io
import socket

import segno
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

EVERYWHERE = "0.0.0.0"  # to listen on all of this machine's addresses
PATH = "invite"
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


def invitation(port: int) -> str:
    """For the terminal: where the studio is in the network, as text and as a QR code."""
    here = address()
    if here is None:
        return "This machine is in no network: the studio can be reached from here only."
    url = f"http://{here}:{port}/"
    code = io.StringIO()
    segno.make(url, error="m").terminal(code, border=2, compact=True)
    return f"{code.getvalue()}\nEveryone in this network can use the studio at {url}"


async def _answer(request: Request) -> Response:
    """The page to be shown to a class."""
    here, (_, port) = address(), request.scope["server"]
    if here is None:
        return Response("This machine is in no network.", 404)
    url = f"http://{here}:{port}/"
    code = segno.make(url, error="m").svg_inline(border=4, omitsize=True)
    return HTMLResponse(PAGE.replace("__CODE__", code).replace("__ADDRESS__", html.escape(url)))


ROUTE = Route(f"/{PATH}", _answer)

"""The page's scripts and styles: the folder ``web``, and how the page calls what is in it.

The scripts are modules that import each other; there is no build step. The page gets them as one, and its styles as
another, since fifty requests took a fifth of the time in which it opens; each file is also served as it is. All
addresses are relative to the page's, so that it can lie below another path.
"""

import hashlib
import mimetypes

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.staticfiles import NotModifiedResponse, StaticFiles

from fewshot.export import web

PATH = "studio-web"
STYLES = [
    web.WEB / name
    for name in (
        "studio.css",
        "pad.css",
        "photos.css",
        "player.css",
        "compare.css",
        "variations.css",
        "lesson.css",
        "export.css",
        "classroom.css",
    )
]
# What knows where it lies, for the worker that it starts, cannot be moved into another file.
APART = ["local/start.js"]
# Made as the studio starts. Styles as they are: Gradio would put a selector of its own before each.
MADE = {
    "page.css": "\n".join(file.read_text(encoding="utf-8") for file in STYLES),
    "page.js": web.module("engine-gradio.js", APART),
}
HEAD = "".join(
    [f'<link rel="stylesheet" href="{PATH}/page.css">']
    + [f'<link rel="modulepreload" href="{PATH}/{name}">' for name in ("page.js", *APART)]
)

mimetypes.add_type("text/javascript", ".js")  # Windows' registry may say otherwise, and browsers run nothing else


_FILES = StaticFiles(directory=web.WEB)


def _made(name: str, request: Request) -> Response:
    tag = f'"{hashlib.blake2s(MADE[name].encode(), digest_size=8).hexdigest()}"'
    response = Response(MADE[name], media_type=mimetypes.guess_type(name)[0], headers={"ETag": tag})
    return (
        NotModifiedResponse(response.headers) if _FILES.is_not_modified(response.headers, request.headers) else response
    )


async def _answer(request: Request) -> Response:
    """A file, which a browser asks for again at each visit: after an update of the studio, none may be an old one."""
    name = request.path_params["name"]
    response = _made(name, request) if name in MADE else await _FILES.get_response(name, request.scope)
    response.headers["Cache-Control"] = "no-cache"
    return response


# No Mount: behind a proxy that takes a path away, it would look for its files below its own name.
ROUTE = Route(f"/{PATH}/{{name:path}}", _answer)


# JavaScript that promises the module which knows Gradio.
_MODULE = f'import(new URL("{PATH}/page.js", document.baseURI))'


def mount(part: str) -> str:
    """JavaScript for when a part of the page is there: that module gets what Gradio gives."""
    return f'{_MODULE}.then((page) => page.mount("{part}", {{ element, props, server, trigger, watch }}))'


def call(function: str) -> str:
    """JavaScript for an event: a function of that module, called with the values of the event's inputs."""
    return f"async (...values) => (await {_MODULE}).{function}(...values)"

"""The page's scripts and styles: the folder ``web``, served as it is, and how the page calls what is in it.

The scripts are modules that import each other; there is no build step. All addresses are relative to the page's, so
that it can lie below another path.
"""

import mimetypes

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

from fewshot.export.web import WEB

PATH = "studio-web"
STYLES = [
    WEB / name
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
# Styles as they are: Gradio would put a selector of its own before each. The page asks for all modules at once, instead
# of for each when another imports it.
HEAD = "".join(
    [f'<link rel="stylesheet" href="{PATH}/{file.name}">' for file in STYLES]
    + [f'<link rel="modulepreload" href="{PATH}/{file.name}">' for file in sorted(WEB.glob("*.js"))]
)

mimetypes.add_type("text/javascript", ".js")  # Windows' registry may say otherwise, and browsers run nothing else


_FILES = StaticFiles(directory=WEB)


async def _answer(request: Request) -> Response:
    """A file, which a browser asks for again at each visit: after an update of the studio, none may be an old one."""
    response = await _FILES.get_response(request.path_params["name"], request.scope)
    response.headers["Cache-Control"] = "no-cache"
    return response


# No Mount: behind a proxy that takes a path away, it would look for its files below its own name.
ROUTE = Route(f"/{PATH}/{{name:path}}", _answer)


# JavaScript that promises the module which knows Gradio.
_MODULE = f'import(new URL("{PATH}/engine-gradio.js", document.baseURI))'


def mount(part: str) -> str:
    """JavaScript for when a part of the page is there: that module gets what Gradio gives."""
    return f'{_MODULE}.then((page) => page.mount("{part}", {{ element, props, server, trigger, watch }}))'


def call(function: str) -> str:
    """JavaScript for an event: a function of that module, called with the values of the event's inputs."""
    return f"async (...values) => (await {_MODULE}).{function}(...values)"

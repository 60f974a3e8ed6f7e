"""The parts of the page that Gradio does not have: the drawing pad with its tray, the photographs, and the player.

The folder ``web`` holds all of their behaviour; engine-gradio.js there binds it to Gradio.
"""

import base64
import inspect
import re
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import gradio as gr
import gradio.component_meta

from fewshot.export import web
from fewshot.interface import scripts

# Gradio would write a components.pyi beside this file, which hides the types here from who checks them.
gradio.component_meta.create_or_modify_pyi = lambda *_: None

FIGURES = Path(__file__).resolve().parents[2] / "assets" / "lab"


class _Part(gr.HTML):
    """One of them, made of the file ``<name>.html``."""

    def __init__(self, name: str, server_functions: list[Callable[..., Any]], **options: Any):
        super().__init__(
            html_template=web.read(f"{name}.html"),
            js_on_load=scripts.mount(name),
            apply_default_css=False,
            elem_id=name,
            server_functions=list(map(_plain, server_functions)),
            **options,
        )

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}


def _plain(method: Callable[..., Any]) -> Callable[..., Any]:
    """The same as a function, which Gradio can mark as one that the page may call: methods cannot be marked."""

    @wraps(method)
    def function(*arguments: Any) -> Any:
        return method(*arguments)

    @wraps(method)
    async def coroutine(*arguments: Any) -> Any:
        return await method(*arguments)

    return coroutine if inspect.iscoroutinefunction(method) else function


class SupportPad(_Part):
    """Drawing pad, tray of up to eight drawings, ready-made sets; the switch that lets the machine draw along.

    A picture is asked for with its {"supports": [drawing, ...], "shots": int or null for all}, with drawings as in
    ``payload``. ``sets``: [{"name": str, "drawings": [pixels, ...]}, ...]. ``server_functions``: see ``service``.
    """

    def __init__(self, sets: list[dict[str, Any]], server_functions: list[Callable[..., Any]]):
        super().__init__("pad", sets=sets, server_functions=server_functions)


class ModelChoice(gr.Radio):
    """A radio for names of models, which ``catalogue.find`` checks on the server.

    Gradio checks a value against the choices at the time when it arrives. If the user turns quickly from task to task,
    the last task's model may arrive after the next one's choices, and nothing is wrong with it.
    """

    is_template = True  # on the page, it is a radio

    def preprocess(self, payload: Any) -> Any:
        return payload


class SentFile(gr.File):
    """A file that a program sends, as its path. Gradio would also make an empty file for each, and leave it there."""

    is_template = True

    def preprocess(self, payload: Any) -> str | None:
        return payload and payload.path


class PhotoTray(_Part):
    """The photographs that the model reads, up to eight, ready-made ones, and one whose beginning may be given.

    A picture is asked for with its {"photos": [photo, ...], "beginning": photo with "rows", or null}, with photos as in
    ``payload``. ``server_functions``: see ``service``.
    """

    def __init__(self, server_functions: list[Callable[..., Any]]):
        super().__init__("photos", server_functions=server_functions)


class Player(_Part):
    """Shows a run. Value: what it shows first, a chunk of a run as in ``payload``.

    ``facts``: see ``catalogue.facts``. ``server_functions``: ``influence`` of ``service``.
    """

    def __init__(self, value: dict[str, Any], facts: dict[str, Any], server_functions: list[Callable[..., Any]]):
        super().__init__("player", value=value, facts=facts, server_functions=server_functions)


class Variations(_Part):
    """Many pictures of one recipe, and the shelf of those that were kept.

    Its event "submit" brings settings back, and "input" tells of a new seed: with each event Gradio copies all that its
    component holds, and this one holds next to nothing.
    """

    def __init__(self) -> None:
        super().__init__("variations", server_functions=[])


def laboratory() -> str:
    """The drawer Laboratory: the shipped figures of ``fewshot.lab``, with what they say."""

    def figure(match: re.Match) -> str:
        return "data:image/png;base64," + base64.b64encode((FIGURES / match[1]).read_bytes()).decode()

    return re.sub(r"lab:([\w-]+\.png)", figure, web.read("lab.html"))

"""The parts of the page that Gradio does not have: the drawing pad with its tray, the photographs, and the player.

Their files hold all of their behaviour. The scripts know nothing of Gradio, which is bound to them here, and can run in
any page.
"""

import base64
import re
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import gradio as gr
import gradio.component_meta

# Gradio would write a components.pyi beside this file, which hides the types here from who checks them.
gradio.component_meta.create_or_modify_pyi = lambda *_: None

FILES = Path(__file__).parent
FIGURES = FILES.parent.parent / "assets" / "lab"
STYLES = [FILES / name for name in ("studio.css", "pad.css", "photos.css", "player.css")]

# js_on_load runs once, when the component appears; `watch` tells of later values from Python, but not of the first.
# What the parts can do for each other and for the buttons is in `window.studio`, and so are the settings.
_BIND_PAD = """
window.studio = window.studio || {};
window.studio.pad = createPad(element.querySelector(".pad"), {
  server,
  sets: props.sets,
  changed: (value) => { props.value = value; },
  edited: () => window.studio.along?.changed(),
});
window.studio.along = createAlong(element.querySelector(".pad-along input"), {
  draw: server.draw_along,
  wish: () => ({ ...window.studio.pad.now(), ...window.studio.settings }),
  show: (chunk) => {
    window.studio.pad.mirror(chunk.pixels);
    return window.studio.player.show(chunk);
  },
  wait: (isLong) => window.studio.player?.wait(isLong),
  screens: () => [".pad-drawn", ".player-frame"].map((part) => document.querySelector(part)),
});
"""
_BIND_PHOTOS = """
window.studio = window.studio || {};
window.studio.photos = createPhotos(element.querySelector(".photos"), {
  server,
  tasks: props.tasks,
  changed: (value) => { props.value = value; },
});
"""
_BIND_PLAYER = """
window.studio = window.studio || {};
window.studio.player = createPlayer(element.querySelector(".player"), { influence: server.influence });
// A picture that was begun before the user turned to another task is not shown there.
watch("value", () => {
  const { task } = props.value;
  if (!task || !window.studio.task || task === window.studio.task) window.studio.player.absorb(props.value);
});
const example = props.value;
window.studio.player.showExample = () => window.studio.player.absorb({ ...example, id: `${Math.random()}` });
window.studio.player.absorb(example);
"""


class _Part(gr.HTML):
    """One of them, made of the file ``<name>.html`` and of scripts."""

    def __init__(
        self, name: str, scripts: list[str], bind: str, server_functions: list[Callable[..., Any]], **options: Any
    ):
        super().__init__(
            html_template=_read(f"{name}.html"),
            js_on_load="\n".join([*map(_read, scripts), bind]),
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

    return function


class SupportPad(_Part):
    """Drawing pad, tray of up to eight drawings, ready-made sets; the switch that lets the machine draw along.

    Value: {"supports": [drawing, ...], "shots": int or null for all}, with drawings as in ``payload``.
    ``sets``: [{"name": str, "drawings": [pixels, ...]}, ...]. ``server_functions``: see ``service``.
    """

    def __init__(self, sets: list[dict[str, Any]], server_functions: list[Callable]):
        value: dict[str, Any] = {"supports": [], "shots": None}
        super().__init__(
            "pad",
            ["pictures.js", "pad.js", "along.js"],
            _BIND_PAD,
            value=value,
            sets=sets,
            server_functions=server_functions,
        )


class ModelCards(gr.Radio):
    """A radio for names of models, which ``catalogue.find`` checks on the server.

    Gradio checks a value against the choices at the time when it arrives. If the user turns quickly from task to task,
    the last task's model may arrive after the next one's choices, and nothing is wrong with it.
    """

    is_template = True  # on the page, it is a radio

    def preprocess(self, payload: Any) -> Any:
        return payload


class PhotoTray(_Part):
    """The photographs that the model reads, up to eight, ready-made ones, and one whose beginning may be given.

    Value: {"photos": [photo, ...], "beginning": photo with "rows", or null}, with photos as in ``payload``. ``tasks``:
    those of ``catalogue.facts`` that are not drawn. ``server_functions``: see
    ``service``.
    """

    def __init__(self, tasks: dict[str, dict[str, Any]], server_functions: list[Callable]):
        value: dict[str, Any] = {"photos": [], "beginning": None}
        super().__init__(
            "photos",
            ["pictures.js", "photos.js"],
            _BIND_PHOTOS,
            value=value,
            tasks=tasks,
            server_functions=server_functions,
        )


class Player(_Part):
    """Shows a run. Value: a chunk of a run as in ``payload``, or {"id", "error"} with a sentence for the user.

    ``facts``: see ``catalogue.facts``. ``server_functions``: ``influence`` of ``service``.
    """

    def __init__(self, value: dict[str, Any], facts: dict[str, Any], server_functions: list[Callable]):
        super().__init__(
            "player", ["player.js"], _BIND_PLAYER, value=value, facts=facts, server_functions=server_functions
        )


def laboratory() -> str:
    """The page's last part: the shipped figures of ``fewshot.lab``, with what they say."""

    def figure(match: re.Match) -> str:
        return "data:image/png;base64," + base64.b64encode((FIGURES / match[1]).read_bytes()).decode()

    return re.sub(r"lab:([\w-]+\.png)", figure, _read("lab.html"))


def _read(name: str) -> str:
    return (FILES / name).read_text(encoding="utf-8")

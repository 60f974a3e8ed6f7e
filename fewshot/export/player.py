"""One HTML file with the player and a run: it works without a server, offline, from a double click."""

import base64
import html
import json
import re

from fewshot import payload
from fewshot.api import Run
from fewshot.export import web
from fewshot.export.pictures import to_png, to_svg
from fewshot.export.recipe import check, recipe

STYLES = ("studio.css", "pad.css", "photos.css", "player.css", "alone.css")
# Steps of attention between nothing and a pixel's most: the finest that fit. Each divides 255.
STEPS = (85, 51, 17, 15, 5)
ROOM = 325_000  # characters of data for each support
HEIGHT = 700  # of the player in a notebook, in pixels


def to_html(run: Run, sample: int = 0) -> str:
    """The file of one sample. Raises InputError if there is none, or it is not finished."""
    check(run, sample)
    parts = {
        "title": html.escape(run.file_name(sample)),
        "style": "".join(map(web.read, STYLES)),
        "recipe": html.escape(recipe(run, sample)),
        "files": _links(run, sample),
        "player": web.read("player.html"),
        # In a script, only "</" could end it, and only "<!--" change what it is.
        "run": json.dumps(_content(run, sample)).replace("<", "\\u003c"),
        "script": web.bundle("alone.js").replace("</", "<\\/"),
    }
    return re.sub(r"<!--(\w+)-->|/\*(\w+)\*/", lambda match: parts[match[1] or match[2]], web.read("alone.html"))


def to_iframe(run: Run) -> str:
    """The same, as a part of a notebook: in a frame, so that its styles and the notebook's leave each other alone."""
    return (
        f'<iframe srcdoc="{html.escape(to_html(run))}" sandbox="allow-scripts allow-downloads" title="Player" '
        f'style="width: 100%; height: {HEIGHT}px; border: 0"></iframe>'
    )


def _content(run: Run, sample: int) -> dict:
    """All that the player needs to know: {"chunk", "tasks"}."""
    for steps in STEPS:
        chunk = payload.pack(run, run.file_name(sample), steps=steps, sample=sample)
        if len(chunk["data"]) <= ROOM * max(1, len(run.supports)):
            break
    chunk["can"]["influence"] = False  # only a model can compute it, and there is none
    return {"chunk": chunk, "tasks": {run.facts.task.key: payload.pack_task(run.facts.task)}}


def _links(run: Run, sample: int) -> str:
    """What can be saved from the file: links that hold it."""
    name = html.escape(run.file_name(sample))
    kinds = [("PNG", f"{name}.png", "image/png", to_png(run, sample))]
    if run.facts.channels == 1:
        kinds.append(("SVG", f"{name}.svg", "image/svg+xml", to_svg(run, sample)))
    return " ".join(
        f'<a download="{file}" href="data:{media};base64,{base64.b64encode(data).decode()}">{label}</a>'
        for label, file, media, data in kinds
    )

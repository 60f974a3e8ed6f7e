"""A project: all that is on the page, as a file (.json) or in a link, to be opened again there or elsewhere.

{"kind": "few-shot studio", "version": 1,
 "task", "model":   their names
 "supports":        as in ``payload``, of drawings with their "strokes" beside the "pixels" where these are known; one
                    with strokes alone is still on the pad; {"muted": true} is left out for now
 "shots":           how many are used of those that are not left out; null for all, and for photographs
 "beginning":       as in ``payload``, or null
 "settings":        {"guidance", "temperature", "seed", "inner_steps"}
 "view":            {"position": pixels on the screen, "locked": a pixel's number or null}; may be missing}
"""

from typing import Any

import numpy as np

from fewshot import InputError, payload
from fewshot.api import MAX_GUIDANCE
from fewshot.interface import catalogue
from fewshot.payload import pack_images
from fewshot.tasks import Image, Task

KIND, VERSION = "few-shot studio", 1
FOREIGN = "This is no project of the studio."
DAMAGED = "This project is damaged: it lacks {}."


def read_project(project: Any) -> dict[str, Any]:
    """The same, checked and without what does not belong to it. Raises FOR_THE_USER."""
    if not isinstance(project, dict) or project.get("kind") != KIND:
        raise InputError(FOREIGN)
    if project.get("version") != VERSION:
        raise InputError("This project was made by another version of the studio.")
    task, model = catalogue.find_task(project.get("task")), catalogue.find(project.get("model"))
    if model.task is not task:
        raise InputError(f"This project is damaged: {model.title} draws no {task.label.lower()} here.")
    given, shots = project.get("supports"), project.get("shots")
    settings: Any = project.get("settings")
    if not isinstance(given, list):
        raise InputError(DAMAGED.format("its drawings"))
    if not isinstance(settings, dict):
        raise InputError(DAMAGED.format("its settings"))
    images = payload.read_supports([_source(one) for one in given], task, task.side)
    supports = [_support(one, image, task) for one, image in zip(given, images, strict=True)]
    if sum("pixels" not in one for one in supports) > 1:
        raise InputError("This project is damaged: only one drawing can be on the pad.")
    read = payload.read_supports([one for one in supports if "muted" not in one], task, task.side, shots)
    beginning = payload.read_beginning(project.get("beginning"), task, task.side)
    steps = settings.get("inner_steps") if model.adapts else None
    seed: Any = settings.get("seed")
    temperature: Any = settings.get("temperature")
    guidance: Any = settings.get("guidance")
    if isinstance(guidance, bool) or not isinstance(guidance, int | float) or not 0 <= guidance <= MAX_GUIDANCE:
        raise InputError(f"The faithfulness must be a number from 0 to {MAX_GUIDANCE:g}.")
    # This checks what is given, and draws nothing yet; some models refuse to draw without supports.
    checked = read if len(read) else np.zeros((1, *read.shape[1:]), np.uint8)
    model.stream(checked, 1, seed, temperature, beginning, steps, guidance if model.facts.guides else 0.0)
    return {
        "kind": KIND,
        "version": VERSION,
        "task": task.key,
        "model": model.name,
        "supports": supports,
        "shots": shots,
        "beginning": None if beginning is None else _beginning(project["beginning"], task, len(beginning)),
        "settings": {"seed": seed, "temperature": temperature, "guidance": guidance, "inner_steps": steps},
        "view": _view(project.get("view"), task.side),
    }


def _source(given: Any) -> Any:
    """What the image of a support is made of: its strokes, where there are any, so that it is what they show."""
    return {"strokes": given["strokes"]} if isinstance(given, dict) and given.get("strokes") else given


def _support(given: dict[str, Any], image: Image, task: Task) -> dict[str, Any]:
    """A support that is checked."""
    strokes = given.get("strokes")
    on_the_pad = strokes and "pixels" not in given
    support: dict[str, Any] = {} if on_the_pad else {"pixels": pack_images(image, task.channels)}
    if strokes:
        support["strokes"] = strokes
    if given.get("muted") is True and not on_the_pad:
        support["muted"] = True
    return support


def _beginning(given: dict[str, Any], task: Task, rows: int) -> dict[str, Any]:
    """A beginning that is checked: its image, and the strokes where it is still on the pad."""
    pixels = pack_images(payload.read_image(given, task, task.side), task.channels)
    return {"pixels": pixels, "rows": rows} | ({"strokes": given["strokes"]} if given.get("strokes") else {})


def _view(view: Any, side: int) -> dict[str, Any]:
    """What is looked at. Raises InputError."""
    view = {} if view is None else view
    position, locked = (view.get("position", side**2), view.get("locked")) if isinstance(view, dict) else (None, None)
    for number, most in ((position, side**2), (0 if locked is None else locked, side**2 - 1)):
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= most:
            raise InputError("This project is damaged: it looks at a pixel that is not there.")
    return {"position": position, "locked": locked}

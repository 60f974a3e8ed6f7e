"""What the page's scripts know of tasks, models and limits: the one place where Python tells them."""

from contextlib import suppress
from typing import Any

from fewshot import CheckpointError, checkpoints
from fewshot.data import drawing, omniglot, pictures
from fewshot.data.episodes import MAX_SHOTS
from fewshot.models import MODELS

CHARACTERS = "omniglot"

# Of each task, web/engine.js describes the fields. Those of photographs have their words too.
TASKS: dict[str, dict[str, Any]] = {
    CHARACTERS: {"drawn": True, "unit": "drawing", "side": omniglot.POOLED_SIDE, "most": MAX_SHOTS, "gaze": False},
    "mirror": {
        "drawn": False,
        "unit": "photograph",
        "most": 1,
        "read": 1,
        "gaze": True,
        "mirrors": True,
        "title": "Choose a photograph",
        "upload": "Upload a photograph",
        "or": "No photograph at hand? Take one of these",
        "help": "The machine sees your photograph and draws its <em>mirror image</em>, from the top left to the bottom "
        "right. So its gaze has to go the other way: while it draws to the right, it must read to the left. "
        "<b>Orange</b> shows where it looks; the line is the path of its gaze in this row. Whether a model has learnt "
        "this depends on its kind: one without attention has to remember the whole picture at once, and cannot.",
    },
    "products": {
        "drawn": False,
        "unit": "photograph",
        "most": MAX_SHOTS,
        "read": 3,
        "gaze": False,
        "mirrors": False,
        "title": "Choose one product, from up to eight sides",
        "upload": "Upload photographs",
        "or": "No product at hand? Take one of these",
        "help": "The machine has never seen this product before. It draws a new view of it, pixel by pixel, from the "
        "top left to the bottom right. It has learnt to read three photographs, so one or two are repeated. "
        "<b>Orange</b> shows where in them it looks. It is small, has learnt from few products, and fails: what it "
        "draws hardly looks like yours.",
    },
}


def facts(samples: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """All of it, as web/engine.js describes it. ``samples``: by task, its side and ready-made photographs."""
    shown = {name: task for name, task in TASKS.items() if task["drawn"] or name in samples}
    return {
        "task": CHARACTERS,
        "tasks": {name: task | samples.get(name, {}) for name, task in shown.items()},
        "models": _models(),
        "pad": {"side": omniglot.SIDE, "stroke": drawing.STROKE_WIDTH},
        "most_bytes": pictures.MAX_BYTES,
    }


def _models() -> dict[str, dict[str, Any]]:
    """Of each shipped model, its task and whether it takes inner steps; a damaged one says on its card what it is."""
    models = {}
    for name in checkpoints.shipped():
        with suppress(CheckpointError):
            card = checkpoints.read_card(checkpoints.resolve(name))
            models[name] = {
                "task": card.get("task", CHARACTERS),
                "adapts": MODELS[card["config"]["model"]].adapts,
            }
    return models

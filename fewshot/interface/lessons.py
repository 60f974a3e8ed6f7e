"""The lessons: what each step says and shows, in the reader's language, for the page to fetch.

The folder ``lessons`` holds ``<number>.json`` for each lesson, in English:

    {"title", "about", "state": what all steps begin with, "steps": [{"text", "show", "state", "question", "answer"}]}

"show" are names of what is highlighted, as in ``web/places.js``. "state" says what the page shows: "task", "model" (a
variant), "set" (the name of a ready-made set, or of several that are mixed), "drawings" (as many of them; null for
all), "shots" (as many of those are read; null for all), "guidance", "temperature", "seed", "fresh" (true where each
Generate is to take another chance number), "inner_steps"; and how: "position", "lock" (names as in
``web/moments.js``), "speed" in pixels a second, "view" ("ink" or "chance"), "gaze" (from 1, 0 for all), "guess"
("pixel", "row" or "picture").

``words.json`` holds the words of the panel itself. A folder named by a language holds the same files with its texts
only.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

FOLDER = Path(__file__).parent / "lessons"
ENGLISH = "en"
TEXTS = ("text", "question", "answer")  # of a step


def languages() -> list[str]:
    """The languages that there are, English first."""
    return [ENGLISH, *sorted(folder.name for folder in FOLDER.iterdir() if folder.is_dir())]


def language_of(asked: str) -> str:
    """The language for a reader who asks for some, "de-AT" or "de,en;q=.8": the first that there is, else English."""
    wanted = [one.split(";")[0].strip().split("-")[0].lower() for one in asked.split(",")]
    return next((one for one in wanted if one in languages()), ENGLISH)


@cache
def read(language: str) -> dict[str, Any]:
    """{"language", "words": {name: text}, "lessons": [lesson, ...]}, each step with the whole of its state.

    Raises FileNotFoundError for a language that there is not.
    """
    folder = FOLDER if language == ENGLISH else FOLDER / language
    numbers = range(1, 1 + len(list(FOLDER.glob("[0-9]*.json"))))
    lessons = [_translated(_load(FOLDER / f"{n}.json"), _load(folder / f"{n}.json")) for n in numbers]
    return {"language": language, "words": _load(folder / "words.json"), "lessons": lessons}


def _load(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text(encoding="utf-8"))


def _translated(lesson: dict[str, Any], texts: dict[str, Any]) -> dict[str, Any]:
    steps = [
        {"show": step["show"], "state": lesson["state"] | step["state"]} | {name: its[name] for name in TEXTS}
        for step, its in zip(lesson["steps"], texts["steps"], strict=True)
    ]
    return {"title": texts["title"], "about": texts["about"], "steps": steps}


async def _answer(request: Request) -> JSONResponse:
    asked = request.query_params.get("lang") or request.headers.get("accept-language", "")
    return JSONResponse(read(language_of(asked)), headers={"Cache-Control": "no-cache"})


ROUTE = Route("/studio-lessons", _answer)

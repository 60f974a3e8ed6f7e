"""The studio as a static site, or as one file: without Python, Gradio or a network, for models that browsers draw with.

It is made of the same files as the studio's page. The folder ``web/site`` holds what is its own: a page in place of the
one that Gradio makes, and the module that brings the others together there. The page holds, as JSON,

    facts, sets   as the studio's page has them, see ``catalogue``, but only what a browser can do
    choices       {"tasks", "models": labels and keys or names, the latter by task, "first": the model that is chosen
                  first, by task}, and the settings, see ``controls``
    example       what the player shows first, a chunk as in ``payload``
    lessons       by language, those steps that can be shown here, see ``lessons``
"""

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from fewshot import checkpoints
from fewshot.export import web
from fewshot.files import writable
from fewshot.interface import catalogue, controls, lessons, scripts, weights
from fewshot.interface.service import NEW_SEEDS, SERVICE

FILE_NAME = "few-shot-studio.html"
FORMATS = ("png", "clear", "sheet")  # that a browser's canvas can make
STYLES = [*(file.name for file in scripts.STYLES), "site/site.css"]
# Gradio's page brings its font along (IBM Plex Sans, SIL Open Font License); the site takes it from there.
FONTS = {400: "IBMPlexSans-Regular.woff2", 700: "IBMPlexSans-Bold.woff2"}
PARTS = ("comparing", "settings", "views", "stop", "pad", "photos", "player", "compare", "variations")
SERVED, ALONE = "site/served.js", "site/file.js"  # the modules that open the site, and the one file
FEWEST_STEPS = 3  # of a lesson that is shown
WORKER, WORKER_ALONE = "local/worker.js", "site/worker.js"


def write_site(folder: Path) -> list[Path]:
    """Write the site into a folder, for any web server: the files that were written. Raises OSError."""
    files = _site()
    writable(folder)
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return [folder / name for name in files]


def write_file(folder: Path) -> Path:
    """Write the site as one file, which a double click opens, into a folder. Raises OSError.

    It has all models of the first task, and of each other one the model that is chosen first: the file is to be small.
    """
    facts = _facts()
    every = _choices(facts)
    kept = {name for _, name in every["models"][every["tasks"][0][1]]} | set(every["first"].values())
    facts["models"] = {name: its for name, its in facts["models"].items() if name in kept}
    in_place = {name: f"data:font/woff2;base64,{base64.b64encode(data).decode()}" for name, data in _fonts().items()}
    styles = _in_script(_font_faces(in_place) + "".join(web.read(name) for name in STYLES))
    held = [f'"{name}": "{base64.b64encode(data).decode()}",' for name, data in _weights(facts["models"]).items()]
    worker = _filled(web.bundle(WORKER_ALONE), files="\n".join(held))
    page = _page(
        facts,
        f"<style>\n{styles}</style>",
        f'<script type="text/plain" id="worker">\n{_in_script(worker)}</script>\n'
        f"<script>\n{_in_script(web.bundle(ALONE))}</script>",
    )
    writable(folder)
    path = folder / FILE_NAME
    path.write_text(page, encoding="utf-8")
    return path


def _site() -> dict[str, bytes]:
    """The files of the site, by their names."""
    facts = _facts()
    made = {"page.css": "\n".join(web.read(name) for name in STYLES), "page.js": web.module(SERVED, scripts.APART)}
    fonts = {f"{scripts.PATH}/site/{name}": data for name, data in _fonts().items()}
    head = [f"<style>\n{_font_faces({Path(name).name: name for name in fonts})}</style>"]
    head.append(f'<link rel="stylesheet" href="{scripts.PATH}/page.css">')
    head += [f'<link rel="modulepreload" href="{scripts.PATH}/{name}">' for name in ("page.js", *scripts.APART)]
    head.append(f'<link rel="icon" href="{scripts.PATH}/icon.svg"><link rel="manifest" href="manifest.webmanifest">')
    opens = f'<script type="module" src="{scripts.PATH}/page.js"></script>'
    names = {*scripts.APART, *web.modules(WORKER), "icon.svg"}
    made |= {name: web.read(name) for name in sorted(names)}
    files = {f"{scripts.PATH}/{name}": text.encode() for name, text in made.items()}
    files |= {f"{weights.PATH}/{name}": data for name, data in _weights(facts["models"]).items()}
    files |= fonts
    files["manifest.webmanifest"] = web.read("site/manifest.webmanifest").encode()
    files["index.html"] = _page(facts, "\n".join(head), opens).encode()
    digest = hashlib.blake2s(b"".join(name.encode() + data for name, data in files.items()), digest_size=8).hexdigest()
    kept = ["./", *files]
    listed = "\n".join(f"{json.dumps(name)}," for name in kept)
    files["service-worker.js"] = _filled(web.read("site/service-worker.js"), version=digest, files=listed).encode()
    return files


def _fonts() -> dict[str, bytes]:
    """The font's files by their names."""
    folder = distribution("gradio").locate_file("gradio/templates/frontend/static/fonts/IBMPlexSans")
    return {name: Path(str(folder), name).read_bytes() for name in FONTS.values()}


def _font_faces(addresses: dict[str, str]) -> str:
    """The style that has the font, of the addresses of its files."""
    return "".join(
        f'@font-face {{ font-family: "IBM Plex Sans"; font-weight: {weight}; src: url("{addresses[name]}"); }}\n'
        for weight, name in FONTS.items()
    )


def _page(facts: dict[str, Any], head: str, opens: str) -> str:
    """The page's HTML, with what it holds."""
    parts = {name: web.read(f"{name}.html") for name in PARTS}
    content = json.dumps(_content(facts)).replace("<", "\\u003c")
    about = html.escape(_left_out(facts))
    return _filled(web.read("site/site.html"), head=head, scripts=opens, content=content, about=about, **parts)


def _filled(text: str, **parts: str) -> str:
    """A file's text with parts in their places, which are comments that have their names."""
    return re.sub(r"<!--(\w+)-->|/\*(\w+)\*/", lambda match: parts.get(match[1] or match[2], match[0]), text)


def _in_script(text: str) -> str:
    """A script for HTML, where only "</" could end it."""
    return text.replace("</", "<\\/")


def _weights(names: Iterable[str]) -> dict[str, bytes]:
    """The files of models that a browser draws with, as ``weights`` serves them."""
    files = {}
    for name in names:
        described = weights.described(weights.find(name))
        described["can"]["influence"] = False  # the gradients are the server's
        files[f"{name}.json"] = json.dumps(described).encode()
        files[f"{name}.safetensors"] = checkpoints.resolve(name).read_bytes()
    return files


def _facts() -> dict[str, Any]:
    """As ``catalogue.facts``, but only what the site can do."""
    facts = catalogue.facts()
    models = {name: its for name, its in facts["models"].items() if its["local"]}
    tasks = {key: its for key, its in facts["tasks"].items() if key in {its["task"] for its in models.values()}}
    formats = [its for its in facts["formats"] if its["key"] in FORMATS]
    here = {"models": models, "tasks": tasks, "formats": formats}
    return facts | here | {"engine": "browser", "new_seeds": NEW_SEEDS}


def _choices(facts: dict[str, Any]) -> dict[str, Any]:
    """The tasks and models to choose from."""
    tasks = [task for task in catalogue.tasks() if task.key in facts["tasks"]]
    models = {
        task.key: [choice for choice in catalogue.choices(task) if choice[1] in facts["models"]] for task in tasks
    }
    first = {key: catalogue.first_choice([name for _, name in choices]) for key, choices in models.items()}
    return {"tasks": [catalogue.task_choice(task) for task in tasks], "models": models, "first": first}


def _content(facts: dict[str, Any]) -> dict[str, Any]:
    """What the page holds."""
    sets = catalogue.drawn_sets()
    return {
        "facts": facts,
        "choices": _choices(facts) | controls.facts(),
        "sets": sets,
        "example": SERVICE.example(sets[0]),
        "lessons": [_lessons(language, set(facts["models"])) for language in lessons.languages()],
    }


def _lessons(language: str, models: set[str]) -> dict[str, Any]:
    """The lessons without the steps that need other models, unless hardly any is left."""
    content = lessons.read(language)

    def shown(lesson: dict[str, Any]) -> dict[str, Any]:
        steps = lesson["steps"]
        return lesson | {"steps": [s for s in steps if f"{s['state']['task']}-{s['state']['model']}" in models]}

    return content | {"lessons": [one for one in map(shown, content["lessons"]) if len(one["steps"]) >= FEWEST_STEPS]}


def _left_out(facts: dict[str, Any]) -> str:
    """The sentence that says what only the studio with a server has."""
    all_of_it = catalogue.facts()
    titles = [its["title"] for name, its in all_of_it["models"].items() if its["task"] in facts["tasks"]]
    here = {its["title"] for its in facts["models"].values()}
    missing = [title for title in titles if title not in here]
    return (
        f"{' and '.join(missing)}, photographs, uploads, influence maps, some files and some of the lessons' "
        "steps need a server: they are in the studio for Python."
    )

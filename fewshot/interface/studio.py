"""The page: what is on it, what its buttons do, and the endpoints that do the same for programs."""

import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any
from uuid import uuid4

import gradio as gr

import fewshot
from fewshot import CheckpointError, FewShotModel, InputError, Run, checkpoints
from fewshot.data import drawing, omniglot, photos, pictures, support_sets
from fewshot.data.episodes import MAX_SHOTS
from fewshot.interface import payload, scripts
from fewshot.interface.components import ModelCards, PhotoTray, Player, SupportPad, laboratory
from fewshot.interface.facts import facts
from fewshot.interface.files import PieceFiles
from fewshot.interface.turns import Turns
from fewshot.models import MODELS

HEADER = """
<header class="masthead">
  <h1>Few-shot studio</h1>
  <p>Teach a machine a new character from a handful of drawings, and watch it draw.</p>
</header>
"""
DEFAULT_MODEL = "omniglot-attention"
TASKS = {  # and what its models do, for the switch
    "omniglot": "Characters\nDraw one, get another.",
    "mirror": "Mirror\nA photograph, drawn from its mirror image.",
    "products": "Products\nA new view from three others.",
}
EXAMPLE_SHOTS, EXAMPLE_SEED = 4, 5
INNER_STEPS = (0, 5)  # of the slider
NEW_SEEDS = 10_000  # a new seed is below this: short enough to note down
TEMPERATURES, HINT = (0.3, 1.5), "low: safe · high: wild"
FOR_THE_USER = (InputError, CheckpointError, pictures.PictureError)  # errors whose message is one sentence for the user

# Numpy holds the interpreter for most of a pixel's many small steps: two threads that draw at once need up to 1.8 times
# as long as one after the other. So many may be drawing, but they take turns, a row each: first who has no row yet,
# then who came first.
TURNS, ARRIVALS = Turns(), count()
LIMITS = {"concurrency_limit": 32, "concurrency_id": "model"}  # of the 40 threads that Gradio has
PIECES = PieceFiles()
ALONG = BoundedSemaphore(2)  # so many pictures at a time for those who are drawing, which no queue holds back
INFLUENCES = BoundedSemaphore(1)  # so many at a time: none is urgent, and five steps on eight drawings take 2 GB
STEPS_ALONG = 15  # of attention in them: what the eye sees while the hand moves
LAST = {"trigger_mode": "always_last"}  # of many in a row
PRIVATE = {"api_visibility": "private", "show_progress": "hidden"}  # plumbing of the page


# What the page and the endpoints have in common ----------------------------------------------------------------------


def load(name: object) -> FewShotModel:
    """A shipped model; a path is not welcome here. Raises CheckpointError."""
    names = checkpoints.shipped()
    if name not in names:
        raise CheckpointError(f"There is no model '{name}'. There are: {', '.join(names) or 'none'}.")
    return fewshot.load(name)


def stream(
    given: object,
    shots: object,
    name: object,
    temperature: object,
    seed: object,
    inner_steps: object,
    beginning: object = None,
) -> Iterator[Run]:
    """Draw one picture with a shipped model: the growing run after each row. Raises FOR_THE_USER.

    ``given`` are drawings, or, for a model of photographs, photographs; of one, the ``beginning`` may be given too.
    """
    model, prefix = load(name), None
    if model.in_colour:
        if shots is not None:
            raise InputError("How many are used can be chosen of drawings only: leave shots out.")
        supports = payload.read_photos(given, model.side)
        prefix = payload.read_beginning(beginning, model.side)
    else:
        if beginning is not None:
            raise InputError("Only a photograph can be begun with: leave the beginning out.")
        supports = payload.read_supports(given, shots)
    rows = model.stream(supports, seed=seed, temperature=temperature, prefix=prefix, inner_steps=inner_steps)
    run, number = None, next(ARRIVALS)
    while run is None or run.rows < run.images.shape[1]:
        with TURNS.at((run is not None, number)):
            run = next(rows)
        yield run


def parts(runs: Iterator[Run]) -> Iterator[tuple[int, Run]]:
    """(row where the part starts, run) after rows 1, 2, 4, 8, ... and all: the first at once, and few messages."""
    sent = 0
    for run in runs:
        if run.rows >= 2 * sent or run.rows == run.images.shape[1]:
            yield sent, run
            sent = run.rows


def new_id() -> str:
    """The name of a run, by which the player tells a new one from more rows of the same."""
    return uuid4().hex


@contextmanager
def gradio_errors() -> Iterator[None]:
    """FOR_THE_USER errors inside reach the user."""
    try:
        yield
    except FOR_THE_USER as error:
        raise gr.Error(str(error), print_exception=False) from error


# Endpoints -----------------------------------------------------------------------------------------------------------


def generate(
    supports: list[dict],
    model: str = DEFAULT_MODEL,
    shots: int | None = None,
    temperature: float = 1.0,
    seed: int = 0,
    inner_steps: int | None = None,
    beginning: dict | None = None,
) -> Iterator[dict]:
    """Draw a new 26x26 image of the character that up to eight drawings show, or one of photographs, in colour.

    supports: drawings of one character, each {"strokes": [[[x, y], ...], ...]} in 0..105, {"picture": "<base64 of a
    file>"}, or {"pixels": ...} as the other endpoints return it; for a model whose name begins with "mirror" one
    photograph, of "products" up to eight, each {"picture": ...}. shots: how many drawings are used; all if null.
    inner_steps: of Meta PixelCNN, 0..10, as in training if null; null for the others. beginning: a photograph of which
    the first "rows" are given, {"picture": ..., "rows": number}, for the model to draw the rest.
    Gives the growing picture after 1, 2, 4, 8, 16, 32 and all "rows" (iterate over client.submit; predict returns the
    last): "image" and "probabilities" (of ink, or of the pixel's colour) as lists of rows, 0 where nothing is drawn
    yet, and at the end "trace", which also has the attention of every pixel: its format is described in
    fewshot/interface/payload.py, and payload.unpack reads it.
    """
    with gradio_errors():
        for _, run in parts(stream(supports, shots, model, temperature, seed, inner_steps, beginning)):
            finished = run.rows == run.images.shape[1]
            yield {
                "rows": run.rows,
                "image": run.images[0].tolist(),
                "probabilities": run.probabilities[0].tolist(),
                "trace": payload.pack(run, fewshot.load(run.model), new_id()) if finished else None,
            }


@gradio_errors()
def render_strokes(strokes: list[list[list[float]]]) -> dict:
    """Strokes of the pad, points [x, y] in 0..105, to the drawing that the model sees: {"pixels": "<base64>"}."""
    return {"pixels": payload.pack_pixels(payload.read_drawing({"strokes": strokes}))}


@gradio_errors()
def read_picture(picture: str) -> dict:
    """A picture file (PNG, JPEG, WebP, GIF, BMP, TIFF; at most 10 MB) to the drawing that the model sees."""
    if not picture:
        raise InputError("There is no picture: choose a file first.")
    return {"pixels": payload.pack_pixels(omniglot.max_pool(drawing.read_picture(Path(picture).read_bytes())))}


# The page ------------------------------------------------------------------------------------------------------------


def preview(strokes_or_picture: object) -> dict:
    """For the pad: a drawing as the model sees it, {"pixels"}, or {"error"} with a sentence."""
    try:
        return {"pixels": payload.pack_pixels(payload.read_drawing(strokes_or_picture))}
    except FOR_THE_USER as error:
        return {"error": str(error)}


def preview_photo(wish: object) -> dict:
    """For the photographs: a picture file as the models of a task see it, {"pixels"}, or {"error"} with a sentence."""
    try:
        match wish:
            case {"task": str(task), "picture": picture}:
                return {"pixels": payload.pack_photos(payload.read_photo({"picture": picture}, side_of(task)))}
        raise InputError("Which picture to read did not arrive: reload the page.")
    except FOR_THE_USER as error:
        return {"error": str(error)}


def side_of(task: str) -> int:
    """Of the images of a task. Raises CheckpointError."""
    for name in ordered(task) if task in TASKS else []:
        with suppress(CheckpointError):  # another one may not be damaged
            return fewshot.load(name).side
    raise CheckpointError(f"There is no model for '{task}'.")


def steps_of(name: object, inner_steps: object) -> object:
    """The slider's inner steps where the model takes any, which it cannot know."""
    return inner_steps if load(name).adapts else None


def as_trained(name: str) -> Any:
    """The slider of inner steps, put to as many as the model was trained with; as it is for a model that takes none."""
    with suppress(CheckpointError):  # its card on the page says so
        model = load(name)
        if model.adapts:
            return gr.Slider(value=min(model.network.config.inner_steps, INNER_STEPS[1]))
    return gr.skip()


def influence(wish: object) -> dict:
    """For the player: what every support pixel does to one pixel of a run, as payload.pack_influence gives it.

    Or {"error"} with a sentence, or {"busy"} while it is computed for somebody else.
    """
    if not INFLUENCES.acquire(blocking=False):
        return {"busy": True}
    try:
        match wish:
            case {"model": name, "supports": supports, "shots": int(shots), "image": image, "inner_steps": steps}:
                if isinstance(steps, int) and steps > INNER_STEPS[1]:
                    raise InputError(f"Influence is computed through at most {INNER_STEPS[1]} inner steps.")
                supports = payload.unpack_pixels(supports, max(0, min(shots, MAX_SHOTS)))
                pixels = payload.unpack_pixels(image)[0]
                return payload.pack_influence(
                    load(name).influence(pixels, supports, wish.get("row"), wish.get("column"), steps)
                )
        raise InputError("Which pixel to look at did not arrive: reload the page.")
    except FOR_THE_USER as error:
        return {"error": str(error)}
    finally:
        INFLUENCES.release()


def draw_along(wish: object) -> dict:
    """For who is drawing: the whole picture in one chunk, with its "pixels", as the pad shows it too.

    Or {"error"} with a sentence, or {"busy"} if too many are drawing.
    """
    if not ALONG.acquire(blocking=False):
        return {"busy": True}
    try:
        match wish:
            case {"supports": drawings, "shots": shots, "model": model, "temperature": temperature, "seed": seed}:
                steps = steps_of(model, wish.get("inner_steps"))
                *_, run = stream(drawings, shots, model, temperature, seed, steps)
                chunk = payload.pack(run, fewshot.load(run.model), new_id(), steps=STEPS_ALONG)
                return chunk | {"pixels": payload.pack_pixels(run.images[0])}
        raise InputError("What to draw along with did not arrive: reload the page.")
    except FOR_THE_USER as error:
        return {"error": str(error)}
    finally:
        ALONG.release()


def draw(
    pad: object, tray: object, model: str, temperature: float, seed: int, inner_steps: int, fresh: bool
) -> Iterator[tuple[dict, Any]]:
    """Generate was pressed: for the player finished rows as they come, or the sentence that says why not; the seed."""
    if fresh:
        seed = random.randrange(NEW_SEEDS)
    run_id = new_id()
    try:
        steps = steps_of(model, inner_steps)
        match tray if load(model).in_colour else pad:
            case {"photos": given, "beginning": beginning}:
                runs = stream(given, None, model, temperature, seed, steps, beginning)
            case {"supports": given, "shots": shots}:
                runs = stream(given, shots, model, temperature, seed, steps)
            case _:
                raise InputError("The pictures did not arrive: reload the page, they are kept in your browser.")
        for start, run in parts(runs):
            yield PIECES.lighten(payload.pack(run, fewshot.load(run.model), run_id, start)), seed
    except FOR_THE_USER as error:
        yield {"id": run_id, "error": str(error)}, gr.skip()
        raise gr.Error(str(error), print_exception=False) from error


def read_sets() -> list[dict]:
    """The ready-made sets, [{"name", "drawings": [pixels, ...]}, ...]."""
    ready = support_sets.read().items()
    return [{"name": name, "drawings": [payload.pack_pixels(one) for one in drawings]} for name, drawings in ready]


def read_samples() -> dict[str, dict]:
    """By task: the side of its images, and pictures to try it with, [{"name", "photos": [pixels, ...]}, ...]."""
    sides = {}
    for task in TASKS.keys() - {"omniglot"}:
        with suppress(CheckpointError):  # none is shipped, or all are damaged
            sides[task] = side_of(task)
    return {
        task: {
            "side": side,
            "samples": [
                {"name": name, "photos": [payload.pack_photos(view) for view in views]}
                for name, views in photos.samples(task, side).items()
            ],
        }
        for task, side in sides.items()
    }


def example(sets: list[dict]) -> dict:
    """What the player shows first: a run of the default model, or the sentence that says why there is none."""
    drawings = [{"pixels": pixels} for pixels in sets[0]["drawings"][:EXAMPLE_SHOTS]]
    try:
        *_, run = stream(drawings, None, DEFAULT_MODEL, 1.0, EXAMPLE_SEED, None)
        return payload.pack(run, load(DEFAULT_MODEL), new_id()) | {"example": sets[0]["name"]}
    except FOR_THE_USER as error:
        return {"id": new_id(), "error": str(error)}


def model_choice(name: str) -> tuple[str, str]:
    """A model's label, two lines: its title and what it reads. A damaged one says so."""
    try:
        model = fewshot.load(name)
        return f"{model.title}\nReads {model.reads}.", name
    except CheckpointError as error:
        return f"{name}\n{error}", name


def ordered(task: str) -> list[str]:
    """A task's shipped models, from the one that reads least to the one that reads most, then what else is there."""
    order = [f"{task}-{model}" for model in MODELS]
    return sorted(checkpoints.shipped(task), key=lambda name: (*order, name).index(name))


def fits(task: str, name: str) -> bool:
    """Whether the page's pictures of the task have the model's size; a damaged one is shown, and says what it is."""
    with suppress(CheckpointError):
        return load(name).side == side_of(task)
    return True


def model_choices(task: str) -> list[tuple[str, str]]:
    """The models of a task that the page has pictures for, in order."""
    return [model_choice(name) for name in ordered(task) if fits(task, name)]


def models_of(task: str) -> gr.Radio:
    """The models of a task to choose from; the one that attends is chosen."""
    choices = model_choices(task if task in TASKS else "omniglot")
    names = [name for _, name in choices]
    return gr.Radio(choices, value=f"{task}-attention" if f"{task}-attention" in names else names[-1])


def build() -> gr.Blocks:
    """The whole studio: drawings or photographs on the left; the model, the settings and the player on the right."""
    sets = read_sets()
    # Gradio keeps the files that programs upload, unless told how often to look, and how old they may get, in seconds.
    with gr.Blocks(title="Few-shot studio", analytics_enabled=False, delete_cache=(3600, 3600)) as demo:
        gr.HTML(HEADER, apply_default_css=False)
        tasks = [(label, task) for task, label in TASKS.items() if checkpoints.shipped(task)]
        task = gr.Radio(tasks, value="omniglot", show_label=False, elem_id="task", elem_classes="cards")
        with gr.Row(elem_id="columns"):
            with gr.Column(elem_id="teach"):
                pad = SupportPad(sets, server_functions=[preview, draw_along])
                tray = PhotoTray(server_functions=[preview_photo])
            with gr.Column(elem_id="watch"):
                gr.HTML("<h2><b>2</b> Pick who draws</h2>", apply_default_css=False)
                model = ModelCards(
                    model_choices("omniglot"),
                    value=DEFAULT_MODEL,
                    show_label=False,
                    elem_id="model",
                    elem_classes="cards",
                )
                with gr.Row(elem_id="settings"):
                    temperature = gr.Slider(
                        *TEMPERATURES, value=1, step=0.05, label="Temperature", info=HINT, elem_id="temperature"
                    )
                    steps = gr.Slider(
                        *INNER_STEPS,
                        value=1,
                        step=1,
                        label="Practice steps before drawing",
                        elem_id="inner-steps",
                    )
                    seed = gr.Number(0, precision=0, label="Chance number", elem_id="seed")
                    fresh = gr.Checkbox(True, label="a new one for each drawing", elem_id="fresh")
                    go = gr.Button("Generate", variant="primary", elem_id="generate")
                    stop = gr.Button("Stop", interactive=False, elem_id="stop")
                player = Player(example(sets), facts(read_samples()), server_functions=[influence])
        gr.HTML(laboratory(), apply_default_css=False)
        settings = [model, temperature, seed, steps, fresh]
        go.click(None, settings, js=scripts.call("press"), **PRIVATE)
        wire_picture(player, stop, [pad, tray, *settings], [player, seed])
        turned = task.input(models_of, task, model, js=scripts.call("turn"), queue=False, **LAST, **PRIVATE)
        turned.then(None, settings, js=scripts.call("showTask"), **PRIVATE)
        model.input(None, settings, js=scripts.call("showModel"), **PRIVATE)
        seed.input(lambda: False, None, fresh, queue=False, **PRIVATE)  # who types a seed wants that seed
        model.change(as_trained, model, steps, queue=False, **PRIVATE)
        demo.load(None, settings, js=scripts.call("open"), **PRIVATE)
        gr.on([model.change, seed.change, fresh.change], None, settings, js=scripts.call("know"), **PRIVATE)
        by_user = [model.input, temperature.input, seed.input, steps.change]  # or when they chose another model
        gr.on(by_user, None, settings, js=scripts.call("follow"), **PRIVATE)
        add_endpoints()
    return demo


def wire_picture(player: Player, stop: gr.Button, inputs: list[gr.Component], outputs: list[gr.Component]) -> None:
    """The player's "submit" asks for a picture, with values that its script gives; Stop can be pressed meanwhile."""
    player.submit(lambda: gr.Button(interactive=True), None, stop, queue=False, **PRIVATE)
    picture = player.submit(draw, inputs, outputs, js=scripts.call("values"), **PRIVATE, **LIMITS)
    stop.click(None, js=scripts.call("stop"), cancels=[picture], **PRIVATE)
    # `then` follows the last row and a cancel, but no failure.
    for ended, call in ((picture.then, "ended"), (picture.failure, "failed")):
        ended(lambda: gr.Button(interactive=False), None, stop, js=scripts.call(call), queue=False, **PRIVATE)


def add_endpoints() -> None:
    """What programs can call by name, for example through gradio_client."""
    gr.api(generate, api_name="generate", **LIMITS)
    gr.api(render_strokes, api_name="render_strokes")
    file, as_seen = gr.File(visible=False, label="picture"), gr.JSON(visible=False, label="drawing")
    file.upload(read_picture, file, as_seen, api_name="read_picture")


def launch(demo: gr.Blocks, **options: Any) -> tuple[Any, str, str]:
    """Serve the studio on this machine only; ``options`` as for gradio's launch. Returns what that returns."""
    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.stone,
        neutral_hue=gr.themes.colors.stone,
        font=[gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700)), "system-ui", "sans-serif"],
    )
    defaults = {
        "server_name": "127.0.0.1",
        "theme": theme,
        "css_paths": scripts.STYLES,
        "head": scripts.PRELOAD,
        "app_kwargs": {"routes": [PIECES.route, scripts.ROUTE]},
        "favicon_path": scripts.WEB / "icon.svg",
        "footer_links": ["api"],
        "max_file_size": pictures.MAX_BYTES,
        "run_history": False,
        "share": False,
        "ssr_mode": False,
    }
    return demo.launch(**defaults | options)

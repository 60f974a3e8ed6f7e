"""The page: what is on it, and what its buttons do."""

import random
import traceback
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from fewshot import CheckpointError
from fewshot.data import pictures
from fewshot.interface import catalogue, endpoints, scripts
from fewshot.interface.components import ModelCards, PhotoTray, Player, SupportPad, laboratory
from fewshot.interface.endpoints import LIMITS, still_wanted
from fewshot.interface.guard import Guard, is_ours
from fewshot.interface.service import FOR_THE_USER, MOST_INNER_STEPS, SERVICE, new_id
from fewshot.tasks import OMNIGLOT, TASKS

HEADER = """
<header class="masthead">
  <h1>Few-shot studio</h1>
  <p>Teach a machine a new character from a handful of drawings, and watch it draw.</p>
</header>
"""
INNER_STEPS = (0, MOST_INNER_STEPS)  # of the slider
NEW_SEEDS = 10_000  # a new seed is below this: short enough to note down
# Below its range, temperatures leave out strokes: the first pixel of one never has the larger chance.
TEMPERATURES, WILD = (0.8, 1.3), "1: as learnt · high: wild"
GUIDANCES, FAITHFUL, GUIDANCE = (0, 2), "0: as learnt · high: like yours", 0.5
LAST: dict[str, Any] = {"trigger_mode": "always_last"}  # of many in a row
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}  # plumbing of the page


SESSIONS = 500  # that Gradio remembers: the components of theirs that were changed
WAITING = 64  # pictures that can wait for their turn; a class asks for 30 at once
MISFIT = "This is not what is asked for here: see Use via API at the foot of the page."
FAULT = "The studio failed at this; its window says why. Nothing of yours is lost."


class Studio(gr.Blocks):
    """A page of Gradio's that says what went wrong in a sentence, and remembers nobody's pictures."""

    async def process_api(self, *arguments: Any, **options: Any) -> dict[str, Any]:
        try:
            return await super().process_api(*arguments, **options)
        except gr.Error as error:
            error.print_exception = False
            raise
        except Exception as error:
            if is_ours(error):
                traceback.print_exc()
            raise gr.Error(FAULT if is_ours(error) else MISFIT, print_exception=False) from error
        finally:
            # Gradio keeps what every component of a session last had: only for links that it could make to them.
            if (session := options.get("state")) is not None:
                session.config_values.clear()


def draw(
    pad: object, tray: object, model: str, guidance: float, temperature: float, seed: int, inner_steps: int, fresh: bool
) -> Iterator[tuple[dict[str, Any], Any]]:
    """Generate was pressed: for the player finished rows as they come, or the sentence that says why not; the seed."""
    if fresh:
        seed = random.randrange(NEW_SEEDS)
    try:
        for chunk in SERVICE.draw(pad, tray, model, guidance, temperature, seed, inner_steps, still_wanted()):
            yield chunk, seed
    except FOR_THE_USER as error:
        yield {"id": new_id(), "error": str(error)}, gr.skip()
        raise gr.Error(str(error), print_exception=False) from error


def as_trained(name: str) -> Any:
    """The slider of inner steps, put to as many as the model was trained with; as it is for a model that takes none."""
    with suppress(CheckpointError):  # its card on the page says so
        model = catalogue.find(name)
        if model.adapts:
            return gr.Slider(value=min(model.network.config.inner_steps, INNER_STEPS[1]))
    return gr.skip()


def models_of(task: str) -> gr.Radio:
    """The models of a task to choose from; the first that attends is chosen."""
    choices = catalogue.choices(TASKS.get(task, OMNIGLOT))
    return gr.Radio(choices, value=catalogue.first_choice([name for _, name in choices]))


def build() -> gr.Blocks:
    """The whole studio: drawings or photographs on the left; the model, the settings and the player on the right."""
    sets, facts = catalogue.drawn_sets(), catalogue.facts()
    # Gradio keeps the files that programs upload, unless told how often to look, and how old they may get, in seconds.
    with Studio(title="Few-shot studio", analytics_enabled=False, delete_cache=(3600, 3600)) as demo:
        gr.HTML(HEADER, apply_default_css=False)
        tasks = [(f"{task.label}\n{task.line}", task.key) for task in catalogue.tasks()]
        task = gr.Radio(tasks, value=OMNIGLOT.key, show_label=False, elem_id="task", elem_classes="cards")
        with gr.Row(elem_id="columns"):
            with gr.Column(elem_id="teach"):
                pad = SupportPad(sets, server_functions=[SERVICE.preview, SERVICE.draw_along])
                tray = PhotoTray(server_functions=[SERVICE.preview_photo])
            with gr.Column(elem_id="watch"):
                gr.HTML("<h2><b>2</b> Pick who draws</h2>", apply_default_css=False)
                model = ModelCards(
                    catalogue.choices(OMNIGLOT),
                    value=catalogue.DEFAULT_MODEL,
                    show_label=False,
                    elem_id="model",
                    elem_classes="cards",
                )
                with gr.Row(elem_id="settings"):
                    guidance = gr.Slider(
                        *GUIDANCES, value=GUIDANCE, step=0.05, label="Faithfulness", info=FAITHFUL, elem_id="guidance"
                    )
                    temperature = gr.Slider(
                        *TEMPERATURES, value=1, step=0.05, label="Temperature", info=WILD, elem_id="temperature"
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
                player = Player(SERVICE.example(sets[0]), facts, server_functions=[SERVICE.influence])
        gr.HTML(laboratory(), apply_default_css=False)
        settings = [model, guidance, temperature, seed, steps, fresh]
        go.click(None, settings, js=scripts.call("press"), **PRIVATE)
        wire_picture(player, stop, [pad, tray, *settings], [player, seed])
        turned = task.input(models_of, task, model, js=scripts.call("turn"), queue=False, **LAST, **PRIVATE)
        turned.then(None, settings, js=scripts.call("showTask"), **PRIVATE)
        model.input(None, settings, js=scripts.call("showModel"), **PRIVATE)
        seed.input(lambda: False, None, fresh, queue=False, **PRIVATE)  # a seed that is typed is to be used
        model.change(as_trained, model, steps, queue=False, **PRIVATE)
        demo.load(None, settings, js=scripts.call("open"), **PRIVATE)
        gr.on([model.change, seed.change, fresh.change], None, settings, js=scripts.call("know"), **PRIVATE)
        by_user = [
            model.input,
            guidance.input,
            temperature.input,
            seed.input,
            steps.change,
        ]  # or when they chose another model
        gr.on(by_user, None, settings, js=scripts.call("follow"), **PRIVATE)
        endpoints.add()
    return demo.queue(max_size=WAITING)


def wire_picture(player: Player, stop: gr.Button, inputs: list[gr.Component], outputs: list[gr.Component]) -> None:
    """The player's "submit" asks for a picture, with values that its script gives; Stop can be pressed meanwhile."""
    player.submit(lambda: gr.Button(interactive=True), None, stop, queue=False, **PRIVATE)
    picture = player.submit(draw, inputs, outputs, js=scripts.call("values"), **PRIVATE, **LIMITS)
    stop.click(None, js=scripts.call("stop"), cancels=[picture], **PRIVATE)
    # `then` follows the last row and a cancel, but no failure.
    for ended, call in ((picture.then, "ended"), (picture.failure, "failed")):
        ended(lambda: gr.Button(interactive=False), None, stop, js=scripts.call(call), queue=False, **PRIVATE)


def launch(demo: gr.Blocks, **options: Any) -> tuple[Any, str, str]:
    """Serve the studio on this machine only; ``options`` as for gradio's launch. Returns what that returns."""
    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.stone,
        neutral_hue=gr.themes.colors.stone,
        font=[gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700)), "system-ui", "sans-serif"],
    )
    defaults: dict[str, Any] = {
        "server_name": "127.0.0.1",
        "theme": theme,
        "css_paths": scripts.STYLES,
        "head": scripts.PRELOAD,
        "app_kwargs": {"routes": [SERVICE.pieces.route, scripts.ROUTE], "middleware": [Middleware(Guard)]},
        "favicon_path": scripts.WEB / "icon.svg",
        "footer_links": ["api"],
        "max_file_size": pictures.MAX_BYTES,
        "run_history": False,
        "share": False,
        "state_session_capacity": SESSIONS,
        "_frontend": False,  # otherwise it asks itself for the page, and gives up if a busy machine takes 3 s
        "ssr_mode": False,
    }
    return demo.launch(**defaults | options)

"""The page: what is on it, and what its buttons do."""

import traceback
import webbrowser
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Literal

import gradio as gr
from starlette.middleware import Middleware

from fewshot import CheckpointError
from fewshot.api import MAX_SEED
from fewshot.data import pictures
from fewshot.export import web
from fewshot.interface import catalogue, endpoints, lessons, lines, network, scripts, take_home, wall, weights
from fewshot.interface.components import ModelChoice, PhotoTray, Player, SupportPad, Variations, laboratory
from fewshot.interface.controls import FRESH, SEED, SLIDERS
from fewshot.interface.endpoints import who_asks
from fewshot.interface.guard import Guard, is_ours
from fewshot.interface.service import NEW_SEEDS, PLACES, SERVICE
from fewshot.interface.workers import Workers
from fewshot.tasks import OMNIGLOT, TASKS

# Where characters are drawn by models that a browser can draw with: by each visitor's browser, by the server, or by the
# browsers that a trial shows to be fast enough. All else is the server's.
Engine = Literal["auto", "browser", "server"]
LAST: dict[str, Any] = {"trigger_mode": "always_last"}  # of many in a row
THREADS = PLACES + 32  # that wait for pictures, and others
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}  # plumbing of the page


SESSIONS = 500  # that Gradio remembers: the components of theirs that were changed
WAITING = 64  # of programs, pictures that can wait for their turn
MISFIT = "This is not what is asked for here: see For programmers in the menu More."


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
            raise gr.Error(lines.FAULT if is_ours(error) else MISFIT, print_exception=False) from error
        finally:
            # Gradio keeps what every component of a session last had: only for links that it could make to them.
            if (session := options.get("state")) is not None:
                session.config_values.clear()


def influence(wish: Any) -> dict[str, Any]:
    """``Service.influence`` for who asks."""
    return SERVICE.influence(wish, who_asks())


async def preview(strokes_or_picture: object) -> dict[str, Any]:
    """``Service.preview`` for who asks."""
    return await SERVICE.preview(strokes_or_picture, who_asks())


async def trace(wish: Any) -> dict[str, Any]:
    """``Service.trace`` for who asks."""
    return await SERVICE.trace(wish, who_asks())


async def preview_photo(wish: Any) -> dict[str, Any]:
    """``Service.preview_photo`` for who asks."""
    return await SERVICE.preview_photo(wish, who_asks())


def as_trained(name: str) -> Any:
    """The slider of inner steps, put to as many as the model was trained with; as it is for a model that takes none."""
    with suppress(CheckpointError):  # its card on the page says so
        model = catalogue.find(name)
        if model.adapts:
            return gr.Slider(value=min(model.network.config.inner_steps, SLIDERS["inner_steps"].most))
    return gr.skip()


def begun(task: str) -> tuple[gr.Radio, gr.Slider]:
    """The models of a task to choose from, the first that attends being chosen, and the guidance to begin with."""
    its = TASKS.get(task, OMNIGLOT)
    choices = catalogue.choices(its)
    return gr.Radio(choices, value=catalogue.first_choice([name for _, name in choices])), gr.Slider(value=its.guidance)


def restored(kept: Any) -> tuple[Any, ...]:
    """Task, model and settings as the browser kept them, of the last visit or of a recipe, if there still are such."""
    nothing = (gr.skip(),) * 7
    match kept:
        case {"task": str(key), "model": str(name)} if key in TASKS:
            choices = catalogue.choices(TASKS[key])
        case _:
            return nothing
    if name not in [one for _, one in choices]:
        return nothing

    def number(field: str, low: float, high: float) -> Any:
        value = kept.get(field)
        known = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
        return value if known else gr.skip()

    def chosen(field: str) -> Any:
        return number(field, SLIDERS[field].least, SLIDERS[field].most)

    seed = number("seed", 0, MAX_SEED)
    fresh = kept.get("fresh")
    return (
        key,
        gr.Radio(choices, value=name),
        chosen("guidance"),
        chosen("temperature"),
        int(seed) if isinstance(seed, int | float) else seed,
        chosen("inner_steps"),
        fresh if isinstance(fresh, bool) else gr.skip(),
    )


def slider(name: str) -> gr.Slider:
    """The slider of a setting."""
    its = SLIDERS[name]
    elem_id = name.replace("_", "-")
    return gr.Slider(its.least, its.most, its.value, step=its.step, label=its.label, info=its.info, elem_id=elem_id)


def build(engine: Engine = "auto") -> gr.Blocks:
    """The whole studio: on the left what is drawn from, then the picture, on the right what each pixel read.

    ``engine``: where pictures are drawn that a browser can draw, see ``Engine``.
    """
    sets, facts = catalogue.drawn_sets(), catalogue.facts() | {"engine": engine, "new_seeds": NEW_SEEDS}
    # Gradio keeps the files that programs upload, unless told how often to look, and how old they may get, in seconds.
    with Studio(title="Few-shot studio", analytics_enabled=False, delete_cache=(3600, 3600)) as demo:
        with gr.Row(elem_id="head"):
            gr.HTML("<h1>Few-shot studio</h1>", apply_default_css=False)
            tasks = [catalogue.task_choice(task) for task in catalogue.tasks()]
            task = gr.Radio(
                tasks,
                value=OMNIGLOT.key,
                label="What is drawn",
                show_label=False,
                elem_id="task",
                elem_classes="choice",
            )
            gr.HTML(web.read("menu.html"), apply_default_css=False)
        with gr.Row(elem_id="bar"):
            model = ModelChoice(
                catalogue.choices(OMNIGLOT),
                value=catalogue.DEFAULT_MODEL,
                label="Who draws",
                show_label=False,
                elem_id="model",
                elem_classes="choice",
            )
            gr.HTML(web.read("comparing.html"), apply_default_css=False, elem_id="comparing")
            gr.HTML(web.read("settings.html"), apply_default_css=False)
            with gr.Row(elem_id="go"):
                gr.HTML(web.read("views.html"), apply_default_css=False)
                go = gr.Button("Generate", variant="primary", elem_id="generate")
                sixteen = gr.Button("\N{MULTIPLICATION SIGN}16", elem_id="sixteen")
                gr.HTML(web.read("stop.html"), apply_default_css=False)
        gr.HTML('<p id="reads"></p>', apply_default_css=False)
        with gr.Row(elem_id="columns"):
            SupportPad(sets, server_functions=[preview, trace])
            PhotoTray(server_functions=[preview_photo])
            Player(SERVICE.example(sets[0]), facts, server_functions=[influence, SERVICE.open_project])
            gr.HTML(web.read("compare.html"), apply_default_css=False, elem_id="compare")
        many = Variations()
        with gr.Column(elem_id="settings", elem_classes="drawer"):
            guidance, temperature, steps = (slider(name) for name in SLIDERS)
            seed = gr.Number(0, precision=0, label=SEED, elem_id="seed")
            fresh = gr.Checkbox(True, label=FRESH, elem_id="fresh")
        gr.HTML(laboratory(), apply_default_css=False)
        settings = [model, guidance, temperature, seed, steps, fresh]
        kept = gr.JSON(visible=False)
        go.click(None, settings, js=scripts.call("press"), **PRIVATE)
        sixteen.click(None, settings, js=scripts.call("vary"), **PRIVATE)
        many.submit(restored, kept, [task, *settings], js=scripts.call("chosen"), queue=False, **LAST, **PRIVATE)
        many.input(None, None, seed, js=scripts.call("seed"), **PRIVATE)  # of a picture for which any would do
        turned = task.input(begun, task, [model, guidance], js=scripts.call("turn"), queue=False, **LAST, **PRIVATE)
        turned = turned.then(as_trained, model, steps, queue=False, **PRIVATE)
        turned.then(None, settings, js=scripts.call("showTask"), **PRIVATE)
        model.input(None, settings, js=scripts.call("showModel"), **PRIVATE)
        seed.input(lambda: False, None, fresh, queue=False, **PRIVATE)  # a seed that is typed is to be used
        model.input(as_trained, model, steps, queue=False, **PRIVATE)
        opened = demo.load(restored, kept, [task, *settings], js=scripts.call("kept"), queue=False, **PRIVATE)
        opened.then(None, [task, *settings], js=scripts.call("open"), **PRIVATE)
        known = [model.change, guidance.change, temperature.change, seed.change, steps.change, fresh.change]
        gr.on(known, None, settings, js=scripts.call("know"), **PRIVATE)
        by_user = [
            model.input,
            guidance.input,
            temperature.input,
            seed.input,
            steps.change,
        ]  # steps: also with the model
        gr.on(by_user, None, settings, js=scripts.call("follow"), **PRIVATE)
        endpoints.add()
    return demo.queue(max_size=WAITING)


def launch(
    demo: gr.Blocks,
    lan: bool = False,
    allowed_hosts: Iterable[str] = (),
    the_wall: wall.Wall | None = None,
    **options: Any,
) -> tuple[Any, str, str]:
    """Serve the studio on this machine only, or with ``lan`` to the network that it is in.

    ``allowed_hosts`` are other names by which it may be asked; without ``the_wall`` there is none; ``options`` as for
    gradio's launch. Returns what that returns.
    """
    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.stone,
        neutral_hue=gr.themes.colors.stone,
        font=[gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700)), "system-ui", "sans-serif"],
    )
    asked = (scripts, lessons, take_home, weights)
    routes = [*lines.ROUTES, *(module.ROUTE for module in asked), *network.routes(lan)]
    routes += the_wall.routes if the_wall else []
    defaults: dict[str, Any] = {
        "server_name": network.EVERYWHERE if lan else "127.0.0.1",
        "theme": theme,
        "head": scripts.HEAD + (wall.HEAD if the_wall else ""),
        "app_kwargs": {
            "routes": routes,
            "middleware": [Middleware(Guard, hosts=allowed_hosts)],
        },
        "favicon_path": web.WEB / "icon.svg",
        "footer_links": [],
        "max_file_size": pictures.MAX_BYTES,
        "run_history": False,
        "share": False,
        "state_session_capacity": SESSIONS,
        "_frontend": False,  # otherwise it asks itself for the page, and gives up if a busy machine takes 3 s
        "ssr_mode": False,
        "max_threads": THREADS,
    }
    return demo.launch(**defaults | options)


def serve(
    port: int | None, lan: bool, allowed_hosts: Iterable[str], root_path: str, workers: int, engine: Engine
) -> None:
    """Open the studio in the browser, or with ``lan`` its invitation and the wall, and serve it until Ctrl+C.

    ``port``: the first free one from 7860 on if None. ``root_path``: below which a proxy serves it. ``workers``:
    processes that draw; with 0, this one does. ``engine``: as for ``build``. Raises OSError or OverflowError if there
    is no such port.
    """
    with ThreadPoolExecutor(1) as thread:
        starting = thread.submit(Workers, workers) if workers else None
        demo = build(engine)
        SERVICE.workers = starting.result() if starting else None
    the_wall = wall.Wall() if lan else None
    launch(
        demo,
        lan,
        allowed_hosts,
        the_wall,
        server_port=port,
        root_path=root_path,
        inbrowser=not lan,
        quiet=lan,
        prevent_thread_lock=True,
    )
    if the_wall:
        print(network.invitation(demo.server_port, the_wall.entrance), flush=True)
        for path in (the_wall.entrance, network.PATH):  # the last one is seen first
            webbrowser.open(f"http://127.0.0.1:{demo.server_port}/{path}")
    demo.block_thread()

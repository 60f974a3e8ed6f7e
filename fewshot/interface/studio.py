"""The page: what is on it, and what its buttons do."""

import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import gradio as gr

from fewshot import CheckpointError
from fewshot.data import pictures
from fewshot.interface import catalogue, endpoints
from fewshot.interface.components import FILES, STYLES, ModelCards, PhotoTray, Player, SupportPad, laboratory
from fewshot.interface.endpoints import LIMITS
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
TEMPERATURES, HINT = (0.3, 1.5), "low: safe · high: wild"
LAST: dict[str, Any] = {"trigger_mode": "always_last"}  # of many in a row
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}  # plumbing of the page

# Drawing along follows the settings: `know` them, and, if the user had them changed, `follow`; photographs are not
# drawn along.
KNOW = """
(model, temperature, seed, inner_steps) => {
  (window.studio ||= {}).settings = { model, temperature, seed, inner_steps };
}
"""
# What was on the pad when the page was closed is drawn along when it opens. Gradio ignores a click on Generate while
# the last one is at work: `generate` then waits for its end.
OPEN = f"""
(...settings) => {{
  ({KNOW})(...settings);
  window.studio.generate = () => {{
    if (window.studio.drawing) window.studio.again = true;
    else document.querySelector("#generate").click();
  }};
  if (window.studio.pad.now().supports.length) window.studio.along.changed();
}}
"""
# A change that is told of only after Generate has taken it is drawn already.
FOLLOW = f"""
(...settings) => {{
  ({KNOW})(...settings);
  const taken = `${{settings}}` === window.studio.taken;
  window.studio.taken = null;
  if (settings[0].startsWith("omniglot-") && !taken) window.studio.along.changed();
}}
"""
# Another task: its pad or photographs, its models; and at once a picture of what it does. What is being
# drawn for the last one is shown no further.
SWITCH = """
(task) => {
  window.studio.task = task;
  window.studio.again = false;
  window.studio.photos.turn(task);
  window.studio.player.stop();
  return task;
}
"""
SHOW_OFF = """
(task) => {
  const { pad, photos } = window.studio, given = task === "omniglot" ? pad.now().supports : photos.value().photos;
  if (given.length) window.studio.generate();
  else window.studio.player.showExample();
}
"""
# Another model for photographs, which nothing draws along: the picture would stay the old one's.
SHOW_MODEL = """
(model) => {
  if (!model.startsWith("omniglot-") && window.studio.photos.value().photos.length) window.studio.generate();
}
"""
# Before the server hears of a click on Generate: the drawing on the pad joins the tray, and the player gets ready.
BEFORE_GENERATE = """
async (pad, photos, model, temperature, seed, inner_steps, fresh) => {
  window.studio.drawing = true;
  const value = model.startsWith("omniglot-") ? await window.studio.pad.commit() : pad;
  window.studio.along.pause();
  window.studio.taken = `${[model, temperature, seed, inner_steps]}`;
  window.studio.player.expect();
  return [value, window.studio.photos.value(), model, temperature, seed, inner_steps, fresh];
}
"""
# This changes nothing if all rows have come. A cancelled picture ends twice, at once: by `then` and by `failure`.
AFTER_GENERATE = """
() => {
  const { again } = window.studio;
  Object.assign(window.studio, { drawing: false, again: false });
  window.studio.player.stop();
  window.studio.along.resume();
  if (again) setTimeout(window.studio.generate, 200);
}
"""
STOP = f"() => {{ window.studio.again = false; ({AFTER_GENERATE})(); }}"


def draw(
    pad: object, tray: object, model: str, temperature: float, seed: int, inner_steps: int, fresh: bool
) -> Iterator[tuple[dict[str, Any], Any]]:
    """Generate was pressed: for the player finished rows as they come, or the sentence that says why not; the seed."""
    if fresh:
        seed = random.randrange(NEW_SEEDS)
    try:
        for chunk in SERVICE.draw(pad, tray, model, temperature, seed, inner_steps):
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
    with gr.Blocks(title="Few-shot studio", analytics_enabled=False, delete_cache=(3600, 3600)) as demo:
        gr.HTML(HEADER, apply_default_css=False)
        tasks = [(f"{task.label}\n{task.line}", task.key) for task in catalogue.tasks()]
        task = gr.Radio(tasks, value=OMNIGLOT.key, show_label=False, elem_id="task", elem_classes="cards")
        with gr.Row(elem_id="columns"):
            with gr.Column(elem_id="teach"):
                pad = SupportPad(sets, server_functions=[SERVICE.preview, SERVICE.draw_along])
                trays = {key: task for key, task in facts["tasks"].items() if not task["drawn"]}
                tray = PhotoTray(trays, server_functions=[SERVICE.preview_photo])
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
                    temperature = gr.Slider(
                        *TEMPERATURES, value=1, step=0.05, label="Temperature", info=HINT, elem_id="temperature"
                    )
                    steps = gr.Slider(
                        *INNER_STEPS,
                        value=1,
                        step=1,
                        label="Inner steps",
                        elem_id="inner-steps",
                    )
                    seed = gr.Number(0, precision=0, label="Seed", elem_id="seed")
                    fresh = gr.Checkbox(True, label="new each time", elem_id="fresh")
                    go = gr.Button("Generate", variant="primary", elem_id="generate")
                    stop = gr.Button("Stop", interactive=False, elem_id="stop")
                player = Player(SERVICE.example(sets[0]), facts, server_functions=[SERVICE.influence])
        gr.HTML(laboratory(), apply_default_css=False)
        wire_buttons(go, stop, [pad, tray, model, temperature, seed, steps, fresh], [player, seed])
        turned = task.input(models_of, task, model, js=SWITCH, queue=False, **LAST, **PRIVATE)
        turned.then(None, task, js=SHOW_OFF, **PRIVATE)
        model.input(None, model, js=SHOW_MODEL, **PRIVATE)
        seed.input(lambda: False, None, fresh, queue=False, **PRIVATE)  # a seed that is typed is to be used
        model.change(as_trained, model, steps, queue=False, **PRIVATE)
        settings = [model, temperature, seed, steps]
        demo.load(None, settings, js=OPEN, **PRIVATE)
        gr.on([model.change, seed.change], None, settings, js=KNOW, **PRIVATE)
        by_user = [model.input, temperature.input, seed.input, steps.change]  # or when they chose another model
        gr.on(by_user, None, settings, js=FOLLOW, **PRIVATE)
        endpoints.add()
    return demo


def wire_buttons(go: gr.Button, stop: gr.Button, inputs: list[gr.Component], outputs: list[gr.Component]) -> None:
    """Generate draws, and Stop can be pressed meanwhile."""
    go.click(lambda: gr.Button(interactive=True), None, stop, queue=False, **PRIVATE)
    picture = go.click(draw, inputs, outputs, js=BEFORE_GENERATE, **PRIVATE, **LIMITS)
    stop.click(None, js=STOP, cancels=[picture], **PRIVATE)
    for ended in (picture.then, picture.failure):  # `then` follows the last row and a cancel, but no failure
        ended(lambda: gr.Button(interactive=False), None, stop, js=AFTER_GENERATE, queue=False, **PRIVATE)


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
        "css_paths": STYLES,
        "app_kwargs": {"routes": [SERVICE.pieces.route]},
        "favicon_path": FILES / "icon.svg",
        "footer_links": ["api"],
        "max_file_size": pictures.MAX_BYTES,
        "run_history": False,
        "share": False,
        "ssr_mode": False,
    }
    return demo.launch(**defaults | options)

"""What programs can call by name while the studio runs, for example through gradio_client."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.context import LocalContext

from fewshot import InputError, payload
from fewshot.interface import catalogue, temporary
from fewshot.interface.components import SentFile
from fewshot.interface.service import FOR_THE_USER, PLACES, SERVICE, new_id
from fewshot.interface.workers import Asker, always
from fewshot.tasks import OMNIGLOT

LIMITS: dict[str, Any] = {"concurrency_limit": PLACES, "concurrency_id": "model"}


@contextmanager
def gradio_errors() -> Iterator[None]:
    """FOR_THE_USER errors inside reach the user."""
    try:
        yield
    except FOR_THE_USER as error:
        raise gr.Error(str(error), print_exception=False) from error


def who_asks() -> Asker:
    """Whose request is being answered here, and whether they still wait for it."""
    request, blocks = LocalContext.request.get(None), LocalContext.blocks.get(None)
    events = blocks._queue.event_ids_to_events if blocks else {}
    event = events.get(LocalContext.event_id.get(None) or "")
    client = request.client.host if request and request.client else ""
    return Asker(client, always if event is None else lambda: event.alive)


def generate(
    supports: list[dict],
    model: str = catalogue.DEFAULT_MODEL,
    shots: int | None = None,
    temperature: float = 1.0,
    seed: int = 0,
    inner_steps: int | None = None,
    beginning: dict | None = None,
    guidance: float = 0.0,
    cut: float = 0.0,
    samples: int = 1,
) -> Iterator[dict]:
    """Draw new 26x26 images of the character that up to eight drawings show, or of photographs, in colour.

    supports: drawings of one character, each {"strokes": [[[x, y], ...], ...]} in 0..105, {"picture": "<base64 of a
    file>"}, or {"pixels": ...} as the other endpoints return it; for a model whose name begins with "mirror" one
    photograph, of "products" up to eight, each {"picture": ...}. shots: how many drawings are used; all if null.
    inner_steps: of Meta and Attentive Meta PixelCNN, 0..10, as in training if null; null for the others. beginning: a
    drawing or a photograph, as above, of which the first "rows" are given, {"picture": ..., "rows": number}, for the
    model to draw the rest. guidance: 0..4: above 0, pictures come closer to the supports, and are no samples of the
    model. cut: 0..0.25: chances below it are taken as 0, and those above its complement as 1. samples: how many
    pictures, 1..64; picture n is the one that seed + n draws alone.
    Gives the growing pictures after 1, 2, 4, 8, 16, 32 and all "rows" (iterate over client.submit; predict returns the
    last): "images", a list of each picture's rows, 0 where nothing is drawn yet; of the first also "image", its rows,
    and "probabilities" (of ink, or of the pixel's colour), and at the end "trace", which also has the attention of
    every pixel: its format is described in fewshot/payload.py, and payload.unpack reads it.
    """
    asker = who_asks()
    asked = (supports, model, shots, temperature, seed, inner_steps, beginning, guidance, cut, samples)
    with gradio_errors(), SERVICE.place(asker):
        yield from SERVICE.generate(*asked, new_id(), asker)


@gradio_errors()
def render_strokes(strokes: list[list[list[float]]]) -> dict:
    """Strokes of the pad, points [x, y] in 0..105, to the drawing that the model sees: {"pixels": "<base64>"}."""
    image = payload.read_image({"strokes": strokes}, OMNIGLOT, OMNIGLOT.side)
    return {"pixels": payload.pack_images(image, OMNIGLOT.channels)}


@gradio_errors()
def read_picture(picture: str) -> dict:
    """A picture file (PNG, JPEG, WebP, GIF, BMP, TIFF; at most 10 MB) to the drawing that the model sees."""
    if not picture:
        raise InputError("There is no picture: choose a file first.")
    try:
        data = Path(picture).read_bytes()
    except OSError as error:  # somebody else sent the same picture, and it was read already
        raise InputError("The picture is not here any more: please send it again.") from error
    temporary.used(Path(picture))
    with SERVICE.turn_to_read(who_asks()):
        image = OMNIGLOT.read_picture(data, OMNIGLOT.side)
    return {"pixels": payload.pack_images(image, OMNIGLOT.channels)}


def add() -> None:
    """Add the endpoints to the page that is being built."""
    gr.api(generate, api_name="generate", **LIMITS)
    gr.api(render_strokes, api_name="render_strokes")
    file, as_seen = SentFile(visible=False, label="picture"), gr.JSON(visible=False, label="drawing")
    file.upload(read_picture, file, as_seen, api_name="read_picture")

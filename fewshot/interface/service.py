"""What the page and programs ask the models for, and the limits within which they get it. Knows nothing of Gradio."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from itertools import count
from threading import BoundedSemaphore
from typing import Any
from uuid import uuid4

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from fewshot import CheckpointError, FewShotModel, InputError, Run
from fewshot.data.episodes import MAX_SHOTS
from fewshot.data.pictures import PictureError
from fewshot.interface import catalogue, payload
from fewshot.interface.files import PieceFiles
from fewshot.interface.turns import Turns
from fewshot.memory import trim
from fewshot.tasks import OMNIGLOT

FOR_THE_USER = (InputError, CheckpointError, PictureError)  # errors whose message is one sentence for the user
MOST_INNER_STEPS = 5  # of the page
EXAMPLE_SEED = 5
CUT = 0.01  # chances that a guided picture of the page leaves out: no stray pixel comes from the tail
STEPS_ALONG = 15  # of attention in pictures that are drawn along: what the eye sees while the hand moves

Answer = dict[str, Any]
Wanted = Callable[[], bool]  # whether somebody still waits for a picture


def new_id() -> str:
    """The name of a run, by which the player tells a new one from more rows of the same."""
    return uuid4().hex


def always() -> bool:
    return True


def parts(runs: Iterator[Run]) -> Iterator[tuple[int, Run]]:
    """(row where the part starts, run) after rows 1, 2, 4, 8, ... and all: the first at once, and few messages."""
    sent = 0
    for run in runs:
        if run.rows >= 2 * sent or run.rows == run.images.shape[1]:
            yield sent, run
            sent = run.rows


def in_a_sentence(method: Callable[..., Answer]) -> Callable[..., Answer]:
    """The method's answer; where it raises FOR_THE_USER, {"error"} with the sentence."""

    @wraps(method)
    def answer(*arguments: Any) -> Answer:
        try:
            return method(*arguments)
        except FOR_THE_USER as error:
            return {"error": str(error)}

    return answer


class Service:
    """One machine's models. Everybody may ask at the same time.

    Numpy holds the interpreter for most of a pixel's many small steps: two threads that draw at once need up to 1.8
    times as long as one after the other. So they take turns, a row each: first those who have no row yet, then in the
    order in which they came. Picture files take turns too; of those that wait for a preview, only the first is in line,
    so that many of them do not keep a drawing waiting, nor the threads that draw. ``along`` and ``influences`` are how
    many may draw along, and have influence computed, at a time; no queue holds these back. No influence is urgent, and
    one on eight drawings takes up to 1 GB.
    """

    def __init__(self, along: int = 2, influences: int = 1):
        self.turns, self.arrivals = Turns(), count()
        self.along, self.influences = BoundedSemaphore(along), BoundedSemaphore(influences)
        self.previews = CapacityLimiter(1)  # picture files at a time
        self.pieces = PieceFiles()

    @contextmanager
    def turn_to_read(self) -> Iterator[None]:
        """Around the reading of one picture file."""
        with self.turns.at((True, next(self.arrivals))):
            yield

    def stream(
        self,
        model: FewShotModel,
        given: object,
        shots: object,
        temperature: Any,
        seed: Any,
        inner_steps: Any,
        beginning: object = None,
        guidance: Any = 0.0,
        cut: Any = 0.0,
        wanted: Wanted = always,
    ) -> Iterator[Run]:
        """Draw one picture: the growing run after each row, up to the last, or while it is ``wanted``.

        ``given`` are supports as in ``payload``. For a task that is drawn, ``shots`` says how many of them are used;
        for the others, the ``beginning`` of the picture may be given. Raises FOR_THE_USER.
        """
        if shots is not None and not model.task.drawn:
            raise InputError("How many are used can be chosen of drawings only: leave shots out.")
        if beginning is not None and model.task.drawn:
            raise InputError("Only a photograph can be begun with: leave the beginning out.")
        supports = payload.read_supports(given, model.task, model.side, shots, self.turn_to_read)
        prefix = payload.read_beginning(beginning, model.task, model.side, self.turn_to_read)
        rows = model.stream(supports, 1, seed, temperature, prefix, inner_steps, guidance, cut)
        run, number = None, next(self.arrivals)
        while run is None or run.rows < run.images.shape[1]:
            with self.turns.at((run is not None, number)):
                if not wanted():
                    return
                run = next(rows)
            yield run

    def draw(
        self,
        pad: object,
        tray: object,
        name: object,
        guidance: object,
        temperature: object,
        seed: object,
        inner_steps: object,
        wanted: Wanted = always,
    ) -> Iterator[Answer]:
        """For the player: finished rows of a picture as they come, in chunks of one id, while it is ``wanted``.

        ``pad`` and ``tray`` are the values of the two, of which the model's task uses one. A model that takes no
        ``inner_steps``, or cannot be guided, ignores these: the page's sliders cannot know. Raises FOR_THE_USER.
        """
        model, run_id = catalogue.find(name), new_id()
        steps = inner_steps if model.adapts else None
        guided = _guided(model, guidance)
        match pad if model.task.drawn else tray:
            case {"photos": given, "beginning": beginning}:
                runs = self.stream(model, given, None, temperature, seed, steps, beginning, *guided, wanted)
            case {"supports": given, "shots": shots}:
                runs = self.stream(model, given, shots, temperature, seed, steps, None, *guided, wanted)
            case _:
                raise InputError("The pictures did not arrive: reload the page, they are kept in your browser.")
        for start, run in parts(runs):
            yield self.pieces.lighten(payload.pack(run, run_id, start))

    @in_a_sentence
    def draw_along(self, wish: Any) -> Answer:
        """While the user draws: the whole picture in one chunk, with its "pixels", which the pad shows too.

        Or {"error"} with a sentence, or {"busy"} if too many are drawing.
        """
        match wish:
            case {"supports": drawings, "shots": shots, "model": name, "temperature": temperature, "seed": seed}:
                if not self.along.acquire(blocking=False):
                    return {"busy": True}
                try:
                    model = catalogue.find(name)
                    steps = wish.get("inner_steps") if model.adapts else None
                    guided = _guided(model, wish.get("guidance", 0.0))
                    *_, run = self.stream(model, drawings, shots, temperature, seed, steps, None, *guided)
                    chunk = payload.pack(run, new_id(), steps=STEPS_ALONG)
                    return chunk | {"pixels": payload.pack_images(run.images[0], model.facts.channels)}
                finally:
                    self.along.release()
        raise InputError("What to draw along with did not arrive: reload the page.")

    @in_a_sentence
    def influence(self, wish: Any) -> Answer:
        """For the player: what every support pixel does to one pixel of a run, as payload.pack_influence gives it.

        Or {"error"} with a sentence, or {"busy"} while it is computed for somebody else.
        """
        match wish:
            case {"model": name, "supports": supports, "shots": shots, "image": image, "inner_steps": steps}:
                if not self.influences.acquire(blocking=False):
                    return {"busy": True}
                try:
                    if isinstance(steps, int | float) and steps > MOST_INNER_STEPS:
                        raise InputError(f"Influence is computed through at most {MOST_INNER_STEPS} inner steps.")
                    if isinstance(shots, bool) or not isinstance(shots, int) or not 0 <= shots <= MAX_SHOTS:
                        raise InputError(f"Shots must be a whole number from 0 to {MAX_SHOTS}.")
                    model = catalogue.find(name)
                    supports = payload.unpack_images(supports, model.task, model.side, shots)
                    (pixels,) = payload.unpack_images(image, model.task, model.side)
                    maps = model.influence(pixels, supports, wish.get("row"), wish.get("column"), steps)
                    return payload.pack_influence(maps)
                finally:
                    self.influences.release()
                    trim()
        raise InputError("Which pixel to look at did not arrive: reload the page.")

    async def preview(self, strokes_or_picture: object) -> Answer:
        """For the pad: a drawing as the model sees it, {"pixels"}, or {"error"} with a sentence."""
        is_file = isinstance(strokes_or_picture, dict) and "picture" in strokes_or_picture
        return await run_sync(self._seen, strokes_or_picture, OMNIGLOT.key, limiter=self.previews if is_file else None)

    async def preview_photo(self, wish: Any) -> Answer:
        """For the tray: a picture file as the models of a task see it, {"pixels"}, or {"error"} with a sentence."""
        match wish:
            case {"task": key, "picture": picture}:
                return await run_sync(self._seen, {"picture": picture}, key, limiter=self.previews)
        return {"error": "Which picture to read did not arrive: reload the page."}

    @in_a_sentence
    def _seen(self, given: object, key: object) -> Answer:
        """What the models of a task see of a support."""
        task = catalogue.find_task(key)
        image = payload.read_image(given, task, task.side, self.turn_to_read)
        return {"pixels": payload.pack_images(image, task.channels)}

    def example(self, ready_made: dict[str, Any]) -> Answer:
        """What the player shows first: what the default model draws of one of ``catalogue.drawn_sets``.

        Or {"error"} with the sentence that says why there is nothing to show.
        """
        drawings = [{"pixels": pixels} for pixels in ready_made["drawings"][: OMNIGLOT.shots]]
        try:
            *_, run = self.stream(catalogue.find(catalogue.DEFAULT_MODEL), drawings, None, 1.0, EXAMPLE_SEED, None)
            return payload.pack(run, new_id()) | {"example": ready_made["name"]}
        except FOR_THE_USER as error:
            return {"id": new_id(), "error": str(error)}


def _guided(model: FewShotModel, guidance: object) -> tuple[object, float]:
    """Guidance and cut of a picture of the page."""
    asked = guidance if model.facts.guides else 0.0
    return asked, CUT if asked else 0.0


SERVICE = Service()  # of this process: everybody draws on its processor

"""What the page and programs ask the models for, and the limits within which they get it. Knows nothing of Gradio."""

from collections.abc import Callable, Iterator
from functools import wraps
from itertools import count
from threading import BoundedSemaphore
from typing import Any
from uuid import uuid4

from fewshot import CheckpointError, FewShotModel, InputError, Run, payload
from fewshot.data.episodes import MAX_SHOTS
from fewshot.data.pictures import PictureError
from fewshot.export.formats import files
from fewshot.export.formats import find as find_format
from fewshot.interface import catalogue
from fewshot.interface.files import PieceFiles
from fewshot.interface.project import read_project
from fewshot.interface.turns import Turns
from fewshot.tasks import OMNIGLOT

FOR_THE_USER = (InputError, CheckpointError, PictureError)  # errors whose message is one sentence for the user
MOST_INNER_STEPS = 5  # of the page
EXAMPLE_SEED = 5
CUT = 0.01  # chances that a guided picture of the page leaves out: no stray pixel comes from the tail
PATIENCE = 20  # seconds that a file may wait for others' files
STEPS_ALONG = 15  # of attention in pictures that are drawn along: what the eye sees while the hand moves

Answer = dict[str, Any]


def new_id() -> str:
    """The name of a run, by which the player tells a new one from more rows of the same."""
    return uuid4().hex


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
    order in which they came. ``along`` and ``influences`` are how many may draw along, and have influence computed, at
    a time; no queue holds these back. No influence is urgent, and five steps on eight drawings take 2 GB.
    """

    def __init__(self, along: int = 2, influences: int = 1, files: int = 1):
        self.turns, self.arrivals = Turns(), count()
        self.along, self.influences = BoundedSemaphore(along), BoundedSemaphore(influences)
        self.files = BoundedSemaphore(files)
        self.pieces = PieceFiles()

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
    ) -> Iterator[Run]:
        """Draw one picture: the growing run after each row. Raises FOR_THE_USER.

        ``given`` are supports as in ``payload``. For a task that is drawn, ``shots`` says how many of them are used;
        for the others, the ``beginning`` of the picture may be given.
        """
        if shots is not None and not model.task.drawn:
            raise InputError("How many are used can be chosen of drawings only: leave shots out.")
        if beginning is not None and model.task.drawn:
            raise InputError("Only a photograph can be begun with: leave the beginning out.")
        supports = payload.read_supports(given, model.task, model.side, shots)
        prefix = payload.read_beginning(beginning, model.task, model.side)
        rows = model.stream(supports, 1, seed, temperature, prefix, inner_steps, guidance, cut)
        run, number = None, next(self.arrivals)
        while run is None or run.rows < run.images.shape[1]:
            with self.turns.at((run is not None, number)):
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
    ) -> Iterator[Answer]:
        """For the player: finished rows of a picture as they come, in chunks of one id. Raises FOR_THE_USER.

        ``pad`` and ``tray`` are the values of the two, of which the model's task uses one. A model that takes no
        ``inner_steps``, or cannot be guided, ignores these: the page's sliders cannot know.
        """
        model, run_id = catalogue.find(name), new_id()
        steps = inner_steps if model.adapts else None
        guided = _guided(model, guidance)
        match pad if model.task.drawn else tray:
            case {"photos": given, "beginning": beginning}:
                runs = self.stream(model, given, None, temperature, seed, steps, beginning, *guided)
            case {"supports": given, "shots": shots}:
                runs = self.stream(model, given, shots, temperature, seed, steps, None, *guided)
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
            case {"model": name, "supports": supports, "shots": int(shots), "image": image, "inner_steps": steps}:
                if not self.influences.acquire(blocking=False):
                    return {"busy": True}
                try:
                    if isinstance(steps, int) and steps > MOST_INNER_STEPS:
                        raise InputError(f"Influence is computed through at most {MOST_INNER_STEPS} inner steps.")
                    model = catalogue.find(name)
                    number = max(0, min(shots, MAX_SHOTS))
                    supports = payload.unpack_images(supports, model.task, model.side, number)
                    (pixels,) = payload.unpack_images(image, model.task, model.side)
                    maps = model.influence(pixels, supports, wish.get("row"), wish.get("column"), steps)
                    return payload.pack_influence(maps)
                finally:
                    self.influences.release()
        raise InputError("Which pixel to look at did not arrive: reload the page.")

    def take_home(self, wish: Any) -> tuple[str, str, bytes]:
        """A picture as a file: (name, media type, content). It is drawn again, with its own noise: nothing is kept.

        ``wish``: {"format": a key of FORMATS, "model", "supports": as in ``payload``, "beginning": as there or None,
        "seed", "temperature", "guidance", "cut", "inner_steps"}. Raises FOR_THE_USER.
        """
        if not isinstance(wish, dict):
            raise InputError("What to save did not arrive: reload the page.")
        asked, model = find_format(wish.get("format")), catalogue.find(wish.get("model"))
        if not self.files.acquire(timeout=PATIENCE):
            raise InputError("Others are saving at the moment: please try again.")
        try:
            chances = (wish.get("temperature"), wish.get("seed"), wish.get("inner_steps"))
            guided = (wish.get("beginning"), wish.get("guidance", 0.0), wish.get("cut", 0.0))
            *_, run = self.stream(model, wish.get("supports"), None, *chances, *guided)
            for name, data in files(run, [wish["format"]]):
                return name, asked.media, data
            raise InputError(f"{asked.label}: there is none of this picture.")
        finally:
            self.files.release()

    @in_a_sentence
    def open_project(self, project: Any) -> Answer:
        """A project file or a link, checked: see ``project``. Or {"error"} with a sentence."""
        return read_project(project)

    @in_a_sentence
    def preview(self, strokes_or_picture: object) -> Answer:
        """For the pad: a drawing as the model sees it, {"pixels"}, or {"error"} with a sentence."""
        image = payload.read_image(strokes_or_picture, OMNIGLOT, OMNIGLOT.side)
        return {"pixels": payload.pack_images(image, OMNIGLOT.channels)}

    @in_a_sentence
    def preview_photo(self, wish: Any) -> Answer:
        """For the tray: a picture file as the models of a task see it, {"pixels"}, or {"error"} with a sentence."""
        match wish:
            case {"task": key, "picture": picture}:
                task = catalogue.find_task(key)
                image = payload.read_image({"picture": picture}, task, task.side)
                return {"pixels": payload.pack_images(image, task.channels)}
        raise InputError("Which picture to read did not arrive: reload the page.")

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

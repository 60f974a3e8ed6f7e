"""What the page and programs ask the models for, and the limits within which they get it. Knows nothing of Gradio."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial, wraps
from itertools import count
from threading import BoundedSemaphore, Condition, Lock
from typing import Any
from uuid import uuid4
from weakref import WeakValueDictionary

import numpy as np
from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from fewshot import CheckpointError, FewShotModel, InputError, Run, payload
from fewshot.api import Recipe
from fewshot.data.episodes import MAX_SHOTS
from fewshot.data.pictures import PictureError
from fewshot.export.formats import files
from fewshot.export.formats import find as find_format
from fewshot.interface import catalogue
from fewshot.interface.project import read_project
from fewshot.interface.together import Together
from fewshot.interface.turns import Turns
from fewshot.interface.workers import NOBODY, Asker, LostError, Workers, by_worker
from fewshot.memory import trim
from fewshot.tasks import OMNIGLOT

FOR_THE_USER = (
    InputError,
    CheckpointError,
    PictureError,
    LostError,
)  # errors whose message is one sentence for the user
MOST_INNER_STEPS = 5  # of the page
EXAMPLE_SEED = 5
NEW_SEEDS = 10_000  # a new seed is below this: short enough to note down
PLACES, PLACES_OF_ONE = 64, 40  # pictures under way, of all programs and of one client: a class may share an address
MOST_UNDER_WAY = 2 * PLACES  # those that the page asked for, and those of programs, which PLACES bounds
PAGE_NAME = 40  # characters
READ_ANYWAY = 0.5  # seconds after which a picture file is read though there are pictures being drawn
MOST_COMPARED = 5  # models
MOST_SETS = 16  # that a drawing is looked for in
PATIENCE = 20  # seconds that a file may wait for others' files
AT_ONCE = 8  # pictures that are drawn along in one go: more take too much memory for their attention
STEPS_ALONG = 15  # of attention in pictures that are drawn along: what the eye sees while the hand moves
STEPS_OF_EXAMPLE = 51  # with 255, it is twice as large, a sixth of all that a page fetches

Answer = dict[str, Any]


def new_id() -> str:
    """The name of a run, by which the player tells a new one from more rows of the same."""
    return uuid4().hex


def new_seed() -> int:
    """A seed for a picture whose user wants any."""
    return random.randrange(NEW_SEEDS)


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
    times as long as one after the other. So they take turns, a row each, which go round between clients; a client's go
    first to pictures that have no row yet, then in the order in which they came. To read a picture file takes as long
    as to draw many rows, so that it waits for its turn until nothing is drawn, or READ_ANYWAY is over. Of the files
    that wait for a preview, only the first is in line, and behind it one of each other client: the others hold no
    thread, and those of one client keep no other waiting. Where there are ``workers``, each of
    these processes has a service of its own, and works for this one. ``along`` and ``influences`` are how many may draw
    along, and have influence computed, at a time; no queue holds these back. No influence is urgent, and one on eight
    drawings takes up to 1 GB. ``many`` is how many may have variations drawn: each holds one of the server's threads.
    """

    def __init__(self, along: int = PLACES, influences: int = 1, many: int = 8, files: int = 1):
        self.turns, self.arrivals = Turns(), count()
        self.along, self.influences = BoundedSemaphore(along), BoundedSemaphore(influences)
        self.many, self.files = BoundedSemaphore(many), BoundedSemaphore(files)
        self.previews = CapacityLimiter(1)  # picture files at a time
        self.previews_of: WeakValueDictionary[str, CapacityLimiter] = WeakValueDictionary()  # in line, by client
        self.together = Together(AT_ONCE)
        self.workers: Workers | None = None
        self._lock, self._under_way = Lock(), Counter[str]()  # pictures, by client
        self._ended, self._drawing = Condition(), 0  # pictures here
        self._newest: dict[tuple[str, str], object] = {}  # by client and page, what is drawn along for it

    @contextmanager
    def place(self, asker: Asker) -> Iterator[None]:
        """Around a picture that is drawn for a client. Raises InputError if there are enough for it."""
        with self._lock:
            if self._under_way[asker.client] >= PLACES_OF_ONE:
                raise InputError("Too many pictures are being drawn for you at once: please wait for one of them.")
            if self._under_way.total() >= MOST_UNDER_WAY:
                raise InputError("Too many pictures are being drawn at once: please try again in a moment.")
            self._under_way[asker.client] += 1
        try:
            yield
        finally:
            with self._lock:
                self._under_way[asker.client] -= 1
                if not self._under_way[asker.client]:
                    del self._under_way[asker.client]

    @contextmanager
    def turn_to_read(self, asker: Asker) -> Iterator[None]:
        """Around the reading of one picture file."""
        with self._ended:
            self._ended.wait_for(lambda: not self._drawing, READ_ANYWAY)
        with self.turns.at((True, next(self.arrivals)), asker.client):
            yield

    @contextmanager
    def _while_drawing(self) -> Iterator[None]:
        with self._ended:
            self._drawing += 1
        try:
            yield
        finally:
            with self._ended:
                self._drawing -= 1
                self._ended.notify_all()

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
        samples: Any = 1,
        trace: bool = True,
        asker: Asker = NOBODY,
    ) -> Iterator[Run]:
        """Draw pictures of one recipe: the growing run after each row, while it is wanted. Raises FOR_THE_USER.

        ``given`` are supports as in ``payload``. For a task that is drawn, ``shots`` says how many of them are used.
        The ``beginning`` of the pictures may be given. Without ``trace`` runs have no attention.
        """
        asked = given, shots, temperature, seed, inner_steps, beginning, guidance, cut, samples, trace
        recipe = self._recipe(model, *asked, asker)
        for (run,) in self._in_turns(model.stream_each([recipe]), asker):
            yield run

    def _recipe(
        self,
        model: FewShotModel,
        given: object,
        shots: object,
        temperature: Any,
        seed: Any,
        inner_steps: Any,
        beginning: object,
        guidance: Any,
        cut: Any,
        samples: Any,
        trace: bool,
        asker: Asker,
    ) -> Recipe:
        """What ``stream`` takes, read and checked."""
        if shots is not None and not model.task.drawn:
            raise InputError("How many are used can be chosen of drawings only: leave shots out.")
        turn = partial(self.turn_to_read, asker)
        supports = payload.read_supports(given, model.task, model.side, shots, turn)
        # One that was trained without, too, would draw anything: no answer to who forgot to give it something.
        if not len(supports) and model.facts.needs_supports:
            raise model.nothing_to_read()
        prefix = payload.read_beginning(beginning, model.task, model.side, turn)
        return model.recipe(supports, samples, seed, temperature, prefix, inner_steps, guidance, cut, trace)

    def _in_turns(self, rows: Iterator[list[Run]], asker: Asker) -> Iterator[list[Run]]:
        """Runs that grow by a row at a time, each row when it is its turn, while they are wanted."""
        runs, number = None, next(self.arrivals)
        with self._while_drawing():
            while runs is None or runs[0].rows < runs[0].images.shape[1]:
                with self.turns.at((runs is not None, number), asker.client):
                    if not asker.wanted():
                        return
                    runs = next(rows)
                yield runs

    def _whole(self, model: FewShotModel, asked: list[tuple[Recipe, Asker]]) -> list[Answer | None]:
        """The whole pictures of recipes of one company, drawn at once, each in a chunk for the pad.

        None where one was not wanted any more.
        """
        wanted = [asker.wanted() for _, asker in asked]
        going = [one for one, want in zip(asked, wanted, strict=True) if want]
        runs: list[Run] = []
        if going:
            anybody = Asker(going[0][1].client, lambda: any(asker.wanted() for _, asker in going))
            *_, runs = [runs, *self._in_turns(model.stream_each([recipe for recipe, _ in going]), anybody)]
            trim()  # each thread would keep what it took for the caches of several pictures
        # Packed here, and not each by the thread that asked: these would hold the interpreter while others draw.
        packed: list[Answer | None] = [_for_the_pad(run) for run in runs if run.rows == model.side]
        finished = iter(packed or [None] * len(going))
        return [next(finished) if want else None for want in wanted]

    @by_worker
    def generate(
        self,
        given: object,
        name: object,
        shots: object,
        temperature: object,
        seed: object,
        inner_steps: object,
        beginning: object,
        guidance: object,
        cut: object,
        samples: object,
        run_id: str,
        asker: Asker,
    ) -> Iterator[Answer]:
        """For programs: what ``endpoints.generate`` gives. Raises FOR_THE_USER."""
        model = catalogue.find(name)
        asked = (given, shots, temperature, seed, inner_steps, beginning, guidance, cut, samples)
        for _, run in parts(self.stream(model, *asked, asker=asker)):
            yield {
                "rows": run.rows,
                "images": run.images.tolist(),
                "image": run.images[0].tolist(),
                "probabilities": run.probabilities[0].tolist(),
                "trace": payload.pack(run, run_id) if run.rows == run.images.shape[1] else None,
            }

    def draw(
        self,
        pad: object,
        tray: object,
        name: object,
        guidance: object,
        temperature: object,
        seed: object,
        inner_steps: object,
        asker: Asker = NOBODY,
    ) -> Iterator[Answer]:
        """For the player: finished rows of a picture as they come, in chunks of one id, while its asker wants them.

        ``pad`` and ``tray`` are the values of the two, of which the model's task uses one. A model that takes no
        ``inner_steps``, or cannot be guided, ignores these: the page's sliders cannot know. Raises FOR_THE_USER.
        """
        with self.place(asker):
            asked = pad, tray, guidance, temperature, seed, inner_steps
            yield from self._rows(name, asked, new_id(), asker)

    def picture(self, wish: Any, asker: Asker = NOBODY) -> Iterator[Answer]:
        """For the page: what ``draw`` gives, whose arguments ``wish`` has by name; a "seed" that is null is a new one.

        Where there is a reason for no picture, one {"error"} with a sentence.
        """
        match wish:
            case {"model": name, "guidance": guidance, "temperature": temperature, "seed": seed}:
                asked = guidance, temperature, new_seed() if seed is None else seed, wish.get("inner_steps")
                try:
                    yield from self.draw(wish.get("pad"), wish.get("tray"), name, *asked, asker)
                except FOR_THE_USER as error:
                    yield {"error": str(error)}
            case _:
                yield {"error": "What to draw did not arrive: reload the page."}

    @by_worker
    def _rows(self, name: object, asked: tuple[Any, ...], run_id: str, asker: Asker) -> Iterator[Answer]:
        model = catalogue.find(name)
        runs = self.stream(model, *_asked(model, *asked), asker=asker)
        for start, run in parts(runs):
            yield payload.pack_bytes(run, run_id, start)

    def variations(self, wish: Any, asker: Asker = NOBODY) -> Iterator[Answer]:
        """For the page: finished rows of many pictures of one recipe as they come, and then how well each fits.

        ``wish`` has what ``draw`` takes, by name, and "samples", how many; a "seed" that is null is a new one. The
        chunks are as in ``payload``; one {"error"} with a sentence comes in place of the rest where there is a reason.
        """
        if not self.many.acquire(blocking=False):
            yield {"error": "Many variations are being drawn at the moment: please try again."}
            return
        try:
            seed = new_seed()  # the same for a worker that begins again
            yield from self._variations(wish, seed, asker)
        except FOR_THE_USER as error:
            yield {"error": str(error)}
        finally:
            self.many.release()

    @by_worker
    def _variations(self, wish: Any, any_seed: int, asker: Asker) -> Iterator[Answer]:
        match wish:
            case {"model": name, "guidance": guidance, "temperature": temperature, "seed": seed, "samples": samples}:
                model, seed = catalogue.find(name), any_seed if seed is None else seed
                pad, tray, inner_steps = wish.get("pad"), wish.get("tray"), wish.get("inner_steps")
                asked = _asked(model, pad, tray, guidance, temperature, seed, inner_steps)
            case _:
                raise InputError("What to vary did not arrive: reload the page.")
        run = None
        for start, run in parts(self.stream(model, *asked, samples, False, asker)):
            yield payload.pack_variations(run, start)
        if run is not None and run.rows == run.images.shape[1] and model.facts.needs_supports:
            with suppress(InputError):  # there is no partner
                fits = model.fit(run.images, run.supports, run.inner_steps)
                yield payload.pack_variations(run, run.rows, fits)

    def compare(self, wish: Any, asker: Asker = NOBODY) -> Iterator[Answer]:
        """For the page: a picture by each of some models, of one recipe and one seed, in chunks as ``draw`` gives them.

        ``wish`` has what ``draw`` takes, by name, and "models", which draw one after the other; a "seed" that is null
        is a new one. Where a model cannot draw, {"model", "error"} with a sentence comes in place of its picture; where
        there is a reason for none, one {"error"}.
        """
        match wish:
            case {"guidance": guidance, "temperature": temperature, "seed": seed, "pad": pad, "tray": tray}:
                asked = pad, tray, guidance, temperature, new_seed() if seed is None else seed, wish.get("inner_steps")
                yield from self._of_each(wish, asker, lambda name: self._rows(name, asked, new_id(), asker))
            case _:
                yield {"error": "What to compare did not arrive: reload the page."}

    def score(self, wish: Any, asker: Asker = NOBODY) -> Iterator[Answer]:
        """For the page: how likely a drawing is to each of some models: of each a chunk as in ``payload``, with "nats".

        ``wish``: {"models", "drawing": a support, "pad", "tray", "inner_steps"}; the supports are those of pad or tray.
        The chunk is that of a picture whose pixels are all given, so that it has what each pixel read. Nothing is
        guided, and the temperature is 1: the model as it was learnt. Errors are as in ``compare``.
        """
        match wish:
            case {"drawing": drawing, "pad": pad, "tray": tray}:
                asked = drawing, pad, tray, wish.get("inner_steps")
                yield from self._of_each(wish, asker, lambda name: self._scored(name, asked, new_id(), asker))
            case _:
                yield {"error": "What to score did not arrive: reload the page."}

    def recognise(self, wish: Any, asker: Asker = NOBODY) -> Iterator[Answer]:
        """For the page: which of some sets of supports a drawing belongs to, by each of some models.

        ``wish``: {"models", "drawing": a support, "sets": lists of supports, "inner_steps"}. Each model gives {"model",
        "nats": -log p(drawing | set) of each set; null for a model that reads none}. Of each set as many supports are
        read as the task's examples have, without the drawing itself; a set that has no other has null. Errors are as in
        ``compare``.
        """
        match wish:
            case {"drawing": drawing, "sets": list(sets)}:
                asked = drawing, sets, wish.get("inner_steps")
                yield from self._of_each(wish, asker, lambda name: self._recognised(name, asked, asker))
            case _:
                yield {"error": "What to recognise did not arrive: reload the page."}

    def _of_each(self, wish: Any, asker: Asker, answers: Callable[[str], Iterator[Answer]]) -> Iterator[Answer]:
        """What each of the models of a wish answers, while it is wanted."""
        names = wish.get("models")
        named = isinstance(names, list) and all(isinstance(name, str) for name in names)
        if not named or not 1 <= len(names) <= MOST_COMPARED or len(set(names)) < len(names):
            yield {"error": f"What is compared must be one to {MOST_COMPARED} different models."}
            return
        if not self.many.acquire(blocking=False):
            yield {"error": "Much is being compared at the moment: please try again."}
            return
        try:
            for name in names:
                try:
                    if asker.wanted():
                        yield from answers(name)
                except FOR_THE_USER as error:
                    yield {"model": name, "error": str(error)}
        finally:
            self.many.release()

    @by_worker
    def _scored(self, name: str, asked: tuple[Any, ...], run_id: str, asker: Asker) -> Iterator[Answer]:
        model, (drawing, pad, tray, inner_steps) = catalogue.find(name), asked
        image = payload.read_image(drawing, model.task, model.side)
        given, shots, temperature, seed, steps, *_ = _asked(model, pad, tray, 0.0, 1.0, 0, inner_steps)
        whole = {"pixels": payload.pack_images(image, model.facts.channels), "rows": model.side}
        *_, run = [None, *self.stream(model, given, shots, temperature, seed, steps, whole, asker=asker)]
        if run is not None and run.rows == model.side:
            (nats,) = model.score(run.images, run.supports, run.inner_steps)
            yield payload.pack_bytes(run, run_id) | {"nats": payload.pack_numbers(nats)}

    @by_worker
    def _recognised(self, name: str, asked: tuple[Any, ...], asker: Asker) -> Iterator[Answer]:
        model, (drawing, sets, inner_steps) = catalogue.find(name), asked
        if not 1 <= len(sets) <= MOST_SETS:
            raise InputError(f"A drawing is looked for in 1 to {MOST_SETS} sets.")
        image = payload.read_image(drawing, model.task, model.side)
        steps = inner_steps if model.adapts else None
        nats: list[float | None] = []
        for given in sets:
            supports = payload.read_supports(given, model.task, model.side)
            is_other = np.array([not np.array_equal(one, image) for one in supports], bool)
            others = supports[is_other][: model.task.shots]
            if not asker.wanted():
                return
            known = len(others) and model.facts.needs_supports
            nats.append(float(model.score([image], others, steps).sum()) if known else None)
        yield {"model": model.name, "nats": nats if model.facts.needs_supports else None}

    @in_a_sentence
    def draw_along(self, wish: Any, asker: Asker = NOBODY) -> Answer:
        """While the user draws: the whole picture in one chunk, with its "pixels", which the pad shows too.

        Or {"error"} with a sentence, or {"busy"} if too many are drawing, or if the same "page" has asked anew.
        """
        match wish:
            case {"model": _, "temperature": _, "seed": _}:
                if not self.along.acquire(blocking=False):
                    return {"busy": True}
                page, mine = (asker.client, str(wish.get("page"))[:PAGE_NAME]), object()
                self._newest[page] = mine
                newest = Asker(asker.client, lambda: self._newest.get(page) is mine and asker.wanted())
                try:
                    return self._draw_along(wish, new_id(), newest) or {"busy": True}
                finally:
                    with self._lock:
                        if self._newest.get(page) is mine:
                            del self._newest[page]
                    self.along.release()
        raise InputError("What to draw along with did not arrive: reload the page.")

    @by_worker
    def _draw_along(self, wish: Any, run_id: str, asker: Asker) -> Answer | None:
        model = catalogue.find(wish["model"])
        guidance, inner_steps = wish.get("guidance", 0.0), wish.get("inner_steps")
        asked = _asked(model, wish, wish, guidance, wish["temperature"], wish["seed"], inner_steps)
        recipe = self._recipe(model, *asked, 1, True, asker)
        company, whole = model.company(recipe), partial(self._whole, model)
        if company is None:
            (chunk,) = whole([(recipe, asker)])
        else:  # while a class draws along, many ask at the same time
            chunk = self.together((model.name, company), (recipe, asker), whole)
        return None if chunk is None else chunk | {"id": run_id}

    @in_a_sentence
    def influence(self, wish: Any, asker: Asker = NOBODY) -> Answer:
        """For the player: what every support pixel does to one pixel of a run, as payload.pack_influence gives it.

        Or {"error"} with a sentence, or {"busy"} while it is computed for somebody else.
        """
        match wish:
            case {"model": _, "supports": _, "shots": _, "image": _, "row": _, "column": _, "inner_steps": _}:
                if not self.influences.acquire(blocking=False):
                    return {"busy": True}
                try:
                    return self._influence(wish, asker)
                finally:
                    self.influences.release()
        raise InputError("Which pixel to look at did not arrive: reload the page.")

    @by_worker
    def _influence(self, wish: Any, asker: Asker) -> Answer:
        steps, shots = wish["inner_steps"], wish["shots"]
        if isinstance(steps, int | float) and steps > MOST_INNER_STEPS:
            raise InputError(f"Influence is computed through at most {MOST_INNER_STEPS} inner steps (practice steps).")
        if isinstance(shots, bool) or not isinstance(shots, int) or not 0 <= shots <= MAX_SHOTS:
            raise InputError(f"Shots must be a whole number from 0 to {MAX_SHOTS}.")
        model = catalogue.find(wish["model"])
        supports = payload.unpack_images(wish["supports"], model.task, model.side, shots)
        (pixels,) = payload.unpack_images(wish["image"], model.task, model.side)
        try:
            maps = model.influence(pixels, supports, wish["row"], wish["column"], steps)
        finally:
            trim()
        return payload.pack_influence(maps)

    def take_home(self, wish: Any) -> tuple[str, str, bytes]:
        """A picture as a file: (name, media type, content). It is drawn again, with its own noise: nothing is kept.

        ``wish``: {"format": a key of FORMATS, "model", "supports": as in ``payload``, "beginning": as there or None,
        "seed", "temperature", "guidance", "cut", "inner_steps"}; for a format of several pictures, what ``variations``
        takes. Raises FOR_THE_USER.
        """
        if not isinstance(wish, dict):
            raise InputError("What to save did not arrive: reload the page.")
        asked, model = find_format(wish.get("format")), catalogue.find(wish.get("model"))
        if not self.files.acquire(timeout=PATIENCE):
            raise InputError("Others are saving at the moment: please try again.")
        try:
            chances = (wish.get("temperature"), wish.get("seed"), wish.get("inner_steps"))
            if asked.several:
                recipe = _asked(model, wish.get("pad"), wish.get("tray"), wish.get("guidance"), *chances)
                *_, run = self.stream(model, *recipe, wish.get("samples"), False)
            else:
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

    async def preview(self, strokes_or_picture: object, asker: Asker = NOBODY) -> Answer:
        """For the pad: a drawing as the model sees it, {"pixels"}, or {"error"} with a sentence.

        A picture that shows several characters has a "sheet" too, the pixels of each of them.
        """
        if isinstance(strokes_or_picture, dict) and "picture" in strokes_or_picture:
            return await self._seen_in_line(strokes_or_picture, OMNIGLOT.key, asker)
        return await run_sync(self._seen, strokes_or_picture, OMNIGLOT.key, asker)

    async def preview_photo(self, wish: Any, asker: Asker = NOBODY) -> Answer:
        """For the tray: a picture file as the models of a task see it, {"pixels"}, or {"error"} with a sentence."""
        match wish:
            case {"task": key, "picture": picture}:
                return await self._seen_in_line({"picture": picture}, key, asker)
        return {"error": "Which picture to read did not arrive: reload the page."}

    async def _seen_in_line(self, given: object, key: object, asker: Asker) -> Answer:
        """What the models see of a picture file, when it is its turn."""
        async with self.previews_of.setdefault(asker.client, CapacityLimiter(1)):
            return await run_sync(self._seen, given, key, asker, limiter=self.previews)

    @in_a_sentence
    @by_worker
    def _seen(self, given: object, key: object, asker: Asker) -> Answer:
        """What the models of a task see of a support, and of each one on a sheet."""
        task, turn = catalogue.find_task(key), partial(self.turn_to_read, asker)
        seen: Answer = {"pixels": payload.pack_images(payload.read_image(given, task, task.side, turn), task.channels)}
        with suppress(PictureError):  # so much is on it that it is taken as one
            if sheet := payload.read_sheet(given, task, task.side, turn):
                seen["sheet"] = [payload.pack_images(image, task.channels) for image in sheet]
        return seen

    async def trace(self, wish: Any, asker: Asker = NOBODY) -> Answer:
        """For the pad: a drawing of a task back as {"strokes"}, its centre lines, or {"error"} with a sentence."""
        match wish:
            case {"task": key, "pixels": pixels}:
                return await run_sync(self._traced, pixels, key, asker)
        return {"error": "Which drawing to trace did not arrive: reload the page."}

    @in_a_sentence
    @by_worker
    def _traced(self, pixels: object, key: object, asker: Asker) -> Answer:
        task = catalogue.find_task(key)
        if task.trace is None:
            raise InputError(f"A {task.unit} cannot go onto the pad: it has no strokes.")
        (image,) = payload.unpack_images(pixels, task, task.side)
        if not (strokes := task.trace(image)):
            raise InputError(f"This {task.unit} is blank: there is nothing to change.")
        return {"strokes": strokes}

    def example(self, ready_made: dict[str, Any]) -> Answer:
        """What the player shows first: what the default model draws of one of ``catalogue.drawn_sets``.

        Or {"error"} with the sentence that says why there is nothing to show.
        """
        drawings = [{"pixels": pixels} for pixels in ready_made["drawings"][: OMNIGLOT.shots]]
        try:
            *_, run = self.stream(catalogue.find(catalogue.DEFAULT_MODEL), drawings, None, 1.0, EXAMPLE_SEED, None)
            return payload.pack(run, new_id(), steps=STEPS_OF_EXAMPLE) | {"example": ready_made["name"]}
        except FOR_THE_USER as error:
            return {"id": new_id(), "error": str(error)}


def _for_the_pad(run: Run) -> Answer:
    """The chunk of a finished run, with its "pixels", which the pad shows too."""
    chunk = payload.pack_bytes(run, "", steps=STEPS_ALONG)
    return chunk | {"pixels": payload.pack_images(run.images[0], run.facts.channels)}


def _asked(
    model: FewShotModel,
    pad: object,
    tray: object,
    guidance: object,
    temperature: object,
    seed: object,
    inner_steps: object,
) -> tuple[Any, Any, Any, Any, Any, Any, Any, float]:
    """What ``Service.stream`` takes of what the page asks for, see ``Service.draw``. Raises InputError."""
    match pad if model.task.drawn else tray:
        case {"photos": given, **more} | {"supports": given, **more}:
            steps = inner_steps if model.adapts else None
            shots = more.get("shots")
            return given, shots, temperature, seed, steps, more.get("beginning"), *_guided(model, guidance)
    raise InputError("The pictures did not arrive: reload the page, they are kept in your browser.")


def _guided(model: FewShotModel, guidance: object) -> tuple[object, float]:
    """Guidance and cut of a picture of the page."""
    asked = guidance if model.facts.guides else 0.0
    return asked, model.task.cut if asked or model.task.cuts_all else 0.0


SERVICE = Service()  # of this process: everybody draws on its processor

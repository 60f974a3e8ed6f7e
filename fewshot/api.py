"""The one way to use a model: load it, generate with it, score with it."""

import hashlib
import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from fewshot import checkpoints
from fewshot.files import whole
from fewshot.models import MODELS, UNCONDITIONAL, ModelConfig, Network
from fewshot.models.heads import Palette
from fewshot.models.inputs import to_tensor
from fewshot.sampling.incremental import Partner
from fewshot.sampling.multi_scale import sampler_of
from fewshot.sampling.pixels import Draw
from fewshot.tasks import OMNIGLOT, TASKS, Task

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_SAMPLES = 64
MAX_INNER_STEPS = 10
SCORED_AT_A_TIME = 8
MAX_SEED = 2**53 - 1  # what a browser's number holds exactly
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.01, 10.0
MAX_GUIDANCE = 4.0
MAX_CUT = 0.25


class InputError(ValueError):
    """What was asked for makes no sense; the message is one sentence for the user."""


@dataclass(frozen=True)
class Facts:
    """What can be said of a model without running it, and all that a page must know of it to show its runs."""

    name: str  # of its checkpoint
    kind: str  # its variant, a key of fewshot.models.MODELS
    title: str  # the variant's name
    reads: str  # one line on what the variant reads of the supports
    note: str  # what to say in place of heatmaps, of a model that has none
    task: Task
    side: int  # of its images, in pixels
    channels: int  # of a pixel, 1 or 3
    colours: int  # that a pixel can have
    needs_supports: bool  # whether it reads any
    attends: bool  # whether its runs have attention
    influences: bool  # whether ``influence`` can be asked for: it reads supports, and does not draw in colour
    adapts: bool  # whether the supports change its weights, by inner steps
    guides: bool  # whether guidance changes what it draws: it reads supports, and something draws without


@dataclass(frozen=True)
class Run:
    """One generation, or the part of it that is finished: ``rows`` of its rows. What lies below is still empty.

    facts:         of the model that drew it
    images:        uint8 [N, H, W] of 0/1, ink = 1; in colour [N, H, W, 3]
    probabilities: float32 [N, H, W], of ink, as it was drawn from (with the run's guidance, temperature and cut), each
                   before its pixel was drawn; in colour, of the pixel's colour, not guided unless it is a palette's;
                   in two scales, given the small picture
    probabilities_before: of the same pixels without inner steps, at the run's temperature, not guided and not cut; None
                   where no step is taken, and in colour
    attention:     float32 [N, H*W, heads, S, H', W'] of all heads of all reads, the first read's first: sums to 1 over
                   S, H', W' less the shares that the head read of nothing (the null key) and of the drawing itself;
                   None for a model without attention
    own:           float32 [N, H*W, heads, H//stride, W//stride], what it read of the patches of the drawing itself;
                   None for a model that does not
    rows:          finished rows, of H
    given:         how many of them are the prefix's
    supports:      uint8 [S, H, W]; in colour [S, H, W, 3]
    support_nats:  nats/dim of the supports before the first inner step and after each; None without inner steps
    """

    facts: Facts
    supports: NDArray[np.uint8]
    seed: int
    temperature: float
    guidance: float
    cut: float
    images: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    probabilities_before: NDArray[np.float32] | None
    attention: NDArray[np.float32] | None
    own: NDArray[np.float32] | None
    rows: int
    given: int
    support_nats: list[float] | None

    @property
    def inner_steps(self) -> int | None:
        """How many inner steps the weights took on the supports; None for a model that takes none."""
        return None if self.support_nats is None else len(self.support_nats) - 1

    def file_name(self, sample: int | None = None) -> str:
        """For its files, without their ending: model, supports, settings, seed, and the sample if there are several.

        Such as omniglot-attention-4-drawings-3fa9-temperature-1-seed-5; the four digits stand for the supports and the
        given rows.
        """
        facts, read = self.facts, self.supports if self.facts.needs_supports else self.supports[:0]
        parts = [facts.name]
        if len(read) or self.given:
            digest = hashlib.blake2s(read.tobytes() + self.images[0, : self.given].tobytes(), digest_size=2)
            number = f"{len(read)}-{facts.task.unit if len(read) == 1 else facts.task.units}"
            parts += [*([number] if len(read) else []), digest.hexdigest()]
        if self.given:
            parts.append(f"{self.given}-rows-given")
        if self.inner_steps is not None:
            parts.append(f"steps-{self.inner_steps}")
        if self.guidance:
            parts.append(f"faithfulness-{self.guidance:g}")
        if self.cut:
            parts.append(f"cut-{self.cut:g}")
        parts += [f"temperature-{self.temperature:g}", f"seed-{self.seed}"]
        if sample is not None and len(self.images) > 1:
            parts.append(f"sample-{sample + 1}")
        return "-".join(parts)

    def to_html(self, path: str | Path, sample: int = 0) -> None:
        """Write one HTML file in which the player shows a sample: it works without a server, offline.

        Raises InputError if there is no such sample, or it is not finished, and OSError.
        """
        from fewshot.export.player import to_html

        page = to_html(self, sample)
        with whole(Path(path)) as partial:
            partial.write_text(page, encoding="utf-8")

    def figure(self, row: int | None = None, column: int | None = None, sample: int = 0) -> "Figure":
        """A matplotlib figure: a sample, what one of its pixels read of each support, a legend, and the recipe.

        ``row`` and ``column`` count from 0; without them it is the last pixel of ink, in colour the middle one. Save it
        by ``run.figure().savefig("figure.png")``, or as .svg. Raises InputError.
        """
        from fewshot.export.figure import figure

        return figure(self, row, column, sample)

    def _repr_html_(self) -> str:
        """The player, in a notebook."""
        from fewshot.export.player import to_iframe

        return to_iframe(self)


class Recipe(NamedTuple):
    """What is to be drawn, checked: ``FewShotModel.recipe`` makes one."""

    supports: NDArray[np.uint8]  # [S, H, W] or [S, H, W, 3]
    samples: int
    seed: int
    draw: Draw
    prefix: NDArray[np.uint8] | None  # [R, W] or [R, W, 3]
    inner_steps: int | None
    trace: bool


class FewShotModel:
    """A trained network with its card. It holds no state between calls and may be shared by threads.

    Images of characters are [H, W] of 0/1, photographs uint8 [H, W, 3]. H and W are ``side``. ``task`` says what its
    supports are, and how many are read; ``facts`` what the model is and can.
    """

    def __init__(self, network: Network, card: dict[str, Any], name: str):
        self.network, self.card, self.name = network, card, name
        self.task = _task(card, name)
        if network.config.channels != self.task.channels:
            raise checkpoints.CheckpointError(f"The checkpoint '{name}' draws no pictures of {self.task.label}.")
        self.side, self.in_colour = network.config.side, network.config.channels > 1
        self.facts = Facts(
            name=name,
            kind=network.config.model,
            title=network.title,
            reads=network.reads.format(pictures=self.task.units),
            note=network.note.format(title=network.title, pictures=self.task.units),
            task=self.task,
            side=self.side,
            channels=network.config.channels,
            colours=network.head.colours,
            needs_supports=network.needs_supports,
            attends=network.attends,
            influences=network.needs_supports and not self.in_colour,
            adapts=network.adapts,
            guides=guides(network.config, self.task.key),
        )
        self.title, self.reads = self.facts.title, self.facts.reads
        self.attends, self.adapts = self.facts.attends, self.facts.adapts
        # One that adapts has other weights for every set of supports, and these before it has seen any.
        self.unadapted = network.unadapted()
        self.sampler = sampler_of(self.unadapted, self.side, self.side)

    def generate(
        self,
        supports: ArrayLike,
        samples: int = 1,
        seed: int = 0,
        temperature: float = 1.0,
        prefix: ArrayLike | None = None,
        inner_steps: int | None = None,
        guidance: float = 0.0,
        cut: float = 0.0,
    ) -> Run:
        """Draw ``samples`` new images of what the supports [S, H, W] of 0/1, or [S, H, W, 3], show.

        S is 1..``task.most_shots`` (0 is allowed for a model that was trained without supports too). Image n is the one
        that the seed ``seed + n`` draws alone. ``prefix`` [R, W],
        or [R, W, 3], gives the first R rows, to be completed. A temperature below 1 draws the likelier pixels more
        often.
        ``inner_steps`` is for Meta and Attentive Meta PixelCNN: the gradient steps on the supports, 0..10, as many as
        in training if None.

        ``guidance`` w, 0..4, makes drawings more like the supports: logits become l(x | s) + w (l(x | s) - l(x)), where
        l(x) is what would be drawn without them; of that, what makes ink likelier counts half. Where a pixel can have
        any colour, one of 16 that are drawn for it is chosen, by (p(x | s) / p(x)) ** w. ``cut``, 0..0.25, takes
        chances below it as 0 and those above 1 - ``cut`` as 1. With either of them, drawings are no samples of the
        model. A model that reads no support ignores guidance.
        Raises InputError.
        """
        *_, run = self.stream(supports, samples, seed, temperature, prefix, inner_steps, guidance, cut)
        return run

    def stream(
        self,
        supports: ArrayLike,
        samples: int = 1,
        seed: int = 0,
        temperature: float = 1.0,
        prefix: ArrayLike | None = None,
        inner_steps: int | None = None,
        guidance: float = 0.0,
        cut: float = 0.0,
        trace: bool = True,
    ) -> Iterator[Run]:
        """As ``generate``, but gives the run after each row; the runs share their arrays, which fill up.

        Without ``trace`` they have no attention.
        """
        recipe = self.recipe(supports, samples, seed, temperature, prefix, inner_steps, guidance, cut, trace)
        return (run for (run,) in self.stream_each([recipe]))

    def recipe(
        self,
        supports: ArrayLike,
        samples: int = 1,
        seed: int = 0,
        temperature: float = 1.0,
        prefix: ArrayLike | None = None,
        inner_steps: int | None = None,
        guidance: float = 0.0,
        cut: float = 0.0,
        trace: bool = True,
    ) -> Recipe:
        """What ``stream`` takes, checked. Raises InputError."""
        supports = self._supports(supports)
        samples = _whole_number(samples, "The number of samples", 1, MAX_SAMPLES)
        seed = _whole_number(seed, "The seed (chance number)", 0, MAX_SEED - samples + 1)
        temperature = _temperature(temperature)
        guidance = _between(guidance, "The guidance", 0, MAX_GUIDANCE)
        cut = _between(cut, "The cut", 0, MAX_CUT)
        if prefix is not None:
            prefix = self._prefix(prefix)
        draw = Draw(temperature, guidance if self.network.needs_supports else 0.0, cut)
        return Recipe(supports, samples, seed, draw, prefix, self._inner_steps(inner_steps), trace)

    def company(self, recipe: Recipe) -> Hashable | None:
        """Recipes of which this gives the same can be drawn at once by ``stream_each``; None: only alone."""
        if self.adapts or recipe.prefix is not None:
            return None
        return recipe.samples, recipe.draw, recipe.trace

    def stream_each(self, recipes: Sequence[Recipe]) -> Iterator[list[Run]]:
        """As ``stream``, for several recipes of one ``company``: of each the run after each row.

        Many small pictures at once take little longer than one.
        """
        one, given, before = recipes[0], [to_tensor(recipe.supports[None]) for recipe in recipes], None
        sampler, n, draw = self.sampler, one.samples, one.draw
        with torch.inference_mode():
            network, support_nats = self.network.adapted(given[0][0], one.inner_steps)
            if support_nats is not None:
                _finite(support_nats)
                sampler = sampler_of(network, self.side, self.side)
            memories = [network.encode(supports) for supports in given]
        partner = self.partner if draw.guidance else None
        shape = n, *sampler.noise_shape(guided=partner is not None)
        noise = np.concatenate([uniform_noise(recipe.seed, shape) for recipe in recipes])
        for drawn in sampler.rows(memories, noise, draw, one.prefix, partner, one.trace):
            if support_nats is not None and not self.in_colour:
                before = before or self._before(given[0], drawn.images, noise, draw.temperature)
            yield [
                Run(
                    facts=self.facts,
                    supports=recipe.supports,
                    seed=recipe.seed,
                    temperature=draw.temperature,
                    guidance=draw.guidance,
                    cut=draw.cut,
                    images=drawn.images[own],
                    probabilities=drawn.probabilities[own],
                    probabilities_before=None if before is None else next(before),
                    attention=None if drawn.attention is None else drawn.attention[own, :, :, : len(recipe.supports)],
                    own=None if drawn.own is None else drawn.own[own],
                    rows=drawn.rows,
                    given=0 if one.prefix is None else len(one.prefix),
                    support_nats=support_nats,
                )
                for recipe, own in ((r, slice(i * n, (i + 1) * n)) for i, r in enumerate(recipes))
            ]

    @cached_property
    def partner(self) -> Partner:
        """What guidance moves away from: what would be drawn without supports.

        By the same network (before any inner step), where it can draw without; else by its task's PixelCNN. Raises
        InputError if there is none.
        """
        model = self._without_supports("Guidance")
        return Partner(model.sampler, model._nothing)

    def _without_supports(self, what: str) -> "FewShotModel":
        """The model that draws without supports in place of this one: itself, if it can. Raises InputError."""
        if self.unadapted.draws_alone or self.unadapted.config.drops_supports:
            return self
        if not _has_partner(self.network.config, self.task.key):
            raise InputError(f"{what} needs a PixelCNN beside {self.title}, and there is none of such pictures.")
        return load(f"{self.task.key}-{UNCONDITIONAL}")

    @cached_property
    def _nothing(self) -> Any:
        """What the network, before any inner step, remembers of no supports."""
        with torch.inference_mode():
            return self.unadapted.encode(torch.zeros(1, 0, self.facts.channels, self.side, self.side))

    def _before(
        self, supports: torch.Tensor, images: NDArray[np.uint8], noise: NDArray[np.float32], temperature: float
    ) -> Iterator[NDArray[np.float32]]:
        """The probabilities [N, H, W] without inner steps of images [N, H, W] that are being drawn: row after row.

        The array that is given each time is the same one, which fills up.
        """
        with torch.inference_mode():
            memory = self.unadapted.encode(supports)
        # What is drawn is the prefix, which grows: of each sample its own, [H, W, N].
        for drawn in self.sampler.rows([memory], noise, Draw(temperature), images.transpose(1, 2, 0), trace=False):
            yield drawn.probabilities

    def score(self, images: ArrayLike, supports: ArrayLike, inner_steps: int | None = None) -> NDArray[np.float32]:
        """NLL of every pixel of given images [N, H, W], in nats, as [N, H, W]; its mean is nats/dim.

        In colour, of images [N, H, W, 3], the three colours of a pixel together: a third of the mean is nats/dim. All
        pixels in parallel, a few images at a time, whose features fit the cache. Raises InputError.
        """
        images = to_tensor(self._images(images, "The images")[None])
        with torch.inference_mode():
            given = to_tensor(self._supports(supports)[None])
            memory = self.network.encode(given, **self._options(self._inner_steps(inner_steps)))
            return _finite(_nats(self.network, images, memory))

    def fit(self, images: ArrayLike, supports: ArrayLike, inner_steps: int | None = None) -> NDArray[np.float32]:
        """How well images [N, H, W] fit the supports: log p(x | s) - log p(x) of each, in nats, as [N].

        Above 0, the supports make the image likelier than it would be without any. p(x) is what guidance moves away
        from, see ``partner``. Raises InputError, also if there is no partner.
        """
        nats = self.score(images, supports, inner_steps)
        model = self._without_supports("The fit")
        with torch.inference_mode():
            tensor = to_tensor(self._images(images, "The images")[None])
            without = _nats(model.unadapted, tensor, model._nothing)
        return (without - nats).sum(axis=(1, 2))

    def influence(
        self, image: ArrayLike, supports: ArrayLike, row: int, column: int, inner_steps: int | None = None
    ) -> NDArray[np.float32]:
        """How much the logit of one pixel of an image [H, W] moves with each pixel of the supports, [S, H, W].

        The gradient of the logit, through the inner steps if there are any: positive where ink in the support makes ink
        here likelier. It holds for small changes only, and no support can change by little. Raises InputError, also for
        a model that draws in colour.
        """
        if self.in_colour:
            raise InputError(f"Influence is for pictures in black and white only: '{self.name}' draws in colour.")
        supports = to_tensor(self._supports(supports)[None])
        image = to_tensor(self._images([image], "The image")[None])
        row = _whole_number(row, "The row", 0, self.side - 1)
        column = _whole_number(column, "The column", 0, self.side - 1)
        options = self._options(self._inner_steps(inner_steps))
        if not self.network.needs_supports or not supports.shape[1]:
            raise InputError(f"{self.title} reads no support here, so that none has any influence.")
        return _finite(self.network.influence(image, supports, row, column, **options)[:, 0].numpy())

    def _options(self, inner_steps: int | None) -> dict[str, Any]:
        return {"inner_steps": inner_steps} if self.network.adapts else {}

    def _inner_steps(self, inner_steps: Any) -> int | None:
        if inner_steps is None:
            return None
        if not self.network.adapts:
            raise InputError(f"{self.title} takes no inner steps: its weights stay as they are.")
        return _whole_number(inner_steps, "The number of inner steps (practice steps)", 0, MAX_INNER_STEPS)

    def _images(self, images: Any, what: str) -> NDArray[np.uint8]:
        read, shape = (_levels, (self.side, self.side, 3)) if self.in_colour else (_binary, (self.side, self.side))
        array = read(images, what)
        if array.shape == (0,):  # an empty list has no sides
            array = array.reshape(0, *shape)
        if array.shape[1:] != shape or array.ndim != 1 + len(shape):
            raise InputError(f"{what} must have the shape [number, {', '.join(map(str, shape))}].")
        return self._painted(array)

    def _painted(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Images [..., 3] in the colours that the network has, of those that have only some."""
        head = self.network.head
        return head.painted(images) if isinstance(head, Palette) else images

    def _supports(self, supports: ArrayLike) -> NDArray[np.uint8]:
        supports = self._images(supports, "The supports")
        most = self.task.most_shots
        if len(supports) > most:
            raise InputError(f"{len(supports)} supports are too many: this model reads at most {most}.")
        if len(supports) == 0 and self.network.needs_supports and not self.network.config.drops_supports:
            raise self.nothing_to_read()
        return self.task.completed(supports)

    def nothing_to_read(self) -> InputError:
        """What is said where it is to read supports, and there are none."""
        return InputError(f"{self.title} needs at least one {self.task.unit} to read.")

    def _prefix(self, prefix: ArrayLike) -> NDArray[np.uint8]:
        rows = _levels(prefix, "The prefix") if self.in_colour else _binary(prefix, "The prefix")
        if rows.shape == (0,):  # an empty list has no sides
            rows = rows.reshape(0, self.side, *((3,) if self.in_colour else ()))
        if rows.shape[1:] != ((self.side, 3) if self.in_colour else (self.side,)) or len(rows) > self.side:
            raise InputError(f"The prefix must be up to {self.side} rows of {self.side} pixels.")
        return self._painted(rows)


def guides(config: ModelConfig, task: str) -> bool:
    """Whether guidance changes what a network draws for a task: it reads supports, and something draws without."""
    variant = MODELS[config.model]
    return variant.needs_supports and (variant.draws_alone or config.drops_supports or _has_partner(config, task))


def _has_partner(config: ModelConfig, task: str) -> bool:
    """Whether a PixelCNN of the task is there that draws pictures of the same kind."""
    try:
        card = checkpoints.read_card(checkpoints.resolve(f"{task}-{UNCONDITIONAL}"))
    except checkpoints.CheckpointError:
        return False
    return _kind(ModelConfig(**card["config"])) == _kind(config)


def _kind(config: ModelConfig) -> tuple[Any, ...]:
    """What the pictures of two networks have in common, so that their outputs can be compared."""
    return config.channels, config.palette, config.side, MODELS[config.model].scales


def load(name: str | Path) -> FewShotModel:
    """The model of a name in ``checkpoints/`` ("<task>-<model>") or of a path to a ``.safetensors`` file.

    A file is loaded once, then shared. Raises CheckpointError for an unknown or a damaged checkpoint.
    """
    path = checkpoints.resolve(name)
    return _load(path, path.stat().st_mtime_ns)


@lru_cache
def _load(path: Path, modified_ns: int) -> FewShotModel:
    network, card = checkpoints.load(path)
    return FewShotModel(network, card, path.stem)


def _task(card: dict[str, Any], name: str) -> Task:
    """The task that a card names. Raises CheckpointError."""
    key = card.get("task", OMNIGLOT.key)  # the first cards named none
    if not isinstance(key, str) or key not in TASKS:
        raise checkpoints.CheckpointError(f"The checkpoint '{name}' is for an unknown task, '{key}'.")
    return TASKS[key]


def uniform_noise(seed: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The uniform numbers of a run, [N, H, W]; those of sample n are what the seed ``seed + n`` gives to one alone."""
    return np.stack([np.random.default_rng(seed + n).random(shape[1:], np.float32) for n in range(shape[0])])


def _nats(network: Network, images: torch.Tensor, memory: Any) -> NDArray[np.float32]:
    """NLL [N, H, W] of images [1, N, C, H, W], a few at a time, whose features fit the cache."""
    outputs = torch.cat([network.decode(x, memory) for x in images.split(SCORED_AT_A_TIME, dim=1)], dim=1)
    return network.head.nats(outputs, images)[0].numpy()


def _binary(values: ArrayLike, what: str) -> NDArray[np.uint8]:
    wrong = InputError(f"{what} must be binary: every pixel 0 (paper) or 1 (ink).")
    try:
        array = np.asarray(values)
    except (ValueError, TypeError, RuntimeError):  # lists of unequal lengths, or what is no array at all
        raise wrong from None
    if array.dtype.kind not in "biuf" or not np.isin(array, (0, 1)).all():
        raise wrong
    return array.astype(np.uint8)


def _levels(values: ArrayLike, what: str) -> NDArray[np.uint8]:
    wrong = InputError(f"{what} must be in colour: red, green and blue of every pixel are whole numbers from 0 to 255.")
    try:
        array = np.asarray(values)
    except (ValueError, TypeError, RuntimeError):
        raise wrong from None
    if array.shape == (0,):
        return array.astype(np.uint8)
    if array.dtype.kind not in "iu" or array.min(initial=0) < 0 or array.max(initial=0) > 255:
        raise wrong
    return array.astype(np.uint8)


def _finite(values: Any) -> Any:
    """The values. Raises InputError if inner steps left nothing finite."""
    if not np.isfinite(values).all():
        raise InputError("Too many inner steps (practice steps): the weights overflowed.")
    return values


def _number(value: Any) -> float | None:
    """The finite number that a value is, else None."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # an integer beyond any float
        return None


def _whole_number(value: Any, what: str, low: int, high: int) -> int:
    number = _number(value)
    if number is None or number != int(number):
        raise InputError(f"{what} must be a whole number.")
    if not low <= number <= high:
        raise InputError(f"{what} must be between {low} and {high}.")
    return int(number)


def _between(value: Any, what: str, low: float, high: float) -> float:
    number = _number(value)
    if number is None:
        raise InputError(f"{what} must be a number.")
    if not low <= number <= high:
        raise InputError(f"{what} must be from {low:g} to {high:g}.")
    return float(number)


def _temperature(value: Any) -> float:
    number = _number(value)
    if number is None:
        raise InputError("The temperature must be a number.")
    if not MIN_TEMPERATURE <= number <= MAX_TEMPERATURE:
        raise InputError(
            f"The temperature must be above 0, from {MIN_TEMPERATURE} to {MAX_TEMPERATURE:g}; "
            "1 leaves the probabilities unchanged."
        )
    return float(number)

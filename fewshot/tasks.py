"""What a task is. This is the one place that says so: everything else reads it here.

A new task is an entry here and checkpoints named "<key>-<model>". To be trained and evaluated it also needs a loader in
``training/tasks.py`` and an entry in ``commands.EVALUATIONS``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fewshot.data import emoji, omniglot, photos, products
from fewshot.data.episodes import MAX_SHOTS

SINGLES = 5  # drawings to try the flip task with: a row of the page
Image = NDArray[np.uint8]  # [side, side] of 0/1, or in colour [side, side, 3]


class Credit(NamedTuple):
    """Whose a picture is."""

    work: str
    artist: str
    licence: str


@dataclass(frozen=True)
class Task:
    """One kind of thing to draw, from one kind of support."""

    key: str  # the first part of the names of its checkpoints
    label: str  # its name on the page
    line: str  # what its models do, in one line
    thing: str  # what the supports show, in one word
    unit: str  # what one support is, in one word that takes an "s" in the plural
    side: int  # pixels to a side of an image
    channels: int  # of a pixel: 1 where it is 0 (paper) or 1 (ink), 3 in colour
    shots: int  # supports of an example, and of a ready-made set
    most_shots: int  # supports that a model reads at most
    protocol: str  # what a card says of how its figures were measured; {side} stands for the images' side
    read_picture: Callable[[bytes, int], Image]  # an image of such a side of a picture file; raises PictureError
    ready_made: Callable[[int], dict[str, Image]]  # sets to try, images [S, ...] of such a side by name
    read_sheet: Callable[[bytes, int], list[Image]] | None = None  # several images of one picture file, as above
    read_strokes: Callable[[Any], Image] | None = None  # an image of strokes on the pad; raises PictureError
    trace: Callable[[Image], list[Any]] | None = None  # the reverse, as near as centre lines come to an image
    repeats: bool = False  # whether fewer supports than ``shots`` are repeated until there are so many
    guidance: float = 0.5  # that the page begins with
    cut: float = 0.01  # chances that a guided picture of the page leaves out: no stray pixel comes from the tail
    cuts_all: bool = False  # whether its other pictures leave them out too
    mirrors: bool = False  # whether the one support is the mirror image of what is drawn
    palette: Mapping[str, str] = field(default_factory=dict)  # "#rrggbb" by name: all colours, where they are few
    credits: tuple[Credit, ...] = ()  # whose the pictures of each ready-made set are, in their order
    title: str = ""  # for the page: what to choose, where nothing is drawn on the pad
    help: str = ""  # for the page, in HTML: what the machine does with it

    @property
    def units(self) -> str:
        """The plural of ``unit``."""
        return f"{self.unit}s"

    @property
    def drawn(self) -> bool:
        """Whether supports are drawn on the pad; else they are picture files."""
        return self.read_strokes is not None

    def completed(self, supports: Image) -> Image:
        """Supports [S, ...] as the models read them: repeated in turn, where the task ``repeats``."""
        number = max(self.shots, len(supports)) if self.repeats and len(supports) else len(supports)
        return supports[np.arange(number) % max(len(supports), 1)]


# Drawings are read by scikit-image, which takes a second to import; most of what reads this module reads none.


def _drawing_of_picture(data: bytes, side: int) -> Image:
    from fewshot.data.drawing import read_picture

    return omniglot.max_pool(read_picture(data))


def _drawings_of_sheet(data: bytes, side: int) -> list[Image]:
    from fewshot.data.drawing import read_sheet

    return list(map(omniglot.max_pool, read_sheet(data)))


def _drawing_of_strokes(strokes: Any) -> Image:
    from fewshot.data.drawing import render_strokes

    return omniglot.max_pool(render_strokes(strokes))


def _strokes_of_drawing(drawing: Image) -> list[list[list[float]]]:
    from fewshot.data.tracing import trace

    return [[[round(omniglot.POOL * x, 1) for x in point] for point in stroke] for stroke in trace(drawing)]


def _ready_made_drawings(side: int) -> dict[str, Image]:
    from fewshot.data import support_sets

    return support_sets.read()


def _single_drawings(side: int) -> dict[str, Image]:
    sets = list(_ready_made_drawings(side).items())[:SINGLES]
    return {name: images[:1] for name, images in sets}


OMNIGLOT = Task(
    key="omniglot",
    label="Characters",
    line="Draw one, get another.",
    thing="character",
    unit="drawing",
    side=omniglot.POOLED_SIDE,
    channels=1,
    shots=4,
    most_shots=MAX_SHOTS,
    protocol="Omniglot 105x105, ink = 1, 4x4 max-pool to 26x26; nats/dim over all pixels",
    read_picture=_drawing_of_picture,
    ready_made=_ready_made_drawings,
    read_sheet=_drawings_of_sheet,
    read_strokes=_drawing_of_strokes,
    trace=_strokes_of_drawing,
    guidance=0.6,
    cut=0.0,  # as learnt: one guided drawing in 300 has a stray pixel
)
MIRROR_HELP = (  # what comes after it is what a model without attention would have to remember
    "The machine sees your {thing} and draws its <em>mirror image</em>, from the top left to the bottom right. So its "
    "gaze has to go the other way: while it draws to the right, it must read to the left. <b>Orange</b> shows where it "
    "looks; the line is the path of its gaze in this row. Whether a model has learnt this depends on its kind: one "
    "without attention has to remember "
)
FLIP = Task(
    key="flip",
    label="Flip",
    line="A drawing, drawn from its mirror image.",
    thing="drawing",
    unit="drawing",
    side=omniglot.POOLED_SIDE,
    channels=1,
    shots=1,
    most_shots=1,
    protocol="Omniglot {side}x{side}, the support is the mirror image; nats/dim over all pixels",
    read_picture=_drawing_of_picture,
    ready_made=_single_drawings,
    mirrors=True,
    title="Choose a drawing",
    help=MIRROR_HELP.format(thing="drawing") + "the whole drawing at once.",
)
MIRROR = Task(
    key="mirror",
    label="Mirror",
    line="A photograph, drawn from its mirror image.",
    thing="photograph",
    unit="photograph",
    side=photos.SIDE,
    channels=3,
    shots=1,
    most_shots=1,
    protocol="photographs {side}x{side}, the support is the mirror image; nats/dim over pixels and colours",
    read_picture=photos.read_photo,
    ready_made=partial(photos.samples, "mirror"),
    cut=0.001,  # three pixels of a copy would come from the tail, and mislead the next ones; see docs/photos.md
    cuts_all=True,
    mirrors=True,
    title="Choose a photograph",
    help=MIRROR_HELP.format(thing="photograph") + "the whole picture at once, and cannot.",
)
EMOJI = Task(
    key="emoji",
    label="Emoji",
    line="Draws one emoji as another artist would.",
    thing="emoji",
    unit="picture",
    side=emoji.SIDE,
    channels=3,
    shots=3,
    most_shots=MAX_SHOTS,
    protocol="emoji {side}x{side} on white in 16 colours, supports by other artists; nats/dim over pixels and channels",
    read_picture=emoji.read_picture,
    ready_made=emoji.samples,
    guidance=1.5,  # as learnt, half of the drawings are recognised; see docs/photos.md
    cut=0.0,  # else nothing thin is drawn: its first pixel is rare at each place where it could be
    palette=emoji.PALETTE,
    credits=(
        Credit("Noto Emoji", "Google", "Apache 2.0"),
        Credit("Twemoji", "X Corp. and others", "CC BY 4.0"),
        Credit("Fluent Emoji", "Microsoft", "MIT"),
    ),
    title="Draw one emoji, or take some",
    help="The machine has never seen this emoji before. It draws another version of it, pixel by pixel, from the top "
    "left to the bottom right. <b>Orange</b> shows where in yours it looks. It has learnt from emoji of which each is "
    "by another artist, so up to eight versions of <em>one</em> emoji help it: paint yours, and take ready-made ones "
    "beside it, or upload some.",
)
PRODUCTS = Task(
    key="products",
    label="Products",
    line="A new view from three others.",
    thing="product",
    unit="photograph",
    side=products.SIDE,
    channels=3,
    shots=products.SHOTS,
    most_shots=MAX_SHOTS,
    protocol="products {side}x{side}, 3 supports; nats/dim over pixels and colours",
    read_picture=photos.read_photo,
    ready_made=partial(photos.samples, "products"),
    repeats=True,
    guidance=1.5,  # as learnt, less than half of the drawings are recognised; see docs/photos.md
    title="Choose one product, from up to eight sides",
    help="The machine has never seen this product before. It draws a new view of it, pixel by pixel, from the top left "
    "to the bottom right. It has learnt to read three photographs, so one or two are repeated. <b>Orange</b> shows "
    "where in them it looks. It has learnt from 159 products. Multi-Scale PixelCNN can draw another tomato or white "
    "cup; of most other things it gets the colours right, about where they belong, and fails at the rest. What the "
    "others draw looks like no thing.",
)
TASKS = {task.key: task for task in (OMNIGLOT, FLIP, MIRROR, EMOJI, PRODUCTS)}

"""Drawn shapes, and what may happen to their pictures without changing their parts and holes."""

import io
from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from scipy import ndimage

from fewshot.data.drawing import read_picture

EIGHT = np.ones((3, 3))
CANVAS = 480  # pixels that shapes are drawn at


def parts_and_holes(ink: np.ndarray) -> tuple[int, int]:
    return ndimage.label(ink, EIGHT)[1], ndimage.label(np.pad(ink, 1) == 0)[1] - 1


@dataclass
class Shape:
    """Lines in the unit square, drawn with a pen of ``width``; ``weak`` ones in weaker ink, of another colour."""

    lines: list[list[tuple[float, float]]]
    width: float
    weak: set[int] = field(default_factory=set)


@dataclass
class Change:
    side: int  # pixels of the picture
    margin: float  # of paper around the ink, as a share of the picture's side
    ink: tuple[int, int, int]
    other: tuple[int, int, int]  # of the weak lines
    paper: tuple[int, int, int]
    grain: float  # standard deviation, in levels
    jpeg: int | None  # quality
    clear: bool  # the ground


def ring(x, y, rx, ry, start=0, end=360):
    angles = np.radians(np.linspace(start, end, 60))
    return [(x + rx * np.cos(a), y + ry * np.sin(a)) for a in angles]


# Characters of a few lines in the unit square; those that are not joined are at least .3 apart, and holes as wide.
SKELETONS = {
    "bar": [[(0, 0), (0.02, 1)]],
    "dots": [[(0, 0), (0, 0)], [(1, 0.1), (1, 0.1)], [(0.5, 1), (0.5, 1)]],
    "T": [[(0, 0), (1, 0)], [(0.5, 0), (0.5, 1)]],
    "C": [ring(0.5, 0.5, 0.5, 0.5, 50, 310)],
    "O": [ring(0.5, 0.5, 0.5, 0.5)],
    "8": [ring(0.5, 0.25, 0.35, 0.25), ring(0.5, 0.75, 0.4, 0.25)],
    "theta": [ring(0.5, 0.5, 0.5, 0.5), [(0, 0.5), (1, 0.5)]],
    "i": [[(0, 0.35), (0, 1)], [(0, 0), (0, 0)]],
    "equals": [[(0, 0), (1, 0)], [(0, 0.4), (1, 0.45)]],
    "A": [[(0, 1), (0.5, 0), (1, 1)], [(0.22, 0.65), (0.78, 0.65)]],
    "E": [[(1, 0), (0, 0), (0, 1), (1, 1)], [(0, 0.5), (0.8, 0.5)]],
    "hash": [[(0.3, 0), (0.3, 1)], [(0.7, 0), (0.7, 1)], [(0, 0.3), (1, 0.3)], [(0, 0.7), (1, 0.7)]],
    "zig": [[(0, 0), (0.25, 1), (0.5, 0.2), (0.75, 1), (1, 0)]],
    "box and dot": [[(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)], [(0.5, 0.5), (0.5, 0.5)]],
    "Q": [ring(0.45, 0.45, 0.45, 0.45), [(0.6, 0.6), (1, 1)]],
    "spiral": [[(0.5 + r / 16 * np.cos(r), 0.5 + r / 16 * np.sin(r)) for r in np.linspace(0.3, 8, 80)]],
}


@st.composite
def shapes(draw) -> Shape:
    lines = SKELETONS[draw(st.sampled_from(sorted(SKELETONS)))]
    angle = draw(st.sampled_from((0, 0, 0, 90, 180))) + draw(st.integers(-15, 15))
    stretch = draw(st.floats(0.7, 1.0))
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    turned = [[(c * x * stretch - s * y, s * x * stretch + c * y) for x, y in line] for line in lines]
    weak = draw(st.sets(st.integers(0, len(lines) - 1), max_size=len(lines) - 1))
    return Shape(turned, draw(st.floats(0.03, 0.25)), weak)


DARK = [(0, 0, 0), (40, 40, 50), (30, 50, 160), (170, 20, 30), (0, 90, 40), (90, 90, 95)]
LIGHT = [(255, 255, 255), (245, 240, 225), (232, 236, 240)]


@st.composite
def changes(draw) -> Change:
    ink, other, paper = draw(st.sampled_from(DARK)), draw(st.sampled_from(DARK)), draw(st.sampled_from(LIGHT))
    if draw(st.integers(0, 3)) == 0:  # chalk
        ink = other = draw(st.sampled_from(LIGHT))
        paper = draw(st.sampled_from([(0, 0, 0), (30, 40, 35), (20, 60, 45)]))
    side = draw(st.sampled_from((28, 32, 40, 56, 64, 80, 105, 128, 160, 200, 256, 300, 400, 512, 640, 900, 1500, 4000)))
    return Change(
        side,
        draw(st.sampled_from((0.02, 0.05, 0.1, 0.2))),
        ink,
        other,
        paper,
        draw(st.sampled_from((0, 0, 2, 4))) if side < 1000 else 0,  # a camera's picture that large shrinks to none
        draw(st.sampled_from((None, None, 60, 75, 90))),
        draw(st.integers(0, 4)) == 0,
    )


def drawn(shape: Shape, margin: float) -> tuple[np.ndarray, np.ndarray]:
    """Which pixels of the canvas have ink, and which of them weaker ink: bool [CANVAS, CANVAS] each."""
    points = np.array([p for line in shape.lines for p in line])
    low, high = points.min(0), points.max(0)
    width = shape.width * CANVAS
    scale = (CANVAS * (1 - 2 * margin) - width) / max((high - low).max(), 1e-9)
    masks = []
    for which in (range(len(shape.lines)), shape.weak):
        image = Image.new("1", (CANVAS, CANVAS))
        pen = ImageDraw.Draw(image)
        for k in which:
            path = [tuple((np.array(p) - (low + high) / 2) * scale + CANVAS / 2) for p in shape.lines[k]]
            pen.line(path, 1, round(width))
            for x, y in path:
                pen.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), 1)
        masks.append(np.asarray(image))
    return masks[0], masks[1]


def is_clear(ink: np.ndarray, side: int) -> bool:
    """Whether parts and holes are so far apart that they can be seen at that size, and drawn at 105x105."""
    wanted = parts_and_holes(ink)
    if 2 * ndimage.distance_transform_edt(ink).max() < 1.5 * CANVAS / side:
        return False
    room = max(2.0 * CANVAS / side, 0.02 * CANVAS)
    outside, inside = ndimage.distance_transform_edt(~ink), ndimage.distance_transform_edt(ink)
    return all(
        parts_and_holes(changed) == wanted for changed in (outside <= room, inside > min(room, 0.4 * inside.max()))
    )


def picture(ink: np.ndarray, weak: np.ndarray, change: Change, seed: int = 0) -> bytes:
    """The file of a picture of the ink after a change."""
    side, rng = change.side, np.random.default_rng(seed)
    buffer = io.BytesIO()
    colour = np.where(weak[..., None], change.other, change.ink).astype(np.uint8)
    if change.clear:
        rgba = np.dstack([colour, np.where(ink, 255, 0).astype(np.uint8)])
        rgba[~ink, :3] = rng.choice((0, 255))
        _resized(rgba, side).save(buffer, "PNG")
        return buffer.getvalue()
    rgb = np.where(ink[..., None], colour, np.array(change.paper, np.uint8))
    pixels = np.asarray(_resized(rgb, side))
    if change.grain:
        pixels = (pixels + rng.normal(0, change.grain, pixels.shape[:2])[..., None]).clip(0, 255).astype(np.uint8)
    image = Image.fromarray(pixels)
    options = {"quality": change.jpeg} if change.jpeg else {"compress_level": 1}
    image.save(buffer, "JPEG" if change.jpeg else "PNG", **options)
    return buffer.getvalue()


def _resized(pixels: np.ndarray, side: int) -> Image.Image:
    return Image.fromarray(pixels).resize((side, side), Image.Resampling.BOX)


def keeps(ink: np.ndarray, data: bytes) -> bool:
    """Whether the drawing read from the picture has the parts and the holes of the ink."""
    return parts_and_holes(read_picture(data)) == parts_and_holes(ink)

"""From a user's drawing to a drawing like Omniglot's: strokes from the pad, or an uploaded picture.

What real Omniglot drawings look like (measured on the 29,580 drawings of 45 alphabets, at 105x105): the stroke is
5 pixels wide (ink area by skeleton length: median 5.0, 5th to 95th percentile 4.7 to 5.5), with round ends and hard
edges; the box around the ink has a long side of 68 pixels (median; 44 to 88), and its centre is near (51, 50.5).

Both ways end in the same place. The centre lines of the strokes are marked on a fine grid over the pad, and every
pixel whose centre lies within half a stroke width of a centre line becomes ink. The width for this is 5.2, because
these lines, unlike Omniglot's, fall between pixels: 300 real drawings, traced and rendered again, keep 99 % of their
ink, at 105x105 and at 26x26, and 98.9 % of the pixels of 26x26. The pad's strokes are centre lines already. In a
picture they have to be found:

1. The light: the brightest paper around each pixel (a morphological closing) is what the pixel would be without ink,
   so one minus their ratio is the strength of the ink there, in shade and in light alike. (Light ink on dark is first
   inverted; where all the paper is of one colour, the difference from it will do.)
2. The ink: where that strength is more than half of the strongest. Lines that run from edge to edge are ruled or
   squared paper; then only what shows in every colour that the ink shows in counts, which hides coloured lines.
3. The centre lines: specks go, the rest is thinned to a skeleton, short spurs go.
4. The place: the skeleton is scaled and moved to the size and the centre that real drawings have.
"""

import math
from numbers import Real

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage
from skimage.filters import apply_hysteresis_threshold
from skimage.morphology import skeletonize

from fewshot.data.omniglot import SIDE
from fewshot.data.pictures import PictureError, decode

STROKE_WIDTH = 5.2  # pixels at 105x105, like the two figures below
LONG_SIDE = 68.0  # of the box around the ink
CENTRE = (51.0, 50.5)  # x and y of the middle of that box

MAX_STROKES = 500
MAX_POINTS = 20_000

_FINE = 5  # grid cells per pixel; odd, so that one cell lies on the centre of each pixel
_FAINTEST = 0.1  # ink takes away at least this share of the paper's light
_BLANK = "No ink was found in the picture: it looks blank."
_EIGHT = np.ones((3, 3), bool)  # diagonal neighbours belong together


def render_strokes(strokes: list[list[list[float]]]) -> np.ndarray:
    """Strokes as Omniglot draws them: uint8 [105, 105], ink = 1.

    ``strokes`` are lists of [x, y] in pad coordinates, 0..105, x right, y down; a stroke of one point is a dot, and
    points outside the pad move to its edge. Raises PictureError if there is no stroke, or it is anything else.
    """
    grid = Image.new("1", (SIDE * _FINE, SIDE * _FINE))
    pen = ImageDraw.Draw(grid)
    for stroke in _checked(strokes):
        cells = [(int(x * _FINE), int(y * _FINE)) for x, y in stroke]
        pen.line(cells, fill=1)
        pen.point(cells, fill=1)  # a line of one point draws nothing
    return _ink(np.asarray(grid))


def read_picture(data: bytes) -> np.ndarray:
    """The character in a picture file, as Omniglot would have it: uint8 [105, 105], ink = 1.

    Ink may be dark on light or light on dark, in any colour, on paper in uneven light. An Omniglot drawing comes out
    as it is. Raises PictureError if the file is not a picture, too large, or shows no ink.
    """
    picture = _flattened(decode(data))
    original = _omniglot_original(picture)
    if original is not None:
        return original
    return _ink(_placed(_centre_lines(_ink_strength(picture))))


# Strokes ---------------------------------------------------------------------------------------------------------


def _checked(strokes: object) -> list[list[tuple[float, float]]]:
    """The strokes with every point on the pad; they come from a browser, so nothing is taken for granted."""
    wrong = PictureError("The drawing is not a list of strokes, each a list of [x, y] points.")
    if not isinstance(strokes, list) or not all(isinstance(stroke, list) for stroke in strokes):
        raise wrong
    if len(strokes) > MAX_STROKES:
        raise PictureError(f"The drawing has more than {MAX_STROKES} strokes: please draw it more simply.")
    if sum(map(len, strokes)) > MAX_POINTS:
        raise PictureError(f"The drawing has more than {MAX_POINTS:,} points: please draw it more simply.")
    if not any(strokes):
        raise PictureError("The pad is empty: draw a character first.")
    for stroke in strokes:
        for point in stroke:
            if not isinstance(point, list | tuple) or len(point) != 2 or not all(map(_is_finite, point)):
                raise wrong
    last = SIDE - 1 / _FINE
    return [[(min(max(x, 0), last), min(max(y, 0), last)) for x, y in stroke] for stroke in strokes if stroke]


def _is_finite(value: object) -> bool:
    try:
        return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # an integer beyond any float
        return False


def _ink(centre_lines: np.ndarray) -> np.ndarray:
    """Ink around the centre lines marked on the fine grid: bool [105 * 5, 105 * 5] to uint8 [105, 105]."""
    reach = int(STROKE_WIDTH / 2 * _FINE)
    # How many marks are left of each cell tells whether there is one between two cells of a row. A disc is a stack of
    # such stretches: asking for each takes a fifth of the time of a distance transform, and gives the same.
    marks = np.cumsum(np.pad(centre_lines, ((reach, reach), (reach + 1, reach))), axis=1, dtype=np.int16)
    ink = np.zeros((SIDE, SIDE), bool)
    for dy in range(-reach, reach + 1):
        dx = math.isqrt(reach**2 - dy**2)
        row = marks[reach + dy + _FINE // 2 :: _FINE][:SIDE]
        before, last = (row[:, reach + edge + _FINE // 2 :: _FINE][:, :SIDE] for edge in (-dx, dx + 1))
        ink |= last > before
    return ink.astype(np.uint8)


# Pictures --------------------------------------------------------------------------------------------------------


def _flattened(image: Image.Image) -> np.ndarray:
    """Float [height, width, 3], 0..255, without transparency: the clear part takes the colour of the paper."""
    pixels = np.asarray(image, np.float32)
    if pixels.shape[2] == 3:
        return pixels
    colour, opacity = pixels[..., :3], pixels[..., 3:] / 255
    if not opacity.any():
        raise PictureError(_BLANK)
    visible = (colour * opacity).sum((0, 1)) / opacity.sum()
    # Where most of it is clear, what we see is the ink, and the paper is whatever shows it.
    unlike_ink = 255.0 if visible.mean() < 128 else 0.0
    paper = visible if opacity.mean() > 0.5 else unlike_ink
    return colour * opacity + paper * (1 - opacity)


def _omniglot_original(picture: np.ndarray) -> np.ndarray | None:
    """The drawing itself, if the picture is 105x105 in pure black and white with strokes as wide as Omniglot's."""
    if picture.shape[:2] != (SIDE, SIDE) or not np.isin(picture, (0, 255)).all():
        return None
    ink = picture[..., 0] < 128
    if ink.mean() > 0.5:
        ink = ~ink
    return ink.astype(np.uint8) if ink.any() and abs(_width(ink) - STROKE_WIDTH) <= 1 else None


def _ink_strength(picture: np.ndarray) -> np.ndarray:
    """How much ink is at each pixel, [height, width]: 0 is paper, 1 the strongest ink, 0.5 the edge of a stroke."""
    difference = np.abs(picture - np.median(picture, (0, 1)))
    if np.median(difference) <= 1:  # drawn on a screen, or scanned: the paper is all of one colour
        return _relative(difference / 255)
    # Strokes are narrow, so a pixel of ink is far from the mean around it, and a pixel of paper near it.
    grey = picture.mean(2)
    lean = grey - ndimage.uniform_filter(grey, max(grey.shape) // 3)
    if (lean**3).sum() > 0:
        picture = 255 - picture
    picture = ndimage.gaussian_filter(picture, (1, 1, 0))  # the grain
    # How wide the strokes are shows at half the size, with a neighbourhood wider than any; then a closer one will do.
    half = picture[::2, ::2]
    width = 2 * _width(_relative(_light_taken(half, max(half.shape) // 3)) > 0.5)
    return _relative(_light_taken(picture, min(max(grey.shape) // 3, int(8 * width))))


def _light_taken(photo: np.ndarray, size: int) -> np.ndarray:
    """Which share of the light of the paper around it, ``size`` wide, is missing at each pixel: [height, width, 3]."""
    # The square is wider than a stroke, so it finds paper around ink. It fits into most shadows, and with the edges of
    # the photo drawn on for ever into what lies beside the paper, so the edges of these are not taken for ink.
    endless = np.pad(photo, ((size, size), (size, size), (0, 0)), "edge")
    paper = ndimage.grey_closing(endless, (size, size, 1))[size:-size, size:-size]
    taken = 1 - (photo + 8) / (paper + 8)  # the 8: where there is no light, noise is not ink
    return taken - np.median(taken, (0, 1))


def _relative(taken: np.ndarray) -> np.ndarray:
    """The strength of the ink from what it takes of each colour, [height, width, 3] to [height, width]."""
    strongest = np.percentile(taken, 99.9, (0, 1))
    noise = 1.48 * np.median(np.abs(taken), (0, 1))
    seen = (strongest > _FAINTEST) & (strongest > 5 * noise)
    if not seen.any():
        raise PictureError(_BLANK)
    taken, strongest = taken[..., seen], strongest[seen]
    mean = taken @ strongest / (strongest @ strongest)
    if not _has_ruled_lines(mean > 0.5):
        return mean
    # The ink of ruled lines is usually coloured and weak: it lacks in some colour that the pen's ink shows in. Where
    # the lines are grey, ask for more: what was 0.7 is then the edge of a stroke.
    lowest = (taken / strongest)[..., strongest > 0.5 * strongest.max()].min(2)
    return lowest if not _has_ruled_lines(lowest > 0.5) else lowest - 0.2


def _has_ruled_lines(ink: np.ndarray) -> bool:
    """Whether a connected part of the ink runs from edge to edge of the picture."""
    height, width = ink.shape
    boxes = ndimage.find_objects(ndimage.label(ink, _EIGHT)[0])
    return any(y.stop - y.start > 0.95 * height or x.stop - x.start > 0.95 * width for y, x in boxes)


def _centre_lines(strength: np.ndarray) -> np.ndarray:
    """The centre lines of the character in a map of ink strength: points (row, column), float [n, 2]."""
    ink = _character(apply_hysteresis_threshold(strength, 0.5, 0.65))
    rows, columns = np.nonzero(ink)
    around = tuple(slice(max(line.min() - 3, 0), line.max() + 4) for line in (rows, columns))
    ink, strength = ink[around], strength[around]
    wanted = LONG_SIDE * _FINE / max(ink.shape)
    if wanted > 1:  # a small picture: enlarged in grey, its strokes become smooth instead of square
        near = ndimage.binary_dilation(ink, _EIGHT, 2)
        ink = ndimage.zoom(np.where(near, strength, 0), wanted, order=3) > 0.5
    ink = np.pad(ink, 1)
    width = _width(ink)
    ink = ndimage.gaussian_filter(ink.astype(np.float32), width / 6) > 0.5  # a rough edge grows spurs
    ink = ~_large(~ink, width**2 / 4)  # and a hole in the ink grows a ring
    points = np.argwhere(_without_spurs(skeletonize(ink), 0.75 * width)).astype(float)
    widest = 2 * ndimage.distance_transform_edt(ink).max()
    if widest > 0.8 * np.ptp(np.argwhere(ink), axis=0).max():
        points = points.mean(0, keepdims=True)  # as round as a dot
    return points


def _character(ink: np.ndarray) -> np.ndarray:
    """The ink without specks, and without the table beside the paper."""
    labels, count = ndimage.label(ink, _EIGHT)
    border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    table = np.bincount(border, minlength=count + 1) > min(ink.shape) / 2
    table[0] = False
    inside = ink & ~table[labels]
    if inside.sum() > 0.1 * ink.sum():
        ink = inside
    return _large(ink, min(_width(ink) ** 2 / 3, ink.sum() / 4))


def _large(mask: np.ndarray, area: float) -> np.ndarray:
    """The connected parts of a mask of at least that area."""
    labels, _ = ndimage.label(mask, _EIGHT)
    large = np.bincount(labels.ravel()) >= area
    large[0] = False
    return large[labels]


def _width(ink: np.ndarray) -> float:
    """The width of the strokes, in pixels: along the skeleton, the median distance to the paper on both sides."""
    if not ink.any():
        raise PictureError(_BLANK)
    ink = np.pad(ink[ndimage.find_objects(ink.astype(np.uint8))[0]], 1)
    return 2 * float(np.median(ndimage.distance_transform_edt(ink)[skeletonize(ink)])) - 1


def _without_spurs(skeleton: np.ndarray, length: float) -> np.ndarray:
    """The skeleton without the branches shorter than ``length`` that end at nothing: rough edges grow them."""
    neighbours = ndimage.convolve(skeleton.astype(np.uint8), _EIGHT.astype(np.uint8), mode="constant") - 1
    joints = ndimage.binary_dilation(skeleton & (neighbours > 2), _EIGHT)
    labels, count = ndimage.label(skeleton & ~joints, _EIGHT)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    spur = sizes < length
    spur[0] = False
    spur &= np.bincount(labels[skeleton & (neighbours == 1)], minlength=count + 1) > 0
    spur &= np.bincount(labels[ndimage.binary_dilation(joints, _EIGHT)], minlength=count + 1) > 0
    return skeletonize(skeleton & ~spur[labels])


def _placed(points: np.ndarray) -> np.ndarray:
    """Centre lines marked on the fine grid, in the size and at the place of real drawings: bool [105 * 5, 105 * 5]."""
    low, high = points.min(0), points.max(0)
    scale = (LONG_SIDE - STROKE_WIDTH) / max((high - low).max(), 1e-9)
    cells = ((points - (low + high) / 2) * scale + CENTRE[::-1]) * _FINE
    grid = np.zeros((SIDE * _FINE, SIDE * _FINE), bool)
    grid[tuple(cells.astype(int).T)] = True
    return grid

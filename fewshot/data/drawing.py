"""From a user's drawing to a drawing like Omniglot's: strokes from the pad, or an uploaded picture.

What real Omniglot drawings look like (measured on the 29,580 drawings of 45 alphabets, at 105x105): the stroke is
5 pixels wide (ink area by skeleton length: median 5.0, 5th to 95th percentile 4.7 to 5.5), with round ends and hard
edges; the box around the ink has a long side of 68 pixels (median; 44 to 88), and its centre is near (51, 50.5).

Both ways end in the same place: every pixel whose centre lies within half a stroke width of the strokes' centre lines
becomes ink. The width for this is 5.2, because these lines, unlike Omniglot's, fall between pixels: 300 real drawings,
traced and rendered again, keep 99 % of their ink, at 105x105 and at 26x26, and 98.9 % of the pixels of 26x26. The
pad's strokes are centre lines already. In a picture they have to be found:

1. The ink: see ``ink``.
2. The centre lines: the ink is thinned, which keeps its parts and holes; the lines that then lead into mere corners and
   bumps of a stroke go, and what is as wide as it is long becomes a point.
3. The place: the lines are scaled and moved to the size and the centre that real drawings have. Where strokes would
   run together there, a pixel of paper keeps them apart.
"""

import math
from numbers import Real

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage
from skimage.morphology import skeletonize

from fewshot.data.ink import BLANK, EIGHT, enlarged, ink_margin, large, stroke_width
from fewshot.data.omniglot import SIDE
from fewshot.data.pictures import PictureError, decode, decode_frames

STROKE_WIDTH = 5.2  # pixels at 105x105, like the two figures below
LONG_SIDE = 68.0  # of the box around the ink
CENTRE = (51.0, 50.5)  # x and y of the middle of that box

MAX_STROKES = 500
MAX_POINTS = 20_000
MAX_ON_SHEET = 64

_FINE = 5  # grid cells per pixel; odd, so that one cell lies on the centre of each pixel


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
    picture = _fullest([_flattened(image) for image in decode_frames(data)])
    original = _omniglot_original(picture)
    if original is not None:
        return original
    return _placed(_centre_lines(ink_margin(picture)))


def read_sheet(data: bytes) -> list[np.ndarray]:
    """The characters on a sheet, row by row, each as ``read_picture`` would give it alone: uint8 [105, 105].

    Parts closer to each other than .3 of the usual side of the sheet's larger parts are one character, and what is
    small belongs to the character next to it, as the dot of an i does. Raises PictureError as ``read_picture`` does,
    and for more than MAX_ON_SHEET characters.
    """
    picture = _flattened(decode(data))
    original = _omniglot_original(picture)
    if original is not None:  # of one character
        return [original]
    margin = ink_margin(picture)
    groups = _characters(margin)
    boxes = ndimage.find_objects(groups)
    if len(boxes) > MAX_ON_SHEET:
        raise PictureError(f"The sheet has more than {MAX_ON_SHEET} characters: please crop it.")
    order: list[list[int]] = []
    bottom = -1.0
    for number in sorted(range(len(boxes)), key=lambda k: boxes[k][0].start + boxes[k][0].stop):
        middle = (boxes[number][0].start + boxes[number][0].stop) / 2
        if middle > bottom:
            order.append([])
            bottom = boxes[number][0].stop
        order[-1].append(number)
    rows = [sorted(row, key=lambda k: boxes[k][1].start) for row in order]
    return [
        _placed(_centre_lines(np.where(groups[boxes[k]] == k + 1, margin[boxes[k]], -0.3))) for row in rows for k in row
    ]


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
    marks = np.pad(centre_lines, ((reach, reach), (reach + 1, reach))).astype(np.int32)
    np.cumsum(marks, axis=1, dtype=np.int32, out=marks)  # of numpy's, of 32 bits an eighth of the time of 16
    ink = np.zeros((SIDE, SIDE), bool)
    for dy in range(-reach, reach + 1):
        dx = math.isqrt(reach**2 - dy**2)
        row = marks[reach + dy + _FINE // 2 :: _FINE][:SIDE]
        before, last = (row[:, reach + edge + _FINE // 2 :: _FINE][:, :SIDE] for edge in (-dx, dx + 1))
        ink |= last > before
    return ink.astype(np.uint8)


# Pictures --------------------------------------------------------------------------------------------------------


def _flattened(image: Image.Image) -> np.ndarray:
    """Float [height, width, 3], 0..255, without transparency: what is clear is paper, or else the ink."""
    pixels = np.asarray(image, np.float32)
    if pixels.shape[2] == 3:
        return pixels
    colour, opacity = pixels[..., :3], pixels[..., 3:] / 255
    if not opacity.any():
        raise PictureError(BLANK)
    if (opacity > 0.99).all():
        return colour
    visible = colour[opacity[..., 0] > 0.5]
    paper = np.median(visible, 0) if len(visible) else 255.0
    if opacity.mean() > 0.5 and (np.abs(visible - paper).max(1) > 64).mean() > 0.01:  # paper with ink on it, cut out
        return colour * opacity + paper * (1 - opacity)
    return np.repeat(255 * (1 - opacity), 3, axis=2)  # ink of any colours on clear ground, or paper with ink cut out


def _fullest(frames: list[np.ndarray]) -> np.ndarray:
    """Of an animation that draws itself the frame with all strokes; of any other the first one."""
    if len(frames) == 1:
        return frames[0]
    small = np.stack([ndimage.zoom(frame.mean(2), 100 / max(frame.shape), order=1) for frame in frames])
    ink = np.abs(small - np.median(small[0])) > 30
    fullest = 0
    for k in range(1, len(frames)):  # a frame that keeps what was there, and adds to it
        if (ink[k] & ink[fullest]).sum() >= 0.95 * ink[fullest].sum() and ink[k].sum() > ink[fullest].sum():
            fullest = k
    return frames[fullest]


def _omniglot_original(picture: np.ndarray) -> np.ndarray | None:
    """The drawing itself, if the picture is 105x105 in pure black and white with strokes as wide as Omniglot's."""
    if picture.shape[:2] != (SIDE, SIDE) or not np.isin(picture, (0, 255)).all():
        return None
    ink = picture[..., 0] < 128
    if ink.mean() > 0.5:
        ink = ~ink
    if not ink.any():
        return None
    # Of the ink of each of Omniglot's drawings, 83 % or more is in squares of 4x4 of it, blots and all 96 % in 9x9.
    in_squares, in_blots = (ndimage.binary_opening(ink, np.ones((k, k))).sum() / ink.sum() for k in (4, 9))
    return ink.astype(np.uint8) if in_squares > 0.75 and in_blots < 0.98 else None


def _characters(margin: np.ndarray) -> np.ndarray:
    """Which character of a sheet each place belongs to, from 1, where its ink is or is near: int [h, w]."""
    labels, _ = ndimage.label(margin > 0, EIGHT)
    sides = _long_sides(labels)
    usual = float(np.median(sides[sides > 0.5 * sides.max()]))
    groups, _ = ndimage.label(ndimage.distance_transform_edt(margin <= 0) < 0.15 * usual, EIGHT)
    inked = np.where(margin > 0, groups, 0)
    sides = _long_sides(inked)
    whole = 1 + np.flatnonzero(sides > 0.4 * np.median(sides[sides > 0.5 * sides.max()]))
    where = ndimage.distance_transform_edt(~np.isin(inked, whole), return_distances=False, return_indices=True)
    nearest = inked[tuple(where)]  # of the characters, to each place
    for small in set(range(1, len(sides) + 1)) - set(whole):
        part = groups == small
        groups[part] = np.bincount(nearest[part]).argmax()
    return np.searchsorted(whole, groups) * (groups > 0) + (groups > 0)


def _long_sides(labels: np.ndarray) -> np.ndarray:
    """The longer side of the box around each labelled part: int [number of parts]."""
    return np.array([max(y.stop - y.start, x.stop - x.start) for y, x in ndimage.find_objects(labels)])


def _centre_lines(margin: np.ndarray) -> np.ndarray:
    """The centre lines of the ink, where the margin is above 0: marked in a mask with paper around, bool [h, w]."""
    rows, columns = np.nonzero(margin > 0)
    around = tuple(slice(max(line.min() - 2, 0), line.max() + 3) for line in (rows, columns))
    margin = enlarged(margin[around].clip(-0.3, 0.3), LONG_SIDE * _FINE)
    ink = large(np.pad(margin > 0, 2), 9)  # enlarging may leave specks beside sharp edges
    ink = ~large(~ink, max(6, (stroke_width(ink) / 6) ** 2), None)  # pinholes
    depth = ndimage.distance_transform_edt(ink)
    lines = skeletonize(ink)
    # Where lines cross, thinning may leave a hole in which there is no paper.
    around_paper, _ = ndimage.label(~lines)
    lines = skeletonize(lines | ~np.isin(around_paper, around_paper[~ink]))
    lines = _without_spurs(lines, depth)
    return _with_points_for_dots(lines, ink, depth)


def _without_spurs(lines: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Centre lines without the branches that only lead into a corner or a bump of their stroke.

    ``depth`` is how far each pixel is from the paper: a branch counts by how far it leads out of the largest disc of
    ink around the joint where it starts.
    """
    while True:
        neighbours = ndimage.convolve(lines.astype(np.uint8), EIGHT.astype(np.uint8), mode="constant") - 1
        joints = ndimage.binary_dilation(lines & (neighbours > 2), EIGHT)
        labels, count = ndimage.label(lines & ~joints, EIGHT)
        branches = np.arange(count + 1)
        sizes = np.bincount(labels.ravel(), minlength=count + 1)
        ends = ndimage.maximum(lines & (neighbours == 1), labels, branches) > 0
        disc = ndimage.maximum(ndimage.grey_dilation(np.where(joints & lines, depth, 0), (5, 5)), labels, branches)
        spur = ends & (sizes + 1.5 < 1.5 * disc)
        spur[0] = False
        if not spur.any():
            return lines
        lines = skeletonize(lines & ~spur[labels])


def _with_points_for_dots(lines: np.ndarray, ink: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Centre lines in which each part that is as wide as it is long is one point."""
    lines = lines.copy()
    labels, _ = ndimage.label(ink, EIGHT)
    for number, box in enumerate(ndimage.find_objects(labels), 1):
        part = labels[box] == number
        pieces = ndimage.label(lines[box] & part, EIGHT)[0]
        sizes = np.bincount(pieces.ravel())
        if len(sizes) > 2:  # a spur may leave a piece behind
            lines[box] &= ~part | (pieces == 1 + sizes[1:].argmax())
        if max(part.shape) < 1.4 * 2 * depth[box][part].max():
            lines[box] &= ~part
            y, x = ndimage.center_of_mass(part)
            lines[box][round(y), round(x)] = True
    return lines


def _placed(lines: np.ndarray) -> np.ndarray:
    """Centre lines drawn in the size and at the place of real drawings: bool [h, w] to uint8 [105, 105], ink = 1.

    Where strokes would run together, a pixel of paper keeps parts apart and holes open.
    """
    points = np.argwhere(lines)
    low, high = points.min(0), points.max(0)
    # Lines much shorter than their ink is wide are a dot.
    scale = (LONG_SIDE - STROKE_WIDTH) / max((high - low).max(), 0.3 * max(lines.shape))
    around = math.ceil(STROKE_WIDTH / 2 / scale) + 2
    lines = np.pad(lines[low[0] : high[0] + 1, low[1] : high[1] + 1], around)
    nearest = ndimage.distance_transform_edt(~lines, return_distances=False, return_indices=True)
    # Where the middle of each pixel lies in the mask, and the centre line next to it.
    middle = np.array(lines.shape)[:, None, None] / 2 - 0.5
    place = (np.indices((SIDE, SIDE)) + 0.5 - np.array(CENTRE[::-1])[:, None, None]) / scale + middle
    rows, columns = np.rint(place).astype(int).clip(0, np.array(lines.shape)[:, None, None] - 1)
    next_to = nearest[:, rows, columns]
    ink = np.hypot(*(place - next_to)) * scale <= STROKE_WIDTH / 2

    parts = ndimage.label(lines, EIGHT)[0][tuple(next_to)] * ink
    apart = ink & (ndimage.maximum_filter(parts, 3) == parts)
    enclosed, count = ndimage.label(~lines)
    # A speck of paper in the corner of a crossing is no hole, unless it is all that is seen of one.
    region = enclosed[rows, columns]
    papers = ndimage.label(~apart)[0]
    specks = ~apart & (np.bincount(papers.ravel()) < 4)[papers]
    apart |= specks & np.isin(region, region[~apart & ~specks])
    for hole in set(range(2, count + 1)) - set(region[~apart]):
        inside = np.where(enclosed == hole, np.hypot(*(np.indices(lines.shape) - nearest)), 0)
        deepest = np.array(np.unravel_index(inside.argmax(), inside.shape))
        apart[tuple(((deepest - middle[:, 0, 0]) * scale + CENTRE[::-1]).astype(int))] = False
    kept = _parts_and_holes(apart) == _parts_and_holes(lines)
    return (apart if kept else ink).astype(np.uint8)


def _parts_and_holes(ink: np.ndarray) -> tuple[int, int]:
    """How many connected parts the ink has, and how many holes."""
    return ndimage.label(ink, EIGHT)[1], ndimage.label(np.pad(ink, 1) == 0)[1] - 1

"""From a picture of 0 and 1 back to strokes: the centre lines of its ink, as lines of points.

1. The ink is enlarged, with its edges smoothed, so that a line of one pixel has a middle and a slanted one no steps.
2. It is thinned, and the thin lines are followed from end to end and from joint to joint.
3. Lines that only lead into a corner or a bump go: they leave the largest disc of ink around their joint by little.
4. Each line is smoothed between its ends, and keeps only the points that it needs.
"""

import math
from collections import Counter

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import skeletonize

Point = tuple[float, float]  # x and y, x right, y down
Stroke = list[Point]

_FINE = 8  # cells to a side of a pixel
_SMOOTHED = 0.45  # pixels, the sigma of the edges' smoothing
_STEADY = 0.5  # pixels, the sigma of the lines' smoothing
_OFF = 0.06  # pixels that a line may lie off its points that are left out
_AROUND = [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)]


def trace(image: NDArray[np.uint8]) -> list[Stroke]:
    """The strokes of an image [H, W] of 0/1, as lists of points in pixels, 0..W and 0..H; a dot is one point."""
    padded = np.pad(image.astype(np.float32), 1)
    fine = padded.repeat(_FINE, 0).repeat(_FINE, 1)
    ink = ndimage.gaussian_filter(fine, _SMOOTHED * _FINE) > 0.5
    # What the smoothing would take away whole is kept as it is.
    labels, _ = ndimage.label(fine > 0.5, np.ones((3, 3)))
    kept = np.unique(labels[ink])
    ink |= (labels > 0) & ~np.isin(labels, kept)
    depth = ndimage.distance_transform_edt(ink)
    lines = _pruned(_followed(skeletonize(ink)), depth)
    return [[(x / _FINE - 1, y / _FINE - 1) for x, y in _simple(_steady(line))] for line in lines]


Cell = tuple[int, int]
Line = list[Cell]


def _neighbours(cells: set[Cell], cell: Cell) -> list[Cell]:
    """The cells next to one; across a corner only where no way along the sides leads there."""
    y, x = cell
    near = [(dy, dx) for dy, dx in _AROUND if (y + dy, x + dx) in cells]
    return [
        (y + dy, x + dx) for dy, dx in near if dy == 0 or dx == 0 or not ((y + dy, x) in cells or (y, x + dx) in cells)
    ]


def _followed(skeleton: NDArray[np.bool_]) -> list[Line]:
    """The lines of a skeleton, each from an end or a joint to another; of a ring all the way round."""
    cells = {(int(y), int(x)) for y, x in np.argwhere(skeleton)}
    near = {cell: _neighbours(cells, cell) for cell in sorted(cells)}
    lines: list[Line] = []
    used: set[tuple[Cell, Cell]] = set()  # steps that were made, both ways
    inside: set[Cell] = set()

    def follow(start: Cell, second: Cell) -> Line:
        line = [start, second]
        used.add((start, second))
        while len(near[line[-1]]) == 2 and line[-1] != start:
            a, b = near[line[-1]]
            line.append(a if a != line[-2] else b)
        used.add((line[-1], line[-2]))
        inside.update(line)
        return line

    for cell in near:
        if len(near[cell]) == 0:
            lines.append([cell])
        elif len(near[cell]) != 2:
            lines += [follow(cell, other) for other in near[cell] if (cell, other) not in used]
    for cell in near:  # what is left are rings without a joint
        if len(near[cell]) == 2 and cell not in inside:
            lines.append(follow(cell, near[cell][0]))
    return lines


def _pruned(lines: list[Line], depth: NDArray[np.float64]) -> list[Line]:
    """The lines without those that only lead into a corner or a bump; what they parted is joined."""
    while lines:
        ends = Counter(end for line in lines for end in (line[0], line[-1]))
        shortest = min(lines, key=lambda line: _beyond(line, ends, depth))
        if _beyond(shortest, ends, depth) > 0:
            break
        lines = [line for line in lines if line is not shortest]
        joint = shortest[0] if ends[shortest[0]] > 1 else shortest[-1]
        left = [line for line in lines if joint in (line[0], line[-1])]
        if len(left) == 2 and ends[joint] == 3:
            a, b = left
            joined = (a if a[-1] == joint else a[::-1]) + (b if b[0] == joint else b[::-1])[1:]
            lines = [line for line in lines if line is not a and line is not b] + [joined]
    return [_as_dot(line, depth) for line in lines]


def _beyond(line: Line, ends: Counter[Cell], depth: NDArray[np.float64]) -> float:
    """How far a line leads out of the disc at the joint where it starts, less what a stroke leads out at least.

    Infinite for a line that does not end freely, or at both ends.
    """
    free = [ends[end] == 1 for end in (line[0], line[-1])]
    if sum(free) != 1:
        return math.inf
    joint, tip = (line[-1], line[0]) if free[0] else (line[0], line[-1])
    return math.dist(joint, tip) + depth[tip] - 1.45 * depth[joint] - 0.25 * _FINE


def _as_dot(line: Line, depth: NDArray[np.float64]) -> Line:
    """A line much shorter than its ink is wide as one point in its middle."""
    return [line[len(line) // 2]] if len(line) < 0.5 * depth[line[len(line) // 2]] else line


def _steady(line: Line) -> NDArray[np.float64]:
    """A line's points [n, 2], x and y of the cells' middles, smoothed between its ends."""
    points = np.array(line, float)[:, ::-1] + 0.5
    if len(points) < 3:
        return points
    if line[0] == line[-1]:
        smooth = ndimage.gaussian_filter1d(points[:-1], _STEADY * _FINE, axis=0, mode="wrap")
        return np.vstack([smooth, smooth[:1]])
    # Mirrored through its ends, a line keeps them.
    before, after = 2 * points[0] - points[:0:-1], 2 * points[-1] - points[-2::-1]
    smooth = ndimage.gaussian_filter1d(np.vstack([before, points, after]), _STEADY * _FINE, axis=0)
    return smooth[len(before) : len(before) + len(points)]


def _simple(points: NDArray[np.float64]) -> list[Point]:
    """As few of the points as keep the line within _OFF of all (Ramer, Douglas and Peucker)."""
    if len(points) < 3:
        return [(float(x), float(y)) for x, y in points]
    start, along = points[0], points[-1] - points[0]
    length = math.hypot(*along)
    off = points - start
    away = np.abs(off[:, 0] * along[1] - off[:, 1] * along[0]) / length if length else np.hypot(*off.T)
    farthest = int(away.argmax())
    if away[farthest] <= _OFF * _FINE:
        return [(float(x), float(y)) for x, y in (points[0], points[-1])]
    return _simple(points[: farthest + 1])[:-1] + _simple(points[farthest:])

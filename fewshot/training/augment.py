"""New characters, products and emoji out of old ones: without, a network learns those of the data by heart."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from skimage.morphology import skeletonize
from torchvision.transforms.v2 import functional as F

from fewshot.data import omniglot
from fewshot.data.emoji import painted

TURN, SHEAR = 15.0, 10.0  # degrees, to both sides
SCALE = 0.15  # of the size, up and down
SHIFT = 6.0  # pixels of 105
BENDS, WAVES, BEND = 3, 1.2, 2.5  # bends of a coordinate; of each, waves a picture, and pixels of 105, both at most
HALF_LINE = 2.25  # pixels of 105 from the middle of a line: so redrawn drawings have as much ink as they had
COMPOSED = 0.3  # share of the changed characters that become part of a new one
MOST_LINE = 260  # pixels of both centre lines together, on average: longer ones become blots
EMOJI_SHIFT = 2  # pixels of 32

Drawings = NDArray[np.uint8]
Points = NDArray[np.float64]  # [N, 2], rows and columns


def augment_photos(photos: NDArray[np.uint8], rng: np.random.Generator, share: float = 0.5) -> NDArray[np.uint8]:
    """The photographs of one product [N, H, W, 3], all changed alike in a ``share`` of the cases, else left.

    A quarter turn or a mirror image, and the colours in another order: nothing that would make a photograph smoother.
    """
    if rng.random() >= share:
        return photos
    photos = np.rot90(photos, int(rng.integers(4)), axes=(1, 2))
    if rng.random() < 0.5:
        photos = photos[:, :, ::-1]
    return photos[..., rng.permutation(3)]


def augment_emoji(pictures: NDArray[np.uint8], rng: np.random.Generator, share: float = 0.5) -> NDArray[np.uint8]:
    """The pictures of one emoji [N, H, W, 3] on white, all changed alike in a ``share`` of the cases, else left.

    A mirror image, a small shift, the hues turned by one angle, and red, green and blue in another order; white stays
    white. Each colour becomes the nearest of the palette.
    """
    if rng.random() >= share:
        return pictures
    if rng.random() < 0.5:
        pictures = pictures[:, :, ::-1]
    down, right = rng.integers(-EMOJI_SHIFT, EMOJI_SHIFT + 1, 2)
    most, (height, width) = EMOJI_SHIFT, pictures.shape[1:3]
    framed = np.pad(pictures, ((0, 0), (most, most), (most, most), (0, 0)), constant_values=255)
    pictures = framed[:, most - down : most - down + height, most - right : most - right + width]
    turned = F.adjust_hue(torch.from_numpy(pictures.copy()).movedim(3, 1), rng.uniform(-0.5, 0.5))
    return painted(turned.movedim(1, 3).numpy()[..., rng.permutation(3)])


def augment(
    drawings: Drawings,
    rng: np.random.Generator,
    share: float = 0.5,
    another: Callable[[], Drawings] | None = None,
) -> Drawings:
    """The drawings of one character [N, H, W] of 0/1, all changed alike in a ``share`` of the cases, else left.

    Changed are their centre lines: by quarter turns and a mirror image, which make another character of most, by a
    small affine change and a smooth bend. Then they are drawn again, as thick as before. Some first become part of a
    new character, beside or above another one, of which ``another`` gives as many drawings.
    """
    # Some are left: what is drawn in the end has the strokes of real hands.
    if rng.random() >= share:
        return drawings
    middle = (np.array(drawings.shape[1:]) - 1) / 2
    lines = [_centre_line(one) - middle for one in drawings]
    if another is not None and rng.random() < COMPOSED:
        both = _composed(lines, [_centre_line(one) - middle for one in another()], rng)
        if np.mean([len(line) for line in both]) <= MOST_LINE:
            lines = both
    change = _change(rng)
    return np.stack([_drawn(change(line) + middle, drawings.shape[1:]) for line in lines])


def _change(rng: np.random.Generator) -> Callable[[Points], Points]:
    """A change of points around 0."""
    turn = np.deg2rad(90 * rng.integers(4) + rng.uniform(-TURN, TURN))
    cos, sin = np.cos(turn), np.sin(turn)
    shear = np.eye(2) + np.diag(np.tan(np.deg2rad(rng.uniform(-SHEAR, SHEAR, 2))))[::-1]
    mirror = np.diag([1, rng.choice([-1, 1])])
    matrix = np.exp(rng.uniform(-SCALE, SCALE)) * np.array([[cos, -sin], [sin, cos]]) @ shear @ mirror
    shift = rng.uniform(-SHIFT, SHIFT, 2)
    waves = rng.uniform(-WAVES, WAVES, (2, BENDS, 2)) * 2 * np.pi / omniglot.SIDE  # of both coordinates
    phases, sizes = rng.uniform(0, 2 * np.pi, (2, BENDS)), rng.uniform(0, BEND, (2, BENDS))

    def change(points: Points) -> Points:
        moved = points @ matrix.T + shift
        return moved + (sizes * np.sin(np.einsum("nj,cbj->ncb", moved, waves) + phases)).sum(axis=2)

    return change


def _composed(first: list[Points], second: list[Points], rng: np.random.Generator) -> list[Points]:
    """Two characters as one, beside or above each other: each of them narrower."""
    share, axis = rng.uniform(0.4, 0.6), rng.integers(2)
    narrow, narrower = np.eye(2), np.eye(2)
    narrow[axis, axis], narrower[axis, axis] = share, 1 - share
    to_side = np.eye(2)[axis] * omniglot.SIDE / 2
    return [
        np.concatenate([a @ narrow - (1 - share) * to_side, b @ narrower + share * to_side])
        for a, b in zip(first, second, strict=True)
    ]


def _centre_line(drawing: NDArray[np.uint8]) -> Points:
    return np.argwhere(skeletonize(drawing.astype(bool))).astype(np.float64)


def _drawn(points: Points, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """A picture of such a shape whose ink is near the points; what lies outside is lost."""
    at = np.rint(points).astype(int)
    at = at[((at >= 0) & (at < shape)).all(axis=1)]
    paper = np.ones(shape, bool)
    paper[tuple(at.T)] = False
    # Without any point, the distance would be to a corner.
    return np.zeros(shape, np.uint8) if paper.all() else (distance_transform_edt(paper) <= HALF_LINE).astype(np.uint8)

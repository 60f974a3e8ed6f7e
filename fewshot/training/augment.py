"""New characters, products and emoji out of old ones: without, a network learns those of the data by heart."""

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F

from fewshot.data.emoji import painted

TURN, SHEAR = 15.0, 10.0  # degrees, to both sides
SCALE = 0.15  # of the size, up and down
SHIFT = 6.0  # pixels of 105
EMOJI_SHIFT = 2  # pixels of 32


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


def augment(drawings: NDArray[np.uint8], rng: np.random.Generator, share: float = 0.5) -> NDArray[np.uint8]:
    """The drawings of one character [N, H, W] of 0/1, all changed alike in a ``share`` of the cases, else left.

    A quarter turn or a mirror image, which make another character of most, and then a small affine change.
    """
    # Some are left: what is drawn in the end has the strokes of real hands.
    if rng.random() >= share:
        return drawings
    drawings = np.rot90(drawings, int(rng.integers(4)), axes=(1, 2))
    if rng.random() < 0.5:
        drawings = drawings[:, :, ::-1]
    changed = F.affine(
        torch.from_numpy(drawings.astype(np.float32)),
        angle=rng.uniform(-TURN, TURN),
        translate=list(rng.uniform(-SHIFT, SHIFT, 2)),
        scale=float(np.exp(rng.uniform(-SCALE, SCALE))),
        shear=list(rng.uniform(-SHEAR, SHEAR, 2)),
        interpolation=InterpolationMode.BILINEAR,
    )
    return (changed.numpy() > 0.5).astype(np.uint8)

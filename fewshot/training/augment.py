"""New characters and products out of old ones: without, a network learns the few of the training data by heart."""

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F

TURN, SHEAR = 15.0, 10.0  # degrees, to both sides
SCALE = 0.15  # of the size, up and down
SHIFT = 6.0  # pixels of 105


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

"""The sampler that the definition gives: one whole-image forward pass for every pixel.

The reference for tests and the baseline of benchmarks; nothing else calls it.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from fewshot.data.photos import shrink
from fewshot.models import Network
from fewshot.models.inputs import to_tensor
from fewshot.models.multi_scale import BLOCK, MultiScalePixelCNN
from fewshot.sampling.pixels import Draw, drawer


class Sampled(NamedTuple):
    """What was drawn, as ``incremental.Drawn`` has it."""

    images: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    attention: NDArray[np.float32] | None
    own: NDArray[np.float32] | None


@torch.inference_mode()
def sample(
    network: Network,
    supports: NDArray[np.uint8],
    noise: NDArray[np.float32],
    draw: Draw,
    prefix: NDArray[np.uint8] | None = None,
    partner: Network | None = None,
) -> Sampled:
    """Draw N images of supports [S, H, W]; guidance moves away from ``partner``, which gets none of them.

    ``noise`` holds a uniform number for every pixel [N, H, W]. In colour, images and supports are [..., H, W, 3], and
    noise [N, H, W, ...] is of ``pixels.noise_of_pixel``; in two scales it is of ``MultiScaleSampler.noise_shape``.
    """
    if isinstance(network, MultiScalePixelCNN):
        return _in_two_scales(network, supports, noise, draw, prefix, partner is not None)
    n, height, width = noise.shape[:3]
    memory = network.encode(to_tensor(supports[None]))
    alone = None if partner is None else partner.encode(to_tensor(supports[None, :0]))
    images, probabilities = _drawn(network, memory, noise, draw, prefix, partner, alone)
    if not network.attends:
        return Sampled(images, probabilities, None, None)
    alphas = network.attention(to_tensor(images[None]), memory)  # of each reader [1, heads, N * H * W, keys]
    alpha = torch.cat(alphas, dim=1)[0, :, :, 1:].unflatten(1, (n, height * width)).permute(1, 2, 0, 3)
    grid = network.grid(height, width)
    places = len(supports) * grid[0] * grid[1]
    attention, own = alpha.split([places, alpha.shape[3] - places], dim=3)
    attention = attention.unflatten(3, (len(supports), *grid)).numpy()
    own = own.unflatten(3, (height // network.config.stride, -1)).numpy() if network.config.own else None
    return Sampled(images, probabilities, attention, own)


def _drawn(
    network: Network,
    memory: Any,
    noise: NDArray[np.float32],
    draw: Draw,
    prefix: NDArray[np.uint8] | None,
    partner: Network | None = None,
    alone: Any = None,
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Images and probabilities, of what a network and its partner remember."""
    n, height, width = noise.shape[:3]
    channels = network.config.channels
    images = np.zeros((n, height, width, *((channels,) if channels > 1 else ())), np.uint8)
    probabilities = np.zeros((n, height, width), np.float32)
    to_pixels = drawer(network.head)
    for r in range(height):
        for c in range(width):
            x = to_tensor(images[None])
            outputs = network.decode(x, memory)[0, :, :, r, c].T.numpy()
            without = None if partner is None else partner.decode(x, alone)[0, :, :, r, c].T.numpy()
            given = prefix[r, c] if prefix is not None and r < len(prefix) else None
            images[:, r, c], probabilities[:, r, c] = to_pixels(outputs, noise[:, r, c], draw, given, without)
    return images, probabilities


def _in_two_scales(
    network: MultiScalePixelCNN,
    supports: NDArray[np.uint8],
    noise: NDArray[np.float32],
    draw: Draw,
    prefix: NDArray[np.uint8] | None,
    guided: bool,
) -> Sampled:
    """The small pictures, and then the details of each; the noise is as ``MultiScaleSampler`` has it."""
    n, (height, width) = len(noise), supports.shape[1:3]
    of_details, of_small = np.split(noise, [height * width * network.details.head.noise], axis=1)
    rows = None if prefix is None else shrink(prefix[None, : len(prefix) // BLOCK * BLOCK], width // BLOCK)[0]
    small = sample(
        network.small,
        shrink(supports, width // BLOCK),
        of_small.reshape(n, height // BLOCK, width // BLOCK, -1),
        draw,
        rows,
        network.small if guided else None,
    )
    vector = network.details.encode(to_tensor(supports[None]))
    parts = [
        _drawn(network.details, network.details.located(vector, to_tensor(picture[None, None])[0]), one, draw, prefix)
        for picture, one in zip(small.images, of_details.reshape(n, 1, height, width, -1), strict=True)
    ]
    images, probabilities = map(np.concatenate, zip(*parts, strict=True))
    assert small.attention is not None
    attention = small.attention.reshape(n, height // BLOCK, width // BLOCK, *small.attention.shape[2:])
    attention = attention.repeat(BLOCK, axis=1).repeat(BLOCK, axis=2).reshape(n, height * width, *attention.shape[3:])
    return Sampled(images, probabilities, attention, None)

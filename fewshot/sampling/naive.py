"""The sampler that the definition gives: one whole-image forward pass for every pixel.

The reference for tests and the baseline of benchmarks; nothing else calls it.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from fewshot.models import PixelCNN
from fewshot.models.inputs import to_tensor
from fewshot.sampling.pixels import Draw, drawer


class Sampled(NamedTuple):
    """What was drawn, as ``incremental.Drawn`` has it."""

    images: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    attention: NDArray[np.float32] | None
    own: NDArray[np.float32] | None


@torch.inference_mode()
def sample(
    network: PixelCNN,
    supports: NDArray[np.uint8],
    noise: NDArray[np.float32],
    draw: Draw,
    prefix: NDArray[np.uint8] | None = None,
    partner: PixelCNN | None = None,
) -> Sampled:
    """Draw N images of supports [S, H, W]; guidance moves away from ``partner``, which gets none of them.

    ``noise`` holds a uniform number for every pixel [N, H, W]. In colour, images and supports are [..., H, W, 3], and
    noise [N, H, W, ...] is of ``pixels.noise_of_pixel``.
    """
    n, height, width = noise.shape[:3]
    memory = network.encode(to_tensor(supports[None]))
    alone = None if partner is None else partner.encode(to_tensor(supports[None, :0]))
    images = np.zeros((n, *supports.shape[1:]), np.uint8)
    probabilities = np.zeros((n, height, width), np.float32)
    to_pixels = drawer(network.head)
    for r in range(height):
        for c in range(width):
            x = to_tensor(images[None])
            outputs = network.decode(x, memory)[0, :, :, r, c].T.numpy()
            without = None if partner is None else partner.decode(x, alone)[0, :, :, r, c].T.numpy()
            given = prefix[r, c] if prefix is not None and r < len(prefix) else None
            images[:, r, c], probabilities[:, r, c] = to_pixels(outputs, noise[:, r, c], draw, given, without)
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

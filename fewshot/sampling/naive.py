"""The sampler that the definition gives: one whole-image forward pass for every pixel.

The reference for tests and the baseline of benchmarks; nothing else calls it.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from fewshot.models import PixelCNN
from fewshot.models.inputs import to_tensor
from fewshot.sampling.pixels import DRAW


@torch.inference_mode()
def sample(
    network: PixelCNN,
    supports: NDArray[np.uint8],
    noise: NDArray[np.float32],
    temperature: float = 1.0,
    prefix: NDArray[np.uint8] | None = None,
) -> tuple[NDArray, NDArray, NDArray | None]:
    """Images and probabilities [N, H, W] and attention [N, H*W, heads, S, H', W'] of supports [S, H, W].

    ``noise`` holds a uniform number for every pixel [N, H, W]. In colour, images and supports are [..., H, W, 3], and
    noise [N, H, W, 4].
    """
    n, height, width = noise.shape[:3]
    memory = network.encode(to_tensor(supports[None]))
    images = np.zeros((n, *supports.shape[1:]), np.uint8)
    probabilities = np.zeros((n, height, width), np.float32)
    draw = DRAW[network.head]
    for r in range(height):
        for c in range(width):
            outputs = network.decode(to_tensor(images[None]), memory)[0, :, :, r, c].T.numpy()
            given = prefix[r, c] if prefix is not None and r < len(prefix) else None
            images[:, r, c], probabilities[:, r, c] = draw(outputs, noise[:, r, c], temperature, given)
    if not network.attends:
        return images, probabilities, None
    weights = network.attention(to_tensor(images[None]), memory)[0]  # [heads, N * H * W, 1 + S * H' * W']
    grid = network.grid(height, width)
    weights = weights[:, :, 1:].unflatten(1, (n, height * width)).unflatten(3, (len(supports), *grid))
    return images, probabilities, weights.permute(1, 2, 0, 3, 4, 5).numpy()

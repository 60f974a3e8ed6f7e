"""Images as a network takes them."""

from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Levels = TypeVar("Levels", Tensor, NDArray[np.float32])


def to_tensor(images: NDArray[np.uint8] | Tensor, device: torch.device | str = "cpu") -> Tensor:
    """Images to what a network takes, float32 [B, N, C, H, W].

    Binary ones [B, N, H, W] of 0/1 stay what they are; of those in colour [B, N, H, W, 3], see ``units``.
    """
    x = torch.as_tensor(images).to(device, non_blocking=True).float()
    return x.unsqueeze(2) if x.ndim == 4 else units(x).movedim(4, 2)


def units(levels: Levels) -> Levels:
    """Levels 0..255 of a colour, floats, in the units of the networks, -1..1."""
    return levels * np.float32(2 / 255) - 1

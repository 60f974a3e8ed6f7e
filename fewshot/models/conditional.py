"""Conditional PixelCNN: p(x | s) = prod_t p(x_t | x_<t, f(s)), one vector f(s) for the whole image.

Reed et al. 2018, section 3.1: f is a shallow convolutional encoder, averaged over the supports, and enters every gate
of both stacks at every pixel alike.
"""

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from fewshot.models.config import ModelConfig
from fewshot.models.layers import SupportEncoder
from fewshot.models.pixelcnn import PixelCNN


class ConditionalPixelCNN(PixelCNN):
    """PixelCNN whose gates see h = f(s), the mean of the supports' vectors."""

    title = "Conditional PixelCNN"
    needs_supports = True
    draws_alone = False
    reads = "one summary of all your {pictures}, the same for every pixel"
    note = "{title} sums up your {pictures} once, the same for every pixel. It has no attention."

    def __init__(self, config: ModelConfig):
        super().__init__(config)
        maps = config.encoder_maps
        self.encoder = SupportEncoder(config.inputs, maps, config.stride)
        self.shrink = nn.Sequential(
            nn.Conv2d(maps, maps, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(maps, maps, 3, stride=2, padding=1)
        )
        self.to_vector = nn.Linear(maps * 4 * 4, self.context_size(config) - self.copied(config))

    @staticmethod
    def context_size(config: ModelConfig) -> int:
        return config.vector

    def summary(self, patches: Tensor) -> Tensor:
        """h = f(s): the encoded supports [B, S, maps, H', W'] to [B, D]."""
        vectors = self.to_vector(F.relu(F.adaptive_avg_pool2d(self.shrink(patches.flatten(0, 1)), 4)).flatten(1))
        return vectors.unflatten(0, patches.shape[:2]).mean(1)

    def encode(self, supports: Tensor) -> Any:
        if not supports.shape[1]:
            return supports.new_zeros(len(supports), self.to_vector.out_features)
        return self.summary(self.encoder(self.head.seen(supports.flatten(0, 1))).unflatten(0, supports.shape[:2]))

    def vector(self, memory: Any, targets: int) -> Tensor:
        return memory.repeat_interleave(targets, dim=0)[:, :, None, None]

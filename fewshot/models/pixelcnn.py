"""PixelCNN: p(x) = prod_t p(x_t | x_<t), the gated PixelCNN that reads no support.

The prerequisite and the control of Reed et al. 2018; the other variants extend it.
"""

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from fewshot.models.config import ModelConfig
from fewshot.models.layers import CausalInput, GatedLayer


class PixelCNN(nn.Module):
    """Gated PixelCNN. Its subclasses give ``encode`` (what is remembered of the supports), ``vector`` and ``context``.

    ``config.layers`` gated layers of ``config.maps`` feature maps; the skips of all layers add up to
    ``config.penultimate`` maps, from which two 1x1 convolutions make the logit of ink.
    """

    title = "PixelCNN"
    reads = "nothing: it knows how handwriting looks, and never sees your drawings"
    needs_supports = False
    attends = False
    adapts = False

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        self.input = CausalInput(config.channels, config.maps)
        self.layers = nn.ModuleList(
            GatedLayer(config.maps, config.penultimate, self.context_size(config), last=i == config.layers - 1)
            for i in range(config.layers)
        )
        self.penultimate = nn.Conv2d(config.penultimate, config.penultimate, 1)
        self.logit = nn.Conv2d(config.penultimate, 1, 1)

    @staticmethod
    def context_size(config: ModelConfig) -> int:
        """Length of the context that enters the gates."""
        return 0

    def encode(self, supports: Tensor) -> Any:
        """What the network remembers of the supports [B, S, C, H, W]; encoded once, read at every pixel."""
        return None

    def vector(self, memory: Any, targets: int) -> Tensor | None:
        """The context that is the same at all positions, [B*Q, D, 1, 1], for Q ``targets`` of each episode."""
        return None

    def context(self, layer: int, h: Tensor, memory: Any, context: Tensor | None) -> Tensor | None:
        """The context of the horizontal gate of ``layer``, whose input is h [B*Q, maps, H, W], given the last one."""
        return context

    def features(self, targets: Tensor, memory: Any) -> Tensor:
        """What the logits are made of: features [B*Q, penultimate, H, W], each of the pixels before its own."""
        v, h = self.input(targets.flatten(0, 1))
        vector = context = self.vector(memory, targets.shape[1])
        skips = 0
        for i, layer in enumerate(self.layers):
            context = self.context(i, h, memory, context)
            v, h, skip = layer(v, h, vector, context)
            skips = skips + skip
        return F.relu(self.penultimate(F.relu(skips)))

    def decode(self, targets: Tensor, memory: Any) -> Tensor:
        """Logits of ink [B, Q, 1, H, W] at every pixel of the targets [B, Q, C, H, W], given the pixels before it."""
        return self.to_logits(self.features(targets, memory)).unflatten(0, targets.shape[:2])

    def to_logits(self, features: Tensor) -> Tensor:
        """Logits of ink [N, 1, H, W] of the features [N, penultimate, H, W]."""
        return self.logit(features)

    def forward(self, targets: Tensor, supports: Tensor) -> Tensor:
        """Logits [B, Q, 1, H, W] of Q targets [B, Q, C, H, W] of B episodes, given their supports [B, S, C, H, W]."""
        return self.decode(targets, self.encode(supports))

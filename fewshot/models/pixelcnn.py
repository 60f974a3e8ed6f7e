"""PixelCNN: p(x) = prod_t p(x_t | x_<t), the gated PixelCNN that reads no support.

The prerequisite and the control of Reed et al. 2018; the other variants extend it.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fewshot.models.base import Network
from fewshot.models.config import ModelConfig
from fewshot.models.layers import CausalInput, GatedLayer


class PixelCNN(Network):
    """Gated PixelCNN. Its subclasses give ``encode`` (what is remembered of the supports), ``vector`` and ``contexts``.

    ``config.layers`` gated layers of ``config.maps`` feature maps; the skips of all layers add up to
    ``config.penultimate`` maps, from which two 1x1 convolutions make the outputs of the ``head``: for binary images,
    the logit of ink.
    """

    title = "PixelCNN"
    reads = "nothing: all it knows is its training, and it never sees your {pictures}"
    note = (
        "{title} looks at none of your {pictures}. All it knows is what it was trained on, and the pixels that it has "
        "drawn so far. So there is no heatmap to show."
    )

    def __init__(self, config: ModelConfig):
        super().__init__(config)
        self.input = CausalInput(config.inputs, config.maps)
        self.layers = nn.ModuleList(
            GatedLayer(
                config.maps,
                config.penultimate,
                self.context_size(config),
                dilation=2 ** (i % config.dilation_cycle),
                last=i == config.layers - 1,
            )
            for i in range(config.layers)
        )
        self.penultimate = nn.Conv2d(config.penultimate, config.penultimate, 1)
        self.logit = nn.Conv2d(config.penultimate + self.copied(config), self.head.outputs, 1)

    @staticmethod
    def context_size(config: ModelConfig) -> int:
        """Length of the context that enters the gates."""
        return 0

    @staticmethod
    def copied(config: ModelConfig) -> int:
        """How many numbers, the last of the context, the head sees as they are."""
        return 0

    def encode(self, supports: Tensor) -> Any:
        """What the network remembers of the supports [B, S, C, H, W]; encoded once, read at every pixel."""
        return None

    def vector(self, memory: Any, targets: int) -> Tensor | None:
        """The context of all layers, for Q ``targets`` of each episode: the same at all positions, [B*Q, D, 1, 1].

        Where a picture is known in a smaller size, it differs between positions, [B*Q, D, H, W].
        """
        return None

    def contexts(
        self, layer: int, h: Tensor, x: Tensor, memory: Any, above: Tensor | None, here: Tensor | None
    ) -> tuple[Tensor | None, Tensor | None]:
        """The contexts of both stacks' gates in ``layer``, given those of the layer below.

        ``h`` [B*Q, maps, H, W] is the layer's horizontal input and ``x`` [B*Q, C, H, W] the targets.
        """
        return above, here

    def features(self, targets: Tensor, memory: Any) -> Tensor:
        """What the outputs are made of: features [B*Q, D, H, W], each of the pixels before its own."""
        x = targets.flatten(0, 1)
        v, h = self.input(self.head.seen(x))
        above = here = self.vector(memory, targets.shape[1])
        skips = x.new_zeros(())
        for i, layer in enumerate(self.layers):
            above, here = self.contexts(i, h, x, memory, above, here)
            v, h, skip = layer(v, h, above, here)
            skips = skips + skip
        features = F.relu(self.penultimate(F.relu(skips)))
        copied = self.copied(self.config)
        return torch.cat([features, here[:, -copied:]], dim=1) if copied and here is not None else features

    def decode(self, targets: Tensor, memory: Any) -> Tensor:
        """The head's outputs [B, Q, P, H, W] at every pixel of the targets [B, Q, C, H, W], given the pixels before."""
        return self.to_logits(self.features(targets, memory)).unflatten(0, targets.shape[:2])

    def to_logits(self, features: Tensor) -> Tensor:
        """Outputs [N, P, H, W] of the features [N, D, H, W]."""
        # In full precision, also where bf16 is used inside: the 256 levels of a colour are finer than that.
        with torch.autocast(features.device.type, enabled=False):
            return self.logit(features.to(self.logit.weight.dtype))

"""A few-shot classifier that is independent of the density estimators: it judges their drawings.

Prototypical network (Snell et al. 2017, arXiv 1703.05175): a drawing belongs to the character whose prototype, the mean
embedding of its supports, is nearest.
"""

import torch.nn.functional as F
from torch import Tensor, nn

GROUPS = 8  # of the maps, normalised together


class Classifier(nn.Module):
    """Embeds drawings [..., C, H, W] as [..., features], by four convolutions with normalisation and pooling.

    Of 26x26 pixels, features are as many as ``maps``; of 32x32, four times as many.
    """

    def __init__(self, channels: int = 1, maps: int = 64):
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv2d(maps if i else channels, maps, 3, padding=1) for i in range(4))
        self.norms = nn.ModuleList(nn.GroupNorm(GROUPS, maps) for _ in range(4))

    def forward(self, drawings: Tensor) -> Tensor:
        x = drawings.flatten(0, -4)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = F.max_pool2d(F.relu(norm(convolution(x))), 2)
        return x.flatten(1).unflatten(0, drawings.shape[:-3])

    def logits(self, targets: Tensor, supports: Tensor) -> Tensor:
        """Of targets [N, C, H, W] to be each of K characters, given their supports [K, S, C, H, W]: [N, K]."""
        prototypes = self(supports).mean(1)
        return -(self(targets)[:, None] - prototypes).square().sum(2)

"""Multi-Scale PixelCNN: p(x | s) = p(x' | s) p(x | x', s), where each pixel of x' is the mean of a block of x.

van den Oord et al. 2016 (arXiv 1601.06759), section 3.4, with supports: first a small picture, in which one pixel is a
large part of the whole, and then all pixels given that one. A network that draws 32x32 pixels at once learns what
photographs look like from near, and no object; with 8x8, each pixel is about the object. Attention PixelCNN draws the
small picture, from supports as small, and Conditional PixelCNN the details.
"""

from dataclasses import replace
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from fewshot.models.attention import AttentionPixelCNN, Memory
from fewshot.models.base import Network
from fewshot.models.conditional import ConditionalPixelCNN
from fewshot.models.config import ModelConfig
from fewshot.models.heads import LEVELS, Head, MixtureOfLogistics
from fewshot.models.inputs import units

BLOCK = 4  # pixels to a side that one pixel of the small picture is the mean of
AROUND = 64  # feature maps of what the details know of the small picture


def shrunk(images: Tensor) -> Tensor:
    """Images [..., C, H, W] of -1..1 to small ones, [..., C, H / BLOCK, W / BLOCK], of whole levels like these."""
    levels = torch.round((images + 1) * ((LEVELS - 1) / 2))  # so that no sum of them is rounded
    blocks = levels.unflatten(-1, (-1, BLOCK)).unflatten(-3, (-1, BLOCK))
    return units(torch.round(blocks.mean((-3, -1))))


def enlarged(small: Tensor) -> Tensor:
    """What there is of each block, [..., h, w], at each of its pixels."""
    return small.repeat_interleave(BLOCK, dim=-2).repeat_interleave(BLOCK, dim=-1)


class TwoScales:
    """The head of both parts: the outputs for a pixel, and after them those for its block in the small picture.

    What a block costs is divided among its pixels.
    """

    def __init__(self, head: Head):
        self.head, self.channels, self.colours, self.noise = head, head.channels, head.colours, head.noise
        self.outputs = 2 * head.outputs

    def seen(self, images: Tensor) -> Tensor:
        return self.head.seen(images)

    def nats(self, outputs: Tensor, images: Tensor) -> Tensor:
        """What each pixel of images [..., C, H, W] costs, [..., H, W], by outputs [..., P, H, W]."""
        of_pixels, of_blocks = outputs.chunk(2, dim=-3)
        nats = self.head.nats(of_blocks[..., ::BLOCK, ::BLOCK], shrunk(images))
        return self.head.nats(of_pixels, images) + enlarged(nats) / BLOCK**2


class Located(NamedTuple):
    """What the details of one picture are drawn from."""

    vector: Tensor  # h = f(s), [B, D]
    around: Tensor  # what its small picture adds to it at each pixel, [B, D, H, W]


class Details(ConditionalPixelCNN):
    """Conditional PixelCNN whose gates also see, at each pixel, the small picture around it."""

    def __init__(self, config: ModelConfig):
        super().__init__(config)
        last = nn.Conv2d(AROUND, config.vector, 1)
        self.around = nn.Sequential(
            nn.Conv2d(config.inputs + 2, AROUND, 5, padding=2),
            nn.ReLU(),
            nn.Conv2d(AROUND, AROUND, 5, padding=2),
            nn.ReLU(),
            last,
        )
        # At first the small picture says nothing, so that training can start from a Conditional PixelCNN's weights.
        nn.init.zeros_(last.weight)
        nn.init.zeros_(cast(Tensor, last.bias))

    def located(self, vector: Tensor, small: Tensor) -> Located:
        """What is remembered [B, D] of the supports, with the small pictures [B, C, h, w] of one target each."""
        picture = enlarged(small)
        within = (torch.arange(BLOCK, device=small.device, dtype=small.dtype) - (BLOCK - 1) / 2) / (BLOCK - 1) * 2
        place = torch.stack(torch.meshgrid(within, within, indexing="ij")).repeat(1, *small.shape[2:])
        return Located(vector, self.around(torch.cat([picture, place.expand(len(picture), -1, -1, -1)], dim=1)))

    def vector(self, memory: Located, targets: int) -> Tensor:
        return super().vector(memory.vector, targets) + memory.around


class Both(NamedTuple):
    """What is remembered of the supports."""

    small: Memory
    vector: Tensor  # h = f(s), [B, D]


class MultiScalePixelCNN(Network):
    """Attention PixelCNN for a small picture, and Conditional PixelCNN for all pixels given that one.

    Its outputs for a pixel depend on later ones: by the mean of their block. Those for a block do not. What it attends
    to at a pixel is what was read for its block. Colour only. ``config`` has the sizes of the details; of the network
    for the small picture it has all that is not given here.
    """

    title = "Multi-Scale PixelCNN"
    needs_supports = True
    draws_alone = False
    attends = True
    scales = 2
    reads = (
        "your {pictures} twice: first it draws a few large pixels, each of which looks where it wants, and then the "
        "details, from one summary"
    )
    extends = "details."

    def __init__(self, config: ModelConfig):
        super().__init__(config)
        if not isinstance(self.head, MixtureOfLogistics) or config.side % BLOCK or config.own:
            raise ValueError(f"two scales need all colours, a side that {BLOCK} divides, and no own drawing to read")
        self.head = TwoScales(self.head)
        side = config.side // BLOCK
        self.small = AttentionPixelCNN(replace(config, side=side, layers=8, stride=1, dilation_cycle=1, octaves=3))
        self.details = Details(replace(config, copies=False))

    def encode(self, supports: Tensor) -> Both:
        return Both(self.small.encode(shrunk(supports)), self.details.encode(supports))

    def decode(self, targets: Tensor, memory: Both) -> Tensor:
        """Outputs [B, Q, 2 P, H, W] of the targets [B, Q, C, H, W]: see ``TwoScales``."""
        small = shrunk(targets)
        of_blocks = self.small.decode(small, memory.small)
        located = self.details.located(memory.vector.repeat_interleave(targets.shape[1], 0), small.flatten(0, 1))
        of_pixels = self.details.decode(targets.flatten(0, 1)[:, None], located)
        return torch.cat([of_pixels.view(*targets.shape[:2], *of_pixels.shape[2:]), enlarged(of_blocks)], dim=2)

    def attention(self, targets: Tensor, memory: Both) -> list[Tensor]:
        """What the block of each pixel of the targets [B, Q, C, H, W] reads: see AttentionPixelCNN."""
        small = shrunk(targets)

        def of_pixels(alpha: Tensor) -> Tensor:  # [B, heads, Q * h * w, N] to [B, heads, Q * H * W, N]
            blocks = alpha.unflatten(2, (-1, *small.shape[3:])).movedim(5, 2)
            return enlarged(blocks).movedim(2, 5).flatten(2, 4)

        return list(map(of_pixels, self.small.attention(small, memory.small)))

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """The pixels of a small support."""
        return self.small.grid(height // BLOCK, width // BLOCK)

"""Attention PixelCNN: p(x | s) = prod_t p(x_t | x_<t, f_t(s)), where pixel t chooses what it reads.

Reed et al. 2018, section 3.2: the supports, augmented with their coordinates, are encoded to patches; at pixel t a
query from causal features is compared with the key of every patch of every support; the context f_t is the sum of the
patches' values weighted by the softmax, and enters the gates of the layers above.

Differs from the paper in six points. It keeps Conditional PixelCNN's vector, which is all that the vertical stack and
the layers below the query know of the supports: what was read for a pixel depends on the pixels left of it. Scores are
scaled dot products instead of v' tanh(q + k). There is one multi-head layer whose context feeds all later gates, not
one attention in each: with three, a prototype took three times as long to train. Queries, keys and values carry
Fourier features of their position: without, it needed a third more images to the same score. The supports have no
index, so that their order does not matter. And a learned *null key* lets a head read nothing, so that a head with
nothing to read does not have to rest on an arbitrary patch. A seventh where ``config.copies``: values have the colours
of their patch, as they are, and what was read of them goes to the head of the network too, so that a network that has
learnt where to look does not have to learn how to copy.
"""

from contextlib import nullcontext
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fewshot.models.attend import attend
from fewshot.models.conditional import ConditionalPixelCNN
from fewshot.models.config import ModelConfig
from fewshot.models.layers import fourier_positions


class Memory(NamedTuple):
    """What Conditional PixelCNN remembers; keys and values of the null key and of all patches of all supports."""

    vector: Tensor  # [B, heads * key_size]
    keys: Tensor  # [B, heads, 1 + S*H'*W', key_size]
    values: Tensor  # [B, heads, 1 + S*H'*W', key_size], or key_size + C: with the colours of each patch


class AttentionPixelCNN(ConditionalPixelCNN):
    """Conditional PixelCNN whose horizontal gates above ``config.attend_after`` also see what the pixel read."""

    title = "Attention PixelCNN"
    reads = "the average of your {pictures}, and at each pixel the places in them that matter"
    note = ""
    attends = True
    attend = staticmethod(attend)

    def __init__(self, config: ModelConfig):
        super().__init__(config)
        size = config.heads * config.key_size
        positions = 2 + 4 * config.octaves
        self.key = nn.Conv2d(config.encoder_maps + positions, size, 1)
        self.value = nn.Conv2d(config.encoder_maps + positions, size, 1)
        self.query = nn.Conv2d(config.maps + positions, size, 1)
        self.null_key = nn.Parameter(torch.zeros(config.heads, 1, config.key_size))
        self.null_value = nn.Parameter(torch.zeros(config.heads, 1, config.key_size))
        if config.copies:
            # At first, the mean of what the heads read is added to the means of the head's mixture.
            with torch.no_grad():
                copied = self.logit.weight[:, -self.copied(config) :, 0, 0].zero_()
                means = copied[self.head.means].unflatten(0, (config.channels, -1))
                for colour, of_colour in enumerate(means):
                    of_colour[:, colour :: config.channels] = 1 / config.heads

    @staticmethod
    def context_size(config: ModelConfig) -> int:
        return config.heads * config.key_size + AttentionPixelCNN.copied(config)

    @staticmethod
    def copied(config: ModelConfig) -> int:
        return config.heads * config.channels if config.copies else 0

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """H' and W', the patches of a support of that size."""
        return -(-height // self.config.stride), -(-width // self.config.stride)

    def add_positions(self, features: Tensor) -> Tensor:
        """Append the Fourier features of every location to [N, C, H, W]."""
        n, _, height, width = features.shape
        positions = fourier_positions(height, width, self.config.octaves, features).to(features.dtype)
        return torch.cat([features, positions.expand(n, -1, -1, -1)], dim=1)

    def split_heads(self, x: Tensor) -> Tensor:
        """[B, N, heads * key_size, H, W] to [B, heads, N * H * W, key_size]."""
        x = x.unflatten(2, (self.config.heads, self.config.key_size))
        return x.permute(0, 2, 1, 4, 5, 3).flatten(2, 4)

    def encode(self, supports: Tensor) -> Memory:
        """The vector, and keys and values, of the supports [B, S, C, H, W]."""
        patches = self.encoder(supports.flatten(0, 1))
        vector = self.summary(patches.unflatten(0, supports.shape[:2]))
        patches = self.add_positions(patches)

        def of_patches(project: nn.Module, null: Tensor) -> Tensor:
            heads = self.split_heads(project(patches).unflatten(0, supports.shape[:2]))
            return torch.cat([null.to(heads.dtype).expand(len(heads), -1, -1, -1), heads], dim=2)

        values = of_patches(self.value, self.null_value)
        if self.config.copies:
            colours = F.adaptive_avg_pool2d(supports.flatten(0, 1), patches.shape[-2:]).unflatten(0, supports.shape[:2])
            colours = F.pad(colours.movedim(2, -1).flatten(1, 3), (0, 0, 1, 0))  # none for the null key
            values = torch.cat([values, colours[:, None].expand(-1, self.config.heads, -1, -1)], dim=3)
        return Memory(vector, of_patches(self.key, self.null_key), values)

    @staticmethod
    def leave_one_out(memory: Memory) -> Memory:
        """Of the memories of S episodes with a single support each, for each support that of all the others."""
        n = len(memory.vector)
        others = torch.tensor([[j for j in range(n) if j != i] for i in range(n)], device=memory.vector.device)

        def of_others(patches: Tensor) -> Tensor:
            null, patches = patches.split([1, patches.shape[2] - 1], dim=2)
            return torch.cat([null, patches[others].transpose(1, 2).flatten(2, 3)], dim=2)

        return Memory(memory.vector[others].mean(1), of_others(memory.keys), of_others(memory.values))

    def vector(self, memory: Memory, targets: int) -> Tensor:
        return F.pad(super().vector(memory.vector, targets), (0, 0, 0, 0, 0, self.copied(self.config)))

    def queries(self, h: Tensor, memory: Memory) -> Tensor:
        """Queries [B, heads, Q*H*W, key_size] of the features h [B*Q, maps, H, W]."""
        return self.split_heads(self.query(self.add_positions(h)).unflatten(0, (memory.keys.shape[0], -1)))

    def attention(self, targets: Tensor, memory: Memory) -> Tensor:
        """What each pixel of targets [B, Q, C, H, W] reads: alpha [B, heads, Q*H*W, 1 + S*H'*W'], null key first."""
        v, h = self.input(targets.flatten(0, 1))
        vector = self.vector(memory, targets.shape[1])
        for layer in self.layers[: self.config.attend_after]:
            v, h, _ = layer(v, h, vector, vector)
        scores = self.queries(h, memory) @ memory.keys.transpose(2, 3)
        return torch.softmax(scores * self.config.key_size**-0.5, dim=3)

    def context(self, layer: int, h: Tensor, memory: Memory, context: Tensor | None) -> Tensor | None:
        if layer != self.config.attend_after:
            return context
        # Colours need full precision, also where bf16 is used for the rest.
        keep = torch.autocast(h.device.type, enabled=False) if self.config.copies else nullcontext()
        queries = self.queries(h, memory)
        with keep:
            read = self.attend(queries, memory.keys, memory.values)
        read = read.unflatten(2, (-1, *h.shape[-2:]))  # [B, heads, Q, H, W, key_size (+ C)]
        read = read.permute(0, 2, 1, 5, 3, 4).flatten(0, 1)  # [B * Q, heads, key_size (+ C), H, W]
        values, colours = read.tensor_split([self.config.key_size], dim=2)
        return context + torch.cat([values.flatten(1, 2), colours.flatten(1, 2)], dim=1)

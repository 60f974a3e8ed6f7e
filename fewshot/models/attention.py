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
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fewshot.models.attend import attend, weights
from fewshot.models.conditional import ConditionalPixelCNN
from fewshot.models.config import ModelConfig
from fewshot.models.heads import MixtureOfLogistics
from fewshot.models.layers import fourier_positions

COPIED = 4  # so that a colour that is read with certainty is likely from the first step on


class Patches(NamedTuple):
    """Keys and values of one reader: of the null key, then of all patches of all supports."""

    keys: Tensor  # [B, heads, 1 + S*H'*W', key_size]
    values: Tensor  # [B, heads, 1 + S*H'*W', key_size], or key_size + C: with the colours of each patch, as seen


class Memory(NamedTuple):
    """What Conditional PixelCNN remembers, and what each reader will look at."""

    vector: Tensor  # [B, heads * key_size]
    patches: tuple[Patches, ...]


class Reader(nn.Module):
    """One multi-head read: the queries, keys and values of one softmax.

    With ``config.own``, the drawing itself is read too, as far as it is done: patches of it, as large as those of the
    supports, stand beside these from the pixel after their last one on. Their keys and values are made of the features
    at that last pixel, which know what was drawn before it, and of the patch's pixels.
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        size, positions = config.heads * config.key_size, 2 + 4 * config.octaves
        self.key = nn.Conv2d(config.encoder_maps + positions, size, 1)
        self.value = nn.Conv2d(config.encoder_maps + positions, size, 1)
        self.query = nn.Conv2d(config.maps + positions, size, 1)
        self.null_key = nn.Parameter(torch.zeros(config.heads, 1, config.key_size))
        self.null_value = nn.Parameter(torch.zeros(config.heads, 1, config.key_size))
        if config.own:
            of_patch = config.channels * config.stride**2
            self.own_key = nn.Conv2d(config.maps + positions + of_patch, size, 1)
            self.own_value = nn.Conv2d(config.maps + positions + of_patch, size, 1)

    def of_nothing(self, n: int) -> Patches:
        """Keys and values of n episodes without supports: the null key's."""
        values = F.pad(self.null_value, (0, self.config.inputs if self.config.copies else 0))
        return Patches(*(x.expand(n, -1, -1, -1) for x in (self.null_key, values)))

    def of_supports(self, patches: Tensor, colours: Tensor | None) -> Patches:
        """Keys and values of the encoded supports [B, S, maps, H', W'] and their ``colours`` [B, S, C, H', W']."""
        n, shots = patches.shape[:2]
        patches = self.add_positions(patches.flatten(0, 1))

        def of_patches(project: nn.Module, null: Tensor) -> Tensor:
            heads = self.split_heads(project(patches).unflatten(0, (n, shots)))
            return torch.cat([null.to(heads.dtype).expand(len(heads), -1, -1, -1), heads], dim=2)

        values = of_patches(self.value, self.null_value)
        if colours is not None:
            colours = F.pad(colours.movedim(2, -1).flatten(1, 3), (0, 0, 1, 0))  # none for the null key
            values = torch.cat([values, colours[:, None].expand(-1, self.config.heads, -1, -1)], dim=3)
        return Patches(of_patches(self.key, self.null_key), values)

    def look(self, h: Tensor, x: Tensor, patches: Patches) -> tuple[Tensor, Patches, Tensor | None]:
        """Queries of the features h [B*Q, maps, H, W] of the targets x [B*Q, C, H, W], and what they look at.

        Gives queries [B, heads, Q*H*W, key_size], keys and values, and which of these they do not see (see ``attend``).
        With ``config.own`` each target is an episode of its own: B is B*Q, and Q is 1.
        """
        n = len(patches.keys)
        located = self.add_positions(h)
        queries = self.query(located)
        if not self.config.own:
            return self.split_heads(queries.unflatten(0, (n, -1))), patches, None
        own = torch.cat([self.last_of_patches(located), self.pixels_of_patches(x).to(located.dtype)], dim=1)

        def with_own(of_supports: Tensor, project: nn.Module) -> Tensor:
            of_own = self.split_heads(project(own)[:, None])
            return torch.cat([of_supports.repeat_interleave(len(h) // n, dim=0).to(of_own.dtype), of_own], dim=2)

        seen = Patches(with_own(patches.keys, self.own_key), with_own(patches.values, self.own_value))
        pixels = torch.arange(h.shape[2] * h.shape[3], device=h.device).view(h.shape[2:])
        unseen = self.last_of_patches(pixels).flatten() >= pixels.flatten()[:, None]
        return self.split_heads(queries[:, None]), seen, unseen

    def last_of_patches(self, x: Tensor) -> Tensor:
        """What stands at the last pixel of each patch that is whole: [..., H, W] to [..., H // stride, W // stride]."""
        stride = self.config.stride
        return x[..., stride - 1 :: stride, stride - 1 :: stride]

    def pixels_of_patches(self, x: Tensor) -> Tensor:
        """The pixels of each patch that is whole: [N, C, H, W] to [N, C * stride^2, H // stride, W // stride]."""
        stride = self.config.stride
        return F.pixel_unshuffle(x[..., : x.shape[2] // stride * stride, : x.shape[3] // stride * stride], stride)

    def add_positions(self, features: Tensor) -> Tensor:
        """Append the Fourier features of every location to [N, C, H, W]."""
        n, _, height, width = features.shape
        positions = fourier_positions(height, width, self.config.octaves, features).to(features.dtype)
        return torch.cat([features, positions.expand(n, -1, -1, -1)], dim=1)

    def split_heads(self, x: Tensor) -> Tensor:
        """[B, N, heads * key_size, H, W] to [B, heads, N * H * W, key_size]."""
        x = x.unflatten(2, (self.config.heads, self.config.key_size))
        return x.permute(0, 2, 1, 4, 5, 3).flatten(2, 4)


class AttentionPixelCNN(ConditionalPixelCNN):
    """Conditional PixelCNN whose gates above each of its readers also see what the pixel read."""

    title = "Attention PixelCNN"
    reads = "the average of your {pictures}, and at each pixel the places in them that matter"
    note = ""
    attends = True
    attend = staticmethod(attend)

    def __init__(self, config: ModelConfig):
        super().__init__(config)
        self.readers = nn.ModuleList(Reader(config) for _ in config.attend_after)
        if config.copies:
            # At first, the mean of what the heads read is added to the means of the head's mixture, or, COPIED times,
            # to the logits of a palette's colours.
            with torch.no_grad():
                copied = self.logit.weight[:, -self.copied(config) :, 0, 0].zero_()
                moved, times = (copied, COPIED) if config.palette else (copied[MixtureOfLogistics.means], 1)
                for colour, of_colour in enumerate(moved.unflatten(0, (config.inputs, -1))):
                    of_colour[:, colour :: config.inputs] = times / config.heads

    def all_readers(self) -> list[Reader]:
        """Its readers, from the one that reads first."""
        return cast(list[Reader], list(self.readers))

    @staticmethod
    def context_size(config: ModelConfig) -> int:
        return config.heads * config.key_size + AttentionPixelCNN.copied(config)

    @staticmethod
    def copied(config: ModelConfig) -> int:
        return config.heads * config.inputs if config.copies else 0

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """H' and W', the patches of a support of that size."""
        return -(-height // self.config.stride), -(-width // self.config.stride)

    def encode(self, supports: Tensor) -> Memory:
        """The vector, and keys and values, of the supports [B, S, C, H, W]."""
        if not supports.shape[1]:
            return Memory(super().encode(supports), tuple(r.of_nothing(len(supports)) for r in self.all_readers()))
        seen = self.head.seen(supports.flatten(0, 1))
        patches = self.encoder(seen).unflatten(0, supports.shape[:2])
        colours = None
        if self.config.copies:
            colours = F.adaptive_avg_pool2d(seen, patches.shape[-2:]).unflatten(0, supports.shape[:2])
        return Memory(self.summary(patches), tuple(r.of_supports(patches, colours) for r in self.all_readers()))

    @staticmethod
    def leave_one_out(memory: Memory, each: slice = slice(None)) -> Memory:
        """Of the memories of S episodes with a single support each, for some supports that of all the others."""
        n = len(memory.vector)
        others = torch.tensor([[j for j in range(n) if j != i] for i in range(n)], device=memory.vector.device)[each]

        def of_others(patches: Tensor) -> Tensor:
            null, patches = patches.split([1, patches.shape[2] - 1], dim=2)
            return torch.cat([null[each], patches[others].transpose(1, 2).flatten(2, 3)], dim=2)

        patches = tuple(Patches(of_others(p.keys), of_others(p.values)) for p in memory.patches)
        return Memory(memory.vector[others].mean(1), patches)

    def vector(self, memory: Memory, targets: int) -> Tensor:
        return F.pad(super().vector(memory.vector, targets), (0, 0, 0, 0, 0, self.copied(self.config)))

    def attention(self, targets: Tensor, memory: Memory) -> list[Tensor]:
        """What each pixel of targets [B, Q, C, H, W] reads, by each reader: alpha [B, heads, Q*H*W, N].

        N is 1 + S*H'*W', the null key first, and then, with ``config.own``, the patches of the target itself.
        """
        x = targets.flatten(0, 1)
        v, h = self.input(self.head.seen(x))
        above: Tensor | None = self.vector(memory, targets.shape[1])
        here, alphas = above, []
        for i, layer in enumerate(self.layers[: self.config.attend_after[-1] + 1]):
            if i in self.config.attend_after:
                reader = self.config.attend_after.index(i)
                queries, seen, unseen = self.all_readers()[reader].look(h, x, memory.patches[reader])
                alpha = weights(queries, seen.keys, unseen)
                if self.config.own:  # [B * Q, heads, H*W, N], as each target is an episode of its own
                    alpha = alpha.unflatten(0, targets.shape[:2]).transpose(1, 2).flatten(2, 3)
                alphas.append(alpha)
            above, here = self.contexts(i, h, x, memory, above, here)
            v, h, _ = layer(v, h, above, here)
        return alphas

    def contexts(
        self, layer: int, h: Tensor, x: Tensor, memory: Memory, above: Tensor | None, here: Tensor | None
    ) -> tuple[Tensor | None, Tensor | None]:
        if layer not in self.config.attend_after or above is None or here is None:
            return above, here
        i = self.config.attend_after.index(layer)
        # The 256 levels of a colour need full precision, also where bf16 is used for the rest.
        exact = self.config.copies and not self.config.palette
        keep = torch.autocast(h.device.type, enabled=False) if exact else nullcontext()
        queries, seen, unseen = self.all_readers()[i].look(h, x, memory.patches[i])
        with keep:
            read = self.attend(queries, seen.keys, seen.values, unseen)
        # [B, heads, Q * H * W, key_size (+ C)], where B may be B * Q and Q 1, to [B * Q, heads, key_size (+ C), H, W].
        read = read.unflatten(2, (-1, *h.shape[-2:])).permute(0, 2, 1, 5, 3, 4).flatten(0, 1)
        values, colours = read.tensor_split([self.config.key_size], dim=2)
        read = torch.cat([values.flatten(1, 2), colours.flatten(1, 2)], dim=1)
        if self.config.reads_above:
            above = above + F.pad(read, (0, 0, 1, 0))[:, :, :-1]
        return above, here + read

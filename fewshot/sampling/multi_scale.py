"""Sampling in two scales: the small picture whole, and then the details, a row at a time; each incrementally."""

import math
from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from fewshot.data.photos import shrink
from fewshot.models import Network, PixelCNN
from fewshot.models.inputs import to_tensor
from fewshot.models.multi_scale import BLOCK, Both, MultiScalePixelCNN
from fewshot.sampling.incremental import Drawn, IncrementalSampler, Partner
from fewshot.sampling.pixels import Draw

Array = NDArray[np.float32]


class MultiScaleSampler:
    """Draws samples of one Multi-Scale PixelCNN, as ``IncrementalSampler`` does of the others.

    Guidance moves the small picture alone, which says what is to be seen.
    """

    def __init__(self, network: MultiScalePixelCNN, height: int, width: int):
        self.network = network
        self.small = IncrementalSampler(network.small, height // BLOCK, width // BLOCK)
        self.details = IncrementalSampler(network.details, height, width)
        rows, columns = (np.arange(side) // BLOCK for side in (height, width))
        self.blocks = (rows[:, None] * (width // BLOCK) + columns).ravel()  # of each pixel

    def noise_shape(self, guided: bool) -> tuple[int, ...]:
        """The shape of the uniform numbers that decide one picture: those of the details, and then of the small one."""
        parts = self.details.noise_shape(guided=False), self.small.noise_shape(guided)
        return (sum(map(math.prod, parts)),)

    def rows(
        self,
        memories: Sequence[Both],
        noise: Array,
        draw: Draw,
        prefix: NDArray[np.uint8] | None = None,
        partner: Partner | None = None,
        trace: bool = True,
    ) -> Iterator[Drawn]:
        """See ``IncrementalSampler.rows``; the ``partner`` is this network without supports.

        Of the small picture, those rows are given whose blocks lie within the ``prefix``.
        """
        n = len(noise)
        shapes = self.details.noise_shape(guided=False), self.small.noise_shape(partner is not None)
        of_details, of_small = np.split(noise, [math.prod(shapes[0])], axis=1)
        small_rows = None
        if prefix is not None:
            small_rows = shrink(prefix[None, : len(prefix) // BLOCK * BLOCK], self.small.width)[0]
        *_, small = self.small.rows(
            [memory.small for memory in memories],
            of_small.reshape(n, *shapes[1]),
            draw,
            small_rows,
            None if partner is None else Partner(self.small, partner.memory.small),
            trace,
        )
        with torch.inference_mode():
            pictures = to_tensor(small.images[:, None])
            located = [
                self.network.details.located(memories[i * len(memories) // n].vector, picture)
                for i, picture in enumerate(pictures)
            ]
        attention = None if small.attention is None else small.attention[:, self.blocks]
        draw = draw._replace(guidance=0.0)
        for drawn in self.details.rows(located, of_details.reshape(n, *shapes[0]), draw, prefix, trace=False):
            yield drawn._replace(attention=attention)


def sampler_of(network: Network, height: int, width: int) -> IncrementalSampler | MultiScaleSampler:
    """The sampler of a network that takes no inner step any more, for images of such sides."""
    if isinstance(network, MultiScalePixelCNN):
        return MultiScaleSampler(network, height, width)
    return IncrementalSampler(cast(PixelCNN, network), height, width)

"""The flip task: of characters what ``photos`` has of photographs. The one support is the target's mirror image."""

import numpy as np
from numpy.typing import NDArray

from fewshot.data.episodes import Episodes, Transform
from fewshot.data.errors import DataError
from fewshot.data.omniglot import Drawings, max_pool
from fewshot.data.photos import mirrored


class FlipSampler:
    """Training episodes that depend on nothing but the seed and the step: a drawing, and its mirror image.

    ``transform`` gets an original drawing [1, 105, 105] and a random generator, and gives what is pooled in its place.
    """

    def __init__(self, drawings: Drawings, number: int, seed: int, transform: Transform | None = None):
        if len(drawings.images) < number:
            raise DataError(f"A step needs {number} drawings, the data has {len(drawings.images)}.")
        self.drawings, self.number, self.seed, self.transform = drawings, number, seed, transform

    def batch(self, step: int, rank: int = 0, world: int = 1) -> Episodes:
        """The episodes of one training step, or of them process ``rank``'s share among ``world``."""
        rng = np.random.default_rng([self.seed, step])
        chosen = rng.choice(len(self.drawings.images), self.number, replace=False)[rank::world]
        if self.transform is None:
            return mirrored(self.drawings.images[chosen])
        originals, generators = self.drawings.originals(chosen), rng.spawn(self.number)[rank::world]
        changed = [self.transform(one[None], each) for one, each in zip(originals, generators, strict=True)]
        return mirrored(max_pool(np.concatenate(changed)))


def some(drawings: Drawings, number: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Up to ``number`` drawings of each character, [N, 26, 26], and which character each shows, 0, 1, ... [N].

    Raises DataError for none.
    """
    if number < 1:
        raise DataError("An evaluation needs at least 1 drawing of a character.")
    rng = np.random.default_rng(seed)
    members = [rng.permutation(m)[:number] for m in drawings.characters()]
    return drawings.images[np.concatenate(members)], np.repeat(np.arange(len(members)), list(map(len, members)))

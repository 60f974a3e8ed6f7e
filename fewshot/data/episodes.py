"""Episodes: a character's supports and targets, different drawings of the same character."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fewshot.data.errors import DataError
from fewshot.data.omniglot import Drawings, max_pool

MAX_SHOTS = 8

Transform = Callable[..., NDArray[np.uint8]]


class Episodes(NamedTuple):
    """B episodes with the same number of shots: uint8 supports [B, S, H, W] and targets [B, Q, H, W] of 0/1."""

    supports: NDArray[np.uint8]
    targets: NDArray[np.uint8]


class EpisodeSampler:
    """Training episodes that depend on nothing but the seed and the step, so that a resumed run sees the same.

    A batch holds ``characters`` episodes, each of ``targets`` targets and S supports; S is drawn for each batch
    from 1..``max_shots``, and is 0 in a share of them, ``without``. Supports and targets of an episode never overlap.
    ``transform`` gets the original drawings [N, 105, 105] of an episode, a random generator, and ``another``, which
    gives as many of any character; it gives what is pooled in their place.
    """

    def __init__(
        self,
        drawings: Drawings,
        characters: int,
        targets: int,
        seed: int,
        max_shots: int = MAX_SHOTS,
        transform: Transform | None = None,
        without: float = 0.0,
    ):
        self.without = without
        self.drawings, self.seed, self.transform = drawings, seed, transform
        self.characters, self.targets, self.max_shots = characters, targets, max_shots
        self.members = [m for m in drawings.characters() if len(m) >= targets + max_shots]
        if len(self.members) < characters:
            raise DataError(
                f"Training needs at least {characters} characters with {targets + max_shots} drawings each, "
                f"the data has {len(self.members)}."
            )

    def batch(self, step: int, rank: int = 0, world: int = 1) -> Episodes:
        """The episodes of one training step, or of them process ``rank``'s share among ``world``."""
        rng = np.random.default_rng([self.seed, step])
        shots = int(rng.integers(1, self.max_shots + 1))
        if rng.random() < self.without:
            shots = 0
        chosen = rng.choice(len(self.members), self.characters, replace=False)
        drawn = np.stack([rng.permutation(self.members[c])[: shots + self.targets] for c in chosen])[rank::world]
        if self.transform is None:
            images = self.drawings.images[drawn]
        else:
            generators = rng.spawn(self.characters)[rank::world]
            episodes = zip(chosen[rank::world], drawn, generators, strict=True)
            images = np.stack([self._changed(*episode) for episode in episodes])
        return Episodes(images[:, :shots], images[:, shots:])

    def _changed(self, character: int, drawn: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.uint8]:
        """The drawings of these indices, of one character, changed and pooled."""

        def another() -> NDArray[np.uint8]:
            others = self.members[:character] + self.members[character + 1 :] or self.members
            members = others[rng.integers(len(others))]
            return self.drawings.originals(rng.permutation(members)[: len(drawn)])

        originals = self.drawings.originals(drawn)
        return max_pool(originals if self.transform is None else self.transform(originals, rng, another=another))


def evaluation_episodes(drawings: Drawings, shots: int, targets: int, seed: int) -> Episodes:
    """One episode of every character; the targets are the same for every number of shots, the supports are nested.

    Raises DataError if a character has fewer than ``targets + shots`` drawings, or one of the two is below 1.
    """
    if shots < 1 or targets < 1:
        raise DataError("An evaluation needs at least 1 shot and 1 target.")
    rng = np.random.default_rng(seed)
    drawn = [rng.permutation(members) for members in drawings.characters()]
    fewest = min(drawn, key=len)
    if len(fewest) < targets + shots:
        raise DataError(
            f"{shots} shots and {targets} targets need {shots + targets} drawings of each character, "
            f"'{drawings.class_name[drawings.class_id[fewest[0]]]}' has only {len(fewest)}."
        )
    images = [drawings.images[d[: targets + shots]] for d in drawn]
    return Episodes(np.stack([i[targets:] for i in images]), np.stack([i[:targets] for i in images]))

"""How good a model's drawings are, beyond the NLL of real ones: characters, emoji, products, mirror images.

Recognisability and diversity after Boutin et al. 2022 (arXiv 2205.10370), diversity by pixels instead of features; the
energy distance is that of Szekely and Rizzo 2013. Classification by likelihood is a density estimator's answer to Lake
et al.'s 20-way one-shot task, with two differences: the drawings have 26x26 pixels, and the 20 characters, here as for
the classifier, come from all alphabets and not from one, which is easier.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from fewshot.api import Draw, FewShotModel
from fewshot.data.emoji import Emoji
from fewshot.data.errors import DataError
from fewshot.data.omniglot import Drawings
from fewshot.data.products import SHOTS as PRODUCT_SHOTS
from fewshot.data.products import Products
from fewshot.models.classifier import Classifier
from fewshot.models.inputs import to_tensor

WAYS = 20  # characters that the classifier, or the likelihood, chooses among
SAMPLES = 8  # drawings that the model makes of a character
RUNS = 10  # of the classification by likelihood
SHOTS, PROTOTYPES = 4, 6  # of characters, see ``Real``
EMOJI_SHOTS, EMOJI_PROTOTYPES = 3, 2  # few emoji have more versions than two besides
PRODUCT_PROTOTYPES = 3
OTHERS = 2  # real drawings at least that are compared
COPIED, CLOSE = 50, 3  # mirror images that are drawn; levels of 255 that nobody sees


class Real(NamedTuple):
    """Real drawings of K characters, uint8 [K, N, H, W] of 0/1 or in colour [K, N, H, W, 3]: all different ones."""

    supports: NDArray[np.uint8]  # that the model draws from
    prototypes: NDArray[np.uint8]  # that the classifier knows a character by
    others: NDArray[np.uint8]  # that the model's drawings are compared with


def characters(drawings: Drawings, rng: np.random.Generator) -> Real:
    """All characters. Raises DataError if there are fewer than 20 or one has too few drawings."""
    members = [rng.permutation(m) for m in drawings.characters()]
    fewest, needed = min(map(len, members)), SHOTS + PROTOTYPES + OTHERS
    if len(members) < WAYS or fewest < needed:
        raise DataError(
            f"Judging drawings needs {WAYS} characters with {needed} drawings each; "
            f"the data has {len(members)} characters, one with {fewest} drawings."
        )
    images = np.stack([drawings.images[m[:fewest]] for m in members])
    return Real(*np.split(images, [SHOTS, SHOTS + PROTOTYPES], axis=1))


def versions(emoji: Emoji, rng: np.random.Generator) -> Real:
    """Those emoji that enough artists have drawn; one version by each. Raises DataError if there are fewer than 20."""
    needed = EMOJI_SHOTS + EMOJI_PROTOTYPES + OTHERS
    members = [m[:needed] for m in emoji.shuffled(rng) if len(m) >= needed]
    if len(members) < WAYS:
        raise DataError(f"Judging emoji needs {WAYS} by {needed} artists each; the data has {len(members)}.")
    images = np.stack([emoji.images[m] for m in members])
    return Real(*np.split(images, [EMOJI_SHOTS, EMOJI_SHOTS + EMOJI_PROTOTYPES], axis=1))


def views(products: Products, rng: np.random.Generator) -> Real:
    """Those products of which there are enough photographs. Raises DataError if there are fewer than 20."""
    needed = PRODUCT_SHOTS + PRODUCT_PROTOTYPES + OTHERS
    members = [rng.permutation(m)[:needed] for m in products.members() if len(m) >= needed]
    if len(members) < WAYS:
        raise DataError(f"Judging products needs {WAYS} with {needed} photographs each; the data has {len(members)}.")
    images = np.stack([products.images[m] for m in members])
    return Real(*np.split(images, [PRODUCT_SHOTS, PRODUCT_SHOTS + PRODUCT_PROTOTYPES], axis=1))


LEARNED = Draw()


@dataclass(frozen=True)
class Quality:
    """Means over characters. A distance of two drawings is the share of their pixels that differ; in colour, the mean
    difference of their levels, from 0 to 1."""

    # Share of its drawings with less than a third of the ink of their supports, on average; in colour, all that is not
    # white is ink, as far as it is not.
    inkless: float
    recognised: float  # share of the model's drawings that the classifier gives to the right one of 20 characters
    recognised_real: float  # the same of real drawings
    nearest_support: float  # a drawing's distance to the support that is most like it
    nearest_support_real: float
    spread: float  # the distance of two drawings of one character
    spread_real: float
    energy: float  # energy distance, by the Euclidean distance of pixels, between the model's drawings and real ones


@torch.inference_mode()
def quality(
    model: FewShotModel,
    classifier: Classifier,
    take: Callable[[np.random.Generator], Real],
    seed: int,
    draw: Draw = LEARNED,
) -> Quality:
    """Let the model ``draw`` 8 of every character that ``take`` gives, from its supports, and judge what it drew.

    Raises DataError as ``take`` does.
    """
    rng = np.random.default_rng(seed)
    supports, prototypes, real = take(rng)
    options = {**draw._asdict(), "trace": False}
    drawn = np.stack(
        [list(model.stream(s, SAMPLES, seed + SAMPLES * i, **options))[-1].images for i, s in enumerate(supports)]
    )
    among = np.stack([_others(k, len(supports), rng) for k in range(len(supports))])

    def recognised(candidates: NDArray[np.uint8]) -> float:
        logits = torch.stack(
            [
                classifier.logits(to_tensor(some[None])[0], to_tensor(prototypes[ways]))
                for some, ways in zip(candidates, among, strict=True)
            ]
        )
        right, others = logits[..., 0], logits[..., 1:].amax(2)
        return (right > others).float().mean().item()

    mine, given, others = map(_ink, (drawn, supports, real))
    share = mine.mean(axis=2) / given.mean(axis=(1, 2))[:, None]
    return Quality(
        inkless=(share < 1 / 3).mean().item(),
        recognised=recognised(drawn),
        recognised_real=recognised(real),
        nearest_support=_distances(mine, given).min(axis=2).mean().item(),
        nearest_support_real=_distances(others, given).min(axis=2).mean().item(),
        spread=_of_pairs(_distances(mine, mine)),
        spread_real=_of_pairs(_distances(others, others)),
        energy=2 * _euclidean(mine, others).mean().item()
        - _of_pairs(_euclidean(mine, mine))
        - _of_pairs(_euclidean(others, others)),
    )


@dataclass(frozen=True)
class Copies:
    """How drawings differ from the mirror images that they are to be; of levels from 0 to 255, also those of ink."""

    mean_difference: float  # over pixels and channels
    close: float  # share of the pixels whose levels all differ by at most CLOSE


def copies(model: FewShotModel, images: NDArray[np.uint8], seed: int, draw: Draw = LEARNED) -> Copies:
    """Let the model ``draw`` each of the first 50 images, [N, H, W] or [N, H, W, 3], from its mirror image."""
    differences = []
    for i, image in enumerate(images[:COPIED]):
        *_, run = model.stream(image[None, :, ::-1], 1, seed + i, trace=False, **draw._asdict())
        levels = np.abs(run.images[0].astype(int) - image).reshape(*image.shape[:2], -1) * (
            1 if model.in_colour else 255
        )
        differences.append(levels)
    away = np.stack(differences)
    return Copies(away.mean().item(), (away.max(axis=3) <= CLOSE).mean().item())


def one_shot_accuracy(model: FewShotModel, drawings: Drawings, seed: int) -> float:
    """Share of drawings given to the right one of 20 characters, argmax_c p(x | s_c) with one support of each.

    Each of 10 runs takes 20 characters, and one support and one target of each. Raises DataError if there are fewer.
    """
    rng = np.random.default_rng(seed)
    members = drawings.characters()
    if len(members) < WAYS:
        raise DataError(f"Classification needs {WAYS} characters, the data has {len(members)}.")
    right = []
    for _ in range(RUNS):
        chosen = rng.choice(len(members), WAYS, replace=False)
        pairs = drawings.images[np.stack([rng.choice(members[c], 2, replace=False) for c in chosen])]
        nats = np.stack([model.score(pairs[:, 1], support[None]).sum(axis=(1, 2)) for support in pairs[:, 0]])
        right.append(nats.argmin(axis=0) == np.arange(WAYS))
    return np.mean(right).item()


def _others(k: int, characters: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Character k, and 19 others."""
    others = rng.choice(characters - 1, WAYS - 1, replace=False)
    return np.concatenate([[k], others + (others >= k)])


def _ink(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The ink of each pixel, from 0 to 1, of images [K, N, ...]: [K, N, D]; in colour of each level, from white on."""
    in_colour = images.ndim == 5
    ink = images.reshape(*images.shape[:2], -1).astype(np.float32)
    return 1 - ink / np.float32(255) if in_colour else ink


def _distances(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float64]:
    """The mean difference of drawings [K, N, D] and [K, M, D] of K characters: [K, N, M]."""
    return np.stack([np.abs(a[:, None] - b).mean(axis=2, dtype=np.float64) for a, b in zip(x, y, strict=True)])


def _euclidean(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float64]:
    """Their Euclidean distances: [K, N, M]."""
    squares = [np.square(a[:, None] - b).sum(axis=2, dtype=np.float64) for a, b in zip(x, y, strict=True)]
    return np.sqrt(np.stack(squares))


def _of_pairs(distances: NDArray[np.float64]) -> float:
    """The mean of distances [K, N, N] of drawings to each other, without those of a drawing to itself."""
    n = distances.shape[1]
    return (distances.mean() * n / (n - 1)).item()

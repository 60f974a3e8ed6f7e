"""How good a model's drawings are, beyond the NLL of real ones.

Recognisability and diversity after Boutin et al. 2022 (arXiv 2205.10370), diversity by pixels instead of features; the
energy distance is that of Szekely and Rizzo 2013. Classification by likelihood is a density estimator's answer to Lake
et al.'s 20-way one-shot task, with two differences: the drawings have 26x26 pixels, and the 20 characters, here as for
the classifier, come from all alphabets and not from one, which is easier.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from fewshot.api import Draw, FewShotModel
from fewshot.data.errors import DataError
from fewshot.data.omniglot import Drawings
from fewshot.models.classifier import Classifier
from fewshot.models.inputs import to_tensor

WAYS = 20  # characters that the classifier, or the likelihood, chooses among
SHOTS = 4  # supports that the model draws from
SAMPLES = 8  # drawings that it makes of a character
RUNS = 10  # of the classification by likelihood
PROTOTYPES = 6  # real drawings of a character that the classifier knows it by


LEARNED = Draw()


@dataclass(frozen=True)
class Quality:
    """Means over characters. A distance of two drawings is the share of their pixels that differ."""

    inkless: float  # share of its drawings with less than a third of the ink of their supports, on average
    recognised: float  # share of the model's drawings that the classifier gives to the right one of 20 characters
    recognised_real: float  # the same of real drawings
    nearest_support: float  # a drawing's distance to the support that is most like it
    nearest_support_real: float
    spread: float  # the distance of two drawings of one character
    spread_real: float
    energy: float  # energy distance, by the Euclidean distance of pixels, between the model's drawings and real ones


@torch.inference_mode()
def quality(
    model: FewShotModel, classifier: Classifier, drawings: Drawings, seed: int, draw: Draw = LEARNED
) -> Quality:
    """Let the model ``draw`` 8 of every character given 4 supports, and judge what it drew.

    Supports, the classifier's prototypes and the real drawings that are compared are different drawings. Raises
    DataError if there are fewer than 20 characters or one has too few drawings.
    """
    rng = np.random.default_rng(seed)
    members = [rng.permutation(m) for m in drawings.characters()]
    fewest = min(map(len, members))
    needed = SHOTS + PROTOTYPES + 2
    if len(members) < WAYS or fewest < needed:
        raise DataError(
            f"Judging drawings needs {WAYS} characters with {needed} drawings each; "
            f"the data has {len(members)} characters, one with {fewest} drawings."
        )
    images = np.stack([drawings.images[m[:fewest]] for m in members])  # [K, drawings, H, W]
    supports, prototypes, real = np.split(images, [SHOTS, SHOTS + PROTOTYPES], axis=1)
    options = {**draw._asdict(), "trace": False}
    drawn = np.stack(
        [list(model.stream(s, SAMPLES, seed + SAMPLES * i, **options))[-1].images for i, s in enumerate(supports)]
    )
    among = np.stack([_others(k, len(members), rng) for k in range(len(members))])

    def recognised(candidates: NDArray[np.uint8]) -> float:
        logits = torch.stack(
            [
                classifier.logits(to_tensor(some[None])[0], to_tensor(prototypes[ways]))
                for some, ways in zip(candidates, among, strict=True)
            ]
        )
        right, others = logits[..., 0], logits[..., 1:].amax(2)
        return (right > others).float().mean().item()

    ink = drawn.mean(axis=(2, 3)) / supports.mean(axis=(1, 2, 3))[:, None]
    return Quality(
        inkless=(ink < 1 / 3).mean().item(),
        recognised=recognised(drawn),
        recognised_real=recognised(real),
        nearest_support=_distances(drawn, supports).min(axis=2).mean().item(),
        nearest_support_real=_distances(real, supports).min(axis=2).mean().item(),
        spread=_of_pairs(_distances(drawn, drawn)),
        spread_real=_of_pairs(_distances(real, real)),
        energy=2 * _euclidean(drawn, real).mean().item()
        - _of_pairs(_euclidean(drawn, drawn))
        - _of_pairs(_euclidean(real, real)),
    )


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


def _distances(x: NDArray[np.uint8], y: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Share of differing pixels of the drawings [K, N, H, W] and [K, M, H, W] of K characters: [K, N, M]."""
    return (x[:, :, None] != y[:, None]).mean(axis=(3, 4))


def _euclidean(x: NDArray[np.uint8], y: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The Euclidean distances of their pixels; between 0 and 1 a difference is its own square."""
    return (_distances(x, y) * x[0, 0].size) ** 0.5


def _of_pairs(distances: NDArray[np.float64]) -> float:
    """The mean of distances [K, N, N] of drawings to each other, without those of a drawing to itself."""
    n = distances.shape[1]
    return (distances.mean() * n / (n - 1)).item()

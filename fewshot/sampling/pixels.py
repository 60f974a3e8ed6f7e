"""From a head's outputs and uniform numbers to a pixel: what both samplers do alike."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fewshot.models.heads import LEAST_LOG_SCALE, LEVELS, MIXTURES, Bernoulli, MixtureOfLogistics
from fewshot.models.inputs import units

Array = NDArray[np.float32]


class Draw(NamedTuple):
    """How pixels are drawn from the outputs.

    ``guidance`` w moves each logit away from the partner's: l(x | s) + w (l(x | s) - l(x)), classifier-free guidance
    (Ho and Salimans 2022). Then the temperature divides it. Last, chances below ``cut`` become 0, and those above
    1 - ``cut`` become 1.
    """

    temperature: float = 1.0
    guidance: float = 0.0
    cut: float = 0.0


class Pixels(NamedTuple):
    """One pixel of N samples."""

    values: NDArray[np.uint8]  # [N] of 0/1, or [N, 3]
    probabilities: Array  # [N], of ink, or of the colour


def bernoulli(outputs: Array, noise: Array, temperature: float, cut: float, given: NDArray[np.uint8] | None) -> Pixels:
    """Ink where the noise [N] is below its probability; outputs [1, N]; ``given`` is the pixel where it is known.

    Probabilities below ``cut`` are taken as 0, and those above 1 - ``cut`` as 1.
    """
    # Beyond 80 the probability is 0 in float32 anyway, and exp would overflow.
    logits = np.minimum(outputs[0] * np.float32(-1 / temperature), 80)
    np.exp(logits, logits)
    logits += 1
    probabilities = np.reciprocal(logits, logits)
    if cut:
        probabilities[probabilities < cut] = 0
        probabilities[probabilities > 1 - cut] = 1
    values = (noise < probabilities).astype(np.uint8) if given is None else np.full(len(noise), given)
    return Pixels(values, probabilities)


def mixture_of_logistics(
    outputs: Array, noise: Array, temperature: float, cut: float, given: NDArray[np.uint8] | None
) -> Pixels:
    """The colour [N, 3] that the noise [N, 4] decides, by outputs [10 K, N].

    The first number picks the component; the others go through the inverse of its distribution function, red first, as
    green and blue depend on it. A temperature makes components more or less alike, and their scales smaller or larger.
    Components lighter than ``cut`` are left out, and so is that share of each logistic at both of its ends.
    """
    n, k = len(noise), MIXTURES
    weights, (means, log_scales, coupling) = outputs[:k] / temperature, outputs[k:].reshape(3, 3, k, n)
    weights = np.exp(weights - weights.max(axis=0))
    weights /= weights.sum(axis=0)
    weights[weights < np.minimum(cut, weights.max(axis=0))] = 0
    weights /= weights.sum(axis=0)
    scales, coupling = np.exp(np.maximum(log_scales, LEAST_LOG_SCALE)) * temperature, np.tanh(coupling)
    if given is None:
        component = np.minimum((weights.cumsum(axis=0) < noise[:, 0]).sum(axis=0), k - 1)
        chosen = (slice(None), component, np.arange(n))
        mean, coupled = means[chosen], coupling[chosen]  # [3, N]
        u = np.clip(cut + (1 - 2 * cut) * noise[:, 1:].T, 1e-7, 1 - 1e-7)
        spread = scales[chosen] * (np.log(u) - np.log1p(-u))
        red = _nearest_level(mean[0] + spread[0])
        green = _nearest_level(mean[1] + coupled[0] * units(red) + spread[1])
        blue = _nearest_level(mean[2] + coupled[1] * units(red) + coupled[2] * units(green) + spread[2])
        levels = np.stack([red, green, blue])
    else:
        levels = np.broadcast_to(given.astype(np.float32)[:, None], (3, n))
    x = units(levels)[:, None]  # [3, 1, N]
    red, green, _ = x
    means = np.stack(
        [means[0], means[1] + coupling[0] * red, means[2] + coupling[1] * red + coupling[2] * green]
    )  # [3, K, N]
    half = np.float32(1 / (LEVELS - 1))
    above = np.where(x > 1 - half, 1, _sigmoid((x + half - means) / scales)).clip(cut, 1 - cut)
    below = np.where(x < half - 1, 0, _sigmoid((x - half - means) / scales)).clip(cut, 1 - cut)
    return Pixels(
        levels.T.astype(np.uint8),
        (weights * ((above - below) / (1 - 2 * cut)).prod(axis=0)).sum(axis=0).astype(np.float32),
    )


DRAW = {Bernoulli: bernoulli, MixtureOfLogistics: mixture_of_logistics}


def _nearest_level(x: Array) -> Array:
    return np.clip(np.rint((x + 1) * np.float32((LEVELS - 1) / 2)), 0, LEVELS - 1)


def _sigmoid(x: Array) -> Array:
    return (1 / (1 + np.exp(np.minimum(-x, 80)))).astype(np.float32, copy=False)

"""From a head's outputs and uniform numbers to a pixel: what both samplers do alike."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fewshot.models.heads import LEAST_LOG_SCALE, LEVELS, MIXTURES, Bernoulli, Head, MixtureOfLogistics, Palette
from fewshot.models.inputs import units

Array = NDArray[np.float32]


CANDIDATES = 16  # colours that guidance chooses among at each pixel
CODE = np.array([1 << 16, 1 << 8, 1])  # of a colour, as one number
TOWARD_INK = np.float32(0.5)  # of guidance, where it makes ink likelier
LEAST = np.float32(1e-12)  # probability of a colour that guidance reckons with


class Draw(NamedTuple):
    """How pixels are drawn from the outputs.

    ``guidance`` w moves away from what is drawn without supports (classifier-free guidance, Ho and Salimans 2022): from
    p(x | s) to p(x | s) (p(x | s) / p(x)) ** w. For each colour of a palette, that is the logit
    l(x | s) + w (l(x | s) - l(x)). So it is for ink, but there what makes ink likelier counts half: else drawings would
    have more of it than real ones, and be further from them (docs/omniglot.md). A mixture's parameters cannot be moved
    so: several colours are drawn from p(x | s), and one of them is chosen by that ratio, so that what is drawn is never
    improbable without guidance (sampling-importance-resampling, Rubin 1987).

    The temperature divides the guided logits; of a mixture, it comes before guidance. Last, chances below ``cut``
    become 0, and those above 1 - ``cut`` become 1; of a mixture, both tails of every distribution are cut by that much.
    """

    temperature: float = 1.0
    guidance: float = 0.0
    cut: float = 0.0


class Pixels(NamedTuple):
    """One pixel of N samples."""

    values: NDArray[np.uint8]  # [N] of 0/1, or [N, 3]
    probabilities: Array  # [N], of ink, or of the colour; by a mixture, without guidance


def noise_of_pixel(head: Head, guided: bool) -> tuple[int, ...]:
    """The shape of the uniform numbers that decide one pixel."""
    if head.noise == 1:
        return ()
    return (CANDIDATES * head.noise + 1,) if guided else (head.noise,)


def bernoulli(
    outputs: Array, noise: Array, draw: Draw, given: NDArray[np.uint8] | None = None, alone: Array | None = None
) -> Pixels:
    """Ink where the noise [N] is below its probability; outputs [1, N]; ``given`` is the pixel where it is known.

    ``alone`` are the outputs that guidance moves away from.
    """
    if alone is not None:
        move = draw.guidance * (outputs - alone)
        outputs = outputs + np.where(move > 0, TOWARD_INK * move, move)
    # Beyond 80 the probability is 0 in float32 anyway, and exp would overflow.
    logits = np.minimum(outputs[0] * np.float32(-1 / draw.temperature), 80)
    np.exp(logits, logits)
    logits += 1
    probabilities = np.reciprocal(logits, logits)
    if draw.cut:
        probabilities[probabilities < draw.cut] = 0
        probabilities[probabilities > 1 - draw.cut] = 1
    values = (noise < probabilities).view(np.uint8) if given is None else np.full(len(noise), given)
    return Pixels(values, probabilities)


def mixture_of_logistics(
    outputs: Array, noise: Array, draw: Draw, given: NDArray[np.uint8] | None = None, alone: Array | None = None
) -> Pixels:
    """The colour [N, 3] that the noise [N, 4] decides, by outputs [10 K, N]; ``given`` where it is known.

    A temperature makes components more or less alike, and their scales smaller or larger. Components lighter than the
    cut are left out, and so is that share of each logistic at both of its ends.

    With ``alone``, the outputs that guidance moves away from, the noise is [N, 4 M + 1]: that of M candidates, and a
    number that picks one of them.
    """
    n, mixture = len(noise), _mixture(outputs, draw.temperature, draw.cut)
    if given is not None:
        levels = np.broadcast_to(given.astype(np.float32)[:, None], (3, n))
    elif alone is None:
        levels = _drawn(mixture, noise.T, draw.cut)
    else:
        times = noise.shape[1] // MixtureOfLogistics.noise
        of_candidates = _Mixture(*(part.repeat(times, axis=-1) for part in mixture))
        candidates = _drawn(of_candidates, noise[:, :-1].reshape(n * times, -1).T, draw.cut)
        without = _Mixture(*(part.repeat(times, axis=-1) for part in _mixture(alone, draw.temperature, 0.0)))
        chance = np.maximum(_probabilities(of_candidates, candidates, draw.cut), LEAST)
        ratio = np.log(chance / np.maximum(_probabilities(without, candidates, 0.0), LEAST)).reshape(n, times)
        share = np.exp(draw.guidance * (ratio - ratio.max(axis=1, keepdims=True))).cumsum(axis=1)
        picked = np.minimum((share < noise[:, -1:] * share[:, -1:]).sum(axis=1), times - 1)
        levels = candidates.reshape(3, n, times)[:, np.arange(n), picked]
    return Pixels(levels.T.astype(np.uint8), _probabilities(mixture, levels, draw.cut))


class _Mixture(NamedTuple):
    """The mixtures of a pixel of N samples."""

    weights: Array  # [K, N], which sum to 1
    means: Array  # [3, K, N], like the two below
    scales: Array
    coupling: Array


def _mixture(outputs: Array, temperature: float, cut: float) -> _Mixture:
    """Outputs [10 K, N] at a temperature, without components that are lighter than ``cut``."""
    k = MIXTURES
    weights, (means, log_scales, coupling) = outputs[:k] / temperature, outputs[k:].reshape(3, 3, k, -1)
    weights = np.exp(weights - weights.max(axis=0))
    weights /= weights.sum(axis=0)
    weights[weights < np.minimum(cut, weights.max(axis=0))] = 0
    weights /= weights.sum(axis=0)
    scales = np.exp(np.maximum(log_scales, LEAST_LOG_SCALE)) * np.float32(temperature)
    return _Mixture(weights, means, scales, np.tanh(coupling))


def _drawn(mixture: _Mixture, noise: Array, cut: float) -> Array:
    """The levels [3, N] that the noise [4, N] decides.

    The first number picks the component; the others go through the inverse of its distribution function, red first, as
    green and blue depend on it.
    """
    weights, means, scales, coupling = mixture
    reached = weights.cumsum(axis=0)
    component = (reached <= noise[0] * reached[-1]).sum(axis=0)  # one that was left out reaches no further
    chosen = (slice(None), component, np.arange(noise.shape[1]))
    mean, coupled = means[chosen], coupling[chosen]  # [3, N]
    u = np.clip(cut + (1 - 2 * cut) * noise[1:], 1e-7, 1 - 1e-7)
    spread = scales[chosen] * (np.log(u) - np.log1p(-u))
    red = _nearest_level(mean[0] + spread[0])
    green = _nearest_level(mean[1] + coupled[0] * units(red) + spread[1])
    blue = _nearest_level(mean[2] + coupled[1] * units(red) + coupled[2] * units(green) + spread[2])
    return np.stack([red, green, blue])


def _probabilities(mixture: _Mixture, levels: Array, cut: float) -> Array:
    """The probability [N] of each of the colours [3, N]."""
    weights, means, scales, coupling = mixture
    x = units(levels)[:, None]  # [3, 1, N]
    red, green, _ = x
    means = np.stack(
        [means[0], means[1] + coupling[0] * red, means[2] + coupling[1] * red + coupling[2] * green]
    )  # [3, K, N]
    half = np.float32(1 / (LEVELS - 1))
    above = np.where(x > 1 - half, 1, _sigmoid((x + half - means) / scales)).clip(cut, 1 - cut)
    below = np.where(x < half - 1, 0, _sigmoid((x - half - means) / scales)).clip(cut, 1 - cut)
    return (weights * ((above - below) / (1 - 2 * cut)).prod(axis=0)).sum(axis=0).astype(np.float32)


def palette(
    colours: NDArray[np.uint8],
    outputs: Array,
    noise: Array,
    draw: Draw,
    given: NDArray[np.uint8] | None = None,
    alone: Array | None = None,
) -> Pixels:
    """Those of the colours [K, 3] that the noise [N] decides, by outputs [K, N]; ``given`` where it is known.

    ``alone`` are the outputs that guidance moves away from. Colours with a chance below the cut are left out.
    """
    if alone is not None:
        outputs = outputs + draw.guidance * (outputs - alone)
    chances = np.exp((outputs - outputs.max(axis=0)) * np.float32(1 / draw.temperature))
    chances /= chances.sum(axis=0)
    if draw.cut:
        chances[chances < np.minimum(draw.cut, chances.max(axis=0))] = 0
        chances /= chances.sum(axis=0)
    if given is None:
        reached = chances.cumsum(axis=0)
        places = (reached <= noise * reached[-1]).sum(axis=0)  # a colour that was left out reaches no further
    else:
        places = np.full(len(noise), (colours == given).all(axis=1).argmax())
    return Pixels(colours[places], chances[places, np.arange(len(noise))])


def seer(head: Head) -> Callable[[NDArray[np.uint8]], NDArray[Any]]:
    """What turns pixels [..., C] into the numbers that the network's first layer takes, [..., inputs]."""
    if isinstance(head, Bernoulli):
        return lambda pixels: pixels
    if not isinstance(head, Palette):
        return lambda pixels: units(pixels.astype(np.float32))
    codes = head.levels.numpy() @ CODE
    order, of_colour = np.argsort(codes), np.eye(len(codes), dtype=np.float32)
    return lambda pixels: of_colour[order[np.searchsorted(codes, pixels @ CODE, sorter=order)]]


def drawer(head: Head) -> Callable[..., Pixels]:
    """What turns the outputs of a head into pixels: it takes what ``bernoulli`` takes."""
    if isinstance(head, Palette):
        return partial(palette, head.levels.numpy().astype(np.uint8))
    return bernoulli if isinstance(head, Bernoulli) else mixture_of_logistics


def _nearest_level(x: Array) -> Array:
    return np.clip(np.rint((x + 1) * np.float32((LEVELS - 1) / 2)), 0, LEVELS - 1)


def _sigmoid(x: Array) -> Array:
    return (1 / (1 + np.exp(np.minimum(-x, 80)))).astype(np.float32, copy=False)

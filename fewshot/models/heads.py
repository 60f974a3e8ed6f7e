"""The heads: what a network's outputs say of a pixel, given the pixels before it."""

from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from fewshot.models.inputs import units

MIXTURES = 10  # PixelCNN++'s
LEVELS = 256
# A scale of less than a hundredth of a level, so that what is certain costs nothing: with PixelCNN++'s -7, each colour
# of a perfect copy still costs .027 nats.
LEAST_LOG_SCALE = -10.0


class Head(Protocol):
    """What a network's outputs mean, and how it sees pixels."""

    channels: int  # of a pixel
    colours: int  # that a pixel can have
    outputs: int  # of the network for a pixel, P
    noise: int  # uniform numbers that decide a pixel

    def seen(self, images: Tensor) -> Tensor:
        """Images [..., C, H, W] as the network's first layers take them."""

    def nats(self, outputs: Tensor, images: Tensor) -> Tensor:
        """What each pixel of images [..., C, H, W] costs, [..., H, W], by outputs [..., P, H, W]."""


class Bernoulli:
    """Binary pixels: one output, the logit of ink."""

    channels, colours, outputs, noise = 1, 2, 1, 1

    @staticmethod
    def seen(images: Tensor) -> Tensor:
        """Images [..., 1, H, W] of 0/1, as they are."""
        return images

    @staticmethod
    def nats(outputs: Tensor, images: Tensor) -> Tensor:
        """What each pixel of images [..., 1, H, W] of 0/1 costs, [..., H, W], by outputs [..., 1, H, W]."""
        return F.binary_cross_entropy_with_logits(outputs, images, reduction="none").squeeze(-3)


class MixtureOfLogistics:
    """RGB pixels of 256 levels: a discretised mixture of logistics (Salimans et al. 2017, PixelCNN++, section 2.1).

    The outputs of a pixel are, one after the other, the mixture's logits [K], the means of each colour [3, K], their
    log scales [3, K], and the coupling [3, K]: the mean of green moves with red, that of blue with red and with green.
    Means and scales are in units of the images, in which the levels 0 to 255 are -1 to 1.
    """

    channels, colours, outputs, noise = 3, LEVELS**3, 10 * MIXTURES, 4
    means = slice(MIXTURES, 4 * MIXTURES)  # of the outputs

    @staticmethod
    def seen(images: Tensor) -> Tensor:
        """Images [..., 3, H, W] of -1..1, as they are."""
        return images

    @staticmethod
    def split(outputs: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Outputs [..., 10 K, H, W] to log weights [..., K, H, W]; means, log scales, coupling [..., 3, K, H, W]."""
        weights, rest = outputs.split([MIXTURES, 9 * MIXTURES], dim=-3)
        means, log_scales, coupling = rest.unflatten(-3, (3, 3, MIXTURES)).unbind(-5)
        return weights.log_softmax(-3), means, log_scales.clamp_min(LEAST_LOG_SCALE), coupling.tanh()

    @classmethod
    def nats(cls, outputs: Tensor, images: Tensor) -> Tensor:
        """What each pixel of images [..., 3, H, W] costs, its colours together, [..., H, W], by [..., 10 K, H, W]."""
        log_weights, means, log_scales, coupling = cls.split(outputs)
        x = images.unsqueeze(-3)  # [..., 3, 1, H, W]
        red, green, _ = x.unbind(-4)
        of_red, of_green, of_blue = means.unbind(-4)
        to_green, red_to_blue, green_to_blue = coupling.unbind(-4)
        means = torch.stack(
            [of_red, of_green + to_green * red, of_blue + red_to_blue * red + green_to_blue * green], dim=-4
        )
        log_probabilities = log_probability(x - means, log_scales, x)
        return -torch.logsumexp(log_weights + log_probabilities.sum(-4), dim=-3)


def log_probability(distance: Tensor, log_scales: Tensor, x: Tensor) -> Tensor:
    """log P(x) of the level x of a discretised logistic whose mean lies ``distance`` below it.

    The level 0 has all that lies below it, the level 255 all above.
    """
    half = 1 / (LEVELS - 1)  # of a level
    inverse = torch.exp(-log_scales)
    above, below = inverse * (distance + half), inverse * (distance - half)
    to_above, from_below = F.logsigmoid(above), F.logsigmoid(-below)
    # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)): as logarithms, exact however small it is.
    between = to_above + from_below + torch.log(-torch.expm1(-2 * half * inverse))
    return torch.where(x < -1 + half, to_above, torch.where(x > 1 - half, from_below, between))


class Palette:
    """RGB pixels of a few ``colours`` "#rrggbb": one output for each, the logits of a softmax over them.

    The colours of a drawing are names and no quantities: the network sees each as a channel of its own, which is 1
    where a pixel has that colour.
    """

    channels, noise = 3, 1

    def __init__(self, colours: tuple[str, ...]):
        self.colours = self.outputs = len(colours)
        self.levels = torch.tensor([list(bytes.fromhex(colour.removeprefix("#"))) for colour in colours])  # [K, 3]

    def places(self, images: Tensor) -> Tensor:
        """Which of the colours each pixel of images [..., 3, H, W] has, or is nearest to: [..., H, W]."""
        colours = units(self.levels.to(images.device, torch.float32))
        # |x - c|^2 = |x|^2 - 2 x c + |c|^2, of which the first is the same for all. In full precision, also where bf16
        # is used for the rest: colours may lie close.
        with torch.autocast(images.device.type, enabled=False):
            products = torch.tensordot(colours, images.float().movedim(-3, 0), 1)  # [K, ..., H, W]
        return (2 * products - colours.square().sum(1).view(-1, *[1] * (images.ndim - 1))).argmax(0)

    def painted(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Images [..., H, W, 3], each pixel in the nearest of the colours."""
        places = self.places(units(torch.from_numpy(images).float()).movedim(-1, -3))
        return self.levels[places].numpy().astype(np.uint8)

    def seen(self, images: Tensor) -> Tensor:
        """Images [..., 3, H, W] of -1..1 as [..., K, H, W] of 0/1."""
        return F.one_hot(self.places(images), len(self.levels)).movedim(-1, -3).to(images.dtype)

    def nats(self, outputs: Tensor, images: Tensor) -> Tensor:
        """What each pixel of images [..., 3, H, W] costs, [..., H, W], by outputs [..., K, H, W]."""
        return -outputs.log_softmax(-3).gather(-3, self.places(images).unsqueeze(-3)).squeeze(-3)


HEADS: dict[int, Head] = {1: Bernoulli(), 3: MixtureOfLogistics()}


def head_of(channels: int, palette: tuple[str, ...] = ()) -> Head:
    """The head for images of so many channels; of these of a palette, for its colours."""
    return Palette(palette) if palette else HEADS[channels]

"""What every variant is: all that the rest of the package knows of a network without knowing which one it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from fewshot.models.config import ModelConfig
from fewshot.models.heads import head_of


class Adaptation(NamedTuple):
    """What the supports made of the weights."""

    network: Network  # the changed network; what it reads of the supports besides, it still reads
    support_nats: list[float] | None  # nats/dim of the supports before the first step and after each; None if no step


class Network(nn.Module):
    """p(x | s) of an image x given supports s; one of fewshot.models.MODELS. ``config`` has its sizes.

    A variant is a subclass that says what it is by the attributes here, and gives the methods.
    """

    title: str  # the variant's name
    reads: str  # what it reads of the supports, to follow "Reads"; {pictures} stands for what they are
    note = ""  # the sentence to show instead of heatmaps, of a variant that has none; {title} and {pictures} as above
    needs_supports = False  # whether it reads any
    draws_alone = True  # whether it draws without supports too, before any inner step
    attends = False  # whether it has attention, which can be shown
    adapts = False  # whether inner steps on the supports change its weights
    scales = 1  # in how many sizes it draws a picture, one after the other
    extends = ""  # what the names of weights begin with that another variant's can be put in place of
    attend: Callable[..., Tensor]  # how a variant that attends computes it

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        self.head = head_of(config.channels, config.palette)

    def encode(self, supports: Tensor) -> Any:
        """What the network remembers of the supports [B, S, C, H, W]; encoded once, read at every pixel."""
        raise NotImplementedError

    def decode(self, targets: Tensor, memory: Any) -> Tensor:
        """The head's outputs [B, Q, P, H, W] at every pixel of the targets [B, Q, C, H, W], given the pixels before.

        In several scales, those for a pixel are given the smaller pictures as well.
        """
        raise NotImplementedError

    def influence(self, image: Tensor, supports: Tensor, row: int, column: int, **options: Any) -> Tensor:
        """The gradient of the first output at a pixel of an image [1, 1, C, H, W] by its supports [1, S, C, H, W].

        As [S, C, H, W]; 0 where it does not depend on them. ``options`` are those of ``encode``.
        """
        with torch.enable_grad():
            supports = supports.detach().requires_grad_()
            output = self.decode(image, self.encode(supports, **options))[0, 0, 0, row, column]
            (gradient,) = torch.autograd.grad(output, supports, allow_unused=True, materialize_grads=True)
        return gradient[0]

    def attention(self, targets: Tensor, memory: Any) -> Any:
        """What each pixel of the targets [B, Q, C, H, W] reads, of a variant that attends: see AttentionPixelCNN."""
        raise NotImplementedError

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """H' and W', the places of a support of that size that attention tells apart."""
        raise NotImplementedError

    def adapted(self, supports: Tensor, inner_steps: int | None = None) -> Adaptation:
        """The network that draws, once it has seen the supports [S, C, H, W]; itself, if it takes no inner steps."""
        return Adaptation(self, None)

    def unadapted(self) -> Network:
        """The network that draws, before any inner step."""
        return self

    def forward(self, targets: Tensor, supports: Tensor) -> Tensor:
        """Outputs [B, Q, P, H, W] of Q targets [B, Q, C, H, W] of B episodes, given their supports [B, S, C, H, W]."""
        return self.decode(targets, self.encode(supports))

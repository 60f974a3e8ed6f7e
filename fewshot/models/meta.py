"""Meta PixelCNN: p(x | s) = prod_t p(x_t | x_<t; theta'), theta' = theta - a grad L_inner(s; theta).

Reed et al. 2018, section 3.3: the supports are not read while drawing; before, they change the weights by a few steps
of gradient descent on a loss that is itself learned, a network on the PixelCNN's own features. All of it, the initial
weights, the loss and the step sizes, is trained so that the *changed* network gives the targets a high likelihood:
gradients go through the inner steps (second order).

Differs from the paper in four points. The PixelCNN has a *canvas*: biases of every location, which it looks at around
each pixel. They are weights like all others, but a gradient step on the supports leaves there what was unexpected in
them, and where; without, nearly nothing was learnt in the time that a CPU allows. The inner loss is the NLL of the
supports plus the learned one, which starts at 0 and also sees the support and the logits, not only the features. Every
tensor of weights has its own learned step size (Antoniou et al. 2019, MAML++). Training draws on one step and on
more, so that there is a choice later.
"""

from collections.abc import Sequence
from threading import Lock
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from fewshot.models.base import Adaptation, Network
from fewshot.models.config import ADAPTED, ModelConfig
from fewshot.models.layers import CausalInput
from fewshot.models.pixelcnn import PixelCNN

STEP_SIZE = 0.3  # at first, for every tensor of weights: about the largest that does no harm to a trained PixelCNN
ALL = slice(None)
TOGETHER = 4  # supports whose part of a step is differentiated twice at once: they take 100 to 200 MB each
PACE = 10  # of the step sizes in training: AdamW's steps, made for weights, would take too long for them

_SWAP = Lock()  # functional_call puts the parameters into the network while it runs, and threads may share one

Parameters = dict[str, Tensor]


class _Method(nn.Module):
    """A method of a network as a module of its own, so that ``functional_call`` can run it with other parameters."""

    def __init__(self, network: nn.Module, name: str):
        super().__init__()
        self.network, self.name = network, name

    def forward(self, *args: Any) -> Any:
        return getattr(self.network, self.name)(*args)


def call(network: nn.Module, parameters: Parameters, method: str, *args: Any) -> Any:
    """``network.method(*args)`` as if its parameters were these."""
    with _SWAP:
        return functional_call(_Method(network, method), {f"network.{n}": p for n, p in parameters.items()}, args)


class LearnedLoss(nn.Module):
    """A scalar of the features, the logits and the pixels of the supports: three convolutions of stride 2, a norm."""

    def __init__(self, base: PixelCNN):
        super().__init__()
        maps = base.config.penultimate
        seen = base.logit.in_channels + base.logit.out_channels + base.config.channels
        self.net = nn.Sequential(
            nn.Conv2d(seen, maps, 3, stride=2, padding=1),
            nn.SiLU(),  # smooth, as it is its gradient that counts
            nn.Conv2d(maps, maps, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(maps, maps, 3, stride=2, padding=1),
        )
        self.scale = nn.Parameter(torch.zeros(()))

    def forward(self, features: Tensor, logits: Tensor, supports: Tensor) -> Tensor:
        """Features [S, D, H, W], outputs [S, P, H, W] and supports [S, C, H, W] to a scalar."""
        z = self.net(torch.cat([features, logits, supports], dim=1))
        return self.scale * z.flatten(1).square().mean(1).add(1e-6).sqrt().mean()


class CanvasInput(CausalInput):
    """The first layer, which also looks at the canvas: all around, as it says nothing of the picture to be drawn."""

    def __init__(self, config: ModelConfig):
        super().__init__(config.inputs, config.maps)
        self.canvas = nn.Parameter(torch.zeros(1, config.canvas, config.side, config.side))
        self.look = nn.Conv2d(config.canvas, 2 * config.maps, 7, padding=3, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        v, h = super().forward(x)
        seen_v, seen_h = self.look(self.canvas[:, :, : x.shape[2], : x.shape[3]]).chunk(2, dim=1)
        return v + seen_v, h + seen_h


class CanvasPixelCNN(PixelCNN):
    """PixelCNN with a canvas, whose first layer looks at it, and whose logits it is added to."""

    input: CanvasInput

    def __init__(self, config: ModelConfig):
        super().__init__(config)
        self.input = CanvasInput(config)
        self.canvas_logit = nn.Conv2d(config.canvas, self.head.outputs, 1, bias=False)

    def to_logits(self, features: Tensor) -> Tensor:
        return super().to_logits(features) + self.canvas_logit(
            self.input.canvas[:, :, : features.shape[2], : features.shape[3]]
        )


class Memory(NamedTuple):
    """What Meta PixelCNN remembers of one episode: its changed weights, and what the changed base encodes."""

    parameters: Parameters
    base: Any


class MetaPixelCNN(Network):
    """PixelCNN whose weights take some steps down the inner loss of the supports before it draws.

    ``config.inner_steps`` is how many, if nothing else is asked for: as many as it was trained with.
    """

    title = "Meta PixelCNN"
    extends = "base."
    reads = "your {pictures} once: it practises on them, then draws from memory"
    note = (
        "{title} has no attention. It practised on your {pictures} before it drew the first pixel, which changed its "
        "weights; while it draws, it no longer sees them."
    )
    needs_supports = True
    adapts = True
    least_shots = 1  # for an inner step
    first_step_sizes: Tensor

    def __init__(self, config: ModelConfig):
        super().__init__(config)
        self.base = self.make_base(config)
        self.learned_loss = LearnedLoss(self.base)
        self.log_step_sizes = nn.Parameter(torch.zeros(len(self.adapted_names())))
        # The loss is a mean over locations: what belongs to one of them has a gradient that is so much smaller.
        first = [config.side**2 if name == "input.canvas" else STEP_SIZE for name in self.adapted_names()]
        self.register_buffer("first_step_sizes", torch.tensor(first), persistent=False)

    @staticmethod
    def make_base(config: ModelConfig) -> PixelCNN:
        """The network that the inner steps change."""
        return CanvasPixelCNN(config)

    def adapted_names(self) -> list[str]:
        """The base's parameters that the inner steps change."""
        parts = ADAPTED[self.config.adapted]
        return [name for name, _ in self.base.named_parameters() if any(part in name for part in parts)]

    def step_sizes(self) -> Tensor:
        """The learned step size of each of them."""
        return self.first_step_sizes * torch.exp(PACE * self.log_step_sizes)

    def inner_loss(self, parameters: Parameters, supports: Tensor, each: slice = ALL) -> tuple[Tensor, Tensor]:
        """L_inner, and the NLL in nats/dim, of the supports [S, C, H, W] under such parameters of the base.

        Both are means over the supports, of all or of ``each`` of some.
        """
        targets = supports[each]
        features = call(self.base, parameters, "features", targets[None], None)
        logits = call(self.base, parameters, "to_logits", features)
        nats = self.head.nats(logits, targets).mean() / targets.shape[1]
        return nats + self.learned_loss(features, logits, targets), nats

    def initial(self) -> Parameters:
        """The base's parameters, so that the inner loss can be differentiated by them."""
        with _SWAP:  # else they might be those that another thread's ``call`` has put there
            parameters = dict(self.base.named_parameters())
        return {n: p if p.requires_grad else p.detach().requires_grad_() for n, p in parameters.items()}

    def step(self, parameters: Parameters, gradients: Sequence[Tensor]) -> Parameters:
        """The parameters after one step down these gradients of the adapted ones."""
        names, step_sizes = self.adapted_names(), self.step_sizes()
        changed = [parameters[n] - a * g for n, a, g in zip(names, step_sizes, gradients, strict=True)]
        return parameters | dict(zip(names, changed, strict=True))

    def adapt(self, supports: Tensor, inner_steps: int) -> tuple[Parameters, list[Tensor]]:
        """theta' after so many steps on the supports [S, C, H, W], and the supports' NLL before each step.

        Where gradients are recorded, theta' can be differentiated, through the steps (second order), by the initial
        weights, by the inner loss, and by the supports.
        """
        differentiable = torch.is_grad_enabled()
        parameters = self.initial()
        nats_before: list[Tensor] = []
        if len(supports) < self.least_shots:
            return parameters, nats_before
        with torch.inference_mode(False), torch.enable_grad():
            if supports.is_inference():
                supports = supports.clone()  # else it could not be differentiated
            for _ in range(inner_steps):
                parameters, nats = self.stepped(parameters, supports, differentiable)
                nats_before.append(nats)
        return parameters, nats_before

    def stepped(self, parameters: Parameters, supports: Tensor, differentiable: bool) -> tuple[Parameters, Tensor]:
        """The parameters after an inner step on the supports [S, C, H, W], and the supports' NLL before it."""
        loss, nats = self.inner_loss(parameters, supports)
        adapted = [parameters[name] for name in self.adapted_names()]
        gradients = torch.autograd.grad(loss, adapted, create_graph=differentiable)
        parameters = self.step(parameters, gradients)
        if not differentiable:
            parameters = {name: p.detach().requires_grad_() for name, p in parameters.items()}
        return parameters, nats

    def adapted(self, supports: Tensor, inner_steps: int | None = None) -> Adaptation:
        """The network that the supports [S, C, H, W] make of the base."""
        with torch.no_grad():
            parameters, nats = self.adapt(supports, self.config.inner_steps if inner_steps is None else inner_steps)
            if len(supports) >= self.least_shots:
                nats.append(self.inner_loss(parameters, supports)[1])
        return Adaptation(self.with_parameters(parameters), [n.item() for n in nats] or None)

    def unadapted(self) -> PixelCNN:
        return self.with_parameters(self.initial())

    def with_parameters(self, parameters: Parameters) -> PixelCNN:
        """A base of its own, with such parameters, to draw with."""
        network = self.make_base(self.config).eval().requires_grad_(False).to(memory_format=torch.channels_last)
        network.load_state_dict(parameters)
        return network

    def encode(self, supports: Tensor, inner_steps: int | None = None) -> list[Memory]:
        """The weights that the supports [B, S, C, H, W] of each of B episodes lead to."""
        steps = self.config.inner_steps if inner_steps is None else inner_steps
        parameters = [self.adapt(s, steps)[0] for s in supports]
        return [Memory(p, call(self.base, p, "encode", s[None])) for p, s in zip(parameters, supports, strict=True)]

    def influence(self, image: Tensor, supports: Tensor, row: int, column: int, **options: Any) -> Tensor:
        """As for every network; from the last step to the first, and some supports' part of a step after the other's.

        So the graph of one part is held at a time.
        """
        inner_steps = options.get("inner_steps")
        steps = self.config.inner_steps if inner_steps is None else inner_steps
        given, names = supports.detach()[0], self.adapted_names()
        with torch.enable_grad():
            last, before = self.initial(), list[Parameters]()
            for _ in range(steps if len(given) >= self.least_shots else 0):
                before.append(last)
                last, _ = self.stepped(last, given, differentiable=False)

            def back(output: Tensor, weights: Parameters) -> list[Tensor]:
                inputs = [*(weights[name] for name in names), given]
                return list(torch.autograd.grad(output, inputs, allow_unused=True, materialize_grads=True))

            given.requires_grad_()
            memory = [Memory(last, call(self.base, last, "encode", given[None]))]
            derivatives = back(self.decode(image, memory)[0, 0, 0, row, column], last)
            del memory
            step_sizes = self.step_sizes().detach()
            for weights in reversed(before):
                adapted, after = [weights[name] for name in names], derivatives[:-1]
                for first in range(0, len(given), TOGETHER):
                    some = slice(first, min(first + TOGETHER, len(given)))
                    loss = self.inner_loss(weights, given, some)[0] * (some.stop - some.start) / len(given)
                    gradients = torch.autograd.grad(loss, adapted, create_graph=True)
                    parts = zip(step_sizes, after, gradients, strict=True)
                    moved = torch.stack([-a * (d * g).sum() for a, d, g in parts]).sum()
                    derivatives = [d + more for d, more in zip(derivatives, back(moved, weights), strict=True)]
                    del loss, gradients, moved
        return derivatives[-1]

    def decode(self, targets: Tensor, memory: list[Memory]) -> Tensor:
        """The head's outputs [B, Q, P, H, W] at every pixel of the targets [B, Q, C, H, W], given the pixels before."""
        episodes = zip(targets, memory, strict=True)
        return torch.cat([call(self.base, m.parameters, "decode", x[None], m.base) for x, m in episodes])

    def forward(self, targets: Tensor, supports: Tensor, inner_steps: int | None = None) -> Tensor:
        """Outputs [B, Q, P, H, W] of Q targets [B, Q, C, H, W] of B episodes, given their supports [B, S, C, H, W]."""
        return self.decode(targets, self.encode(supports, inner_steps))

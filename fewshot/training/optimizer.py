"""Muon for the matrices of the hidden layers, AdamW for everything else.

Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon) makes the momentum of a matrix orthogonal before it
is applied. A convolution's kernel is taken as the matrix of its outputs by all of its inputs. With the same learning
rate for both, PixelCNN has the validation score after 1,000 steps that it has after 3,000 with AdamW alone.
"""

import torch
from torch import Tensor, nn

WEIGHT_DECAY = 0.01
SMALL = 512  # numbers in a matrix from which on Muon takes it
ENDS = ("input.", "logit.")  # the layers that see pixels and make logits


class Optimizer:
    """Steps of gradient descent on the parameters of a network, whose convolutions lie in memory channels last."""

    def __init__(self, network: nn.Module):
        named = dict(network.named_parameters())
        hidden = [
            p for name, p in named.items() if p.ndim in (2, 4) and p.numel() > SMALL and not name.startswith(ENDS)
        ]
        taken = set(map(id, hidden))
        self.others = [p for p in named.values() if id(p) not in taken]
        # Views, which share their memory with the kernels: what Muon changes in one, it changes in the other.
        self.matrices = [(p, p.detach().movedim(1, -1).view(len(p), -1).requires_grad_()) for p in hidden]
        self.muon = torch.optim.Muon(
            [matrix for _, matrix in self.matrices], weight_decay=WEIGHT_DECAY, adjust_lr_fn="match_rms_adamw"
        )
        self.adamw = torch.optim.AdamW(self.others, weight_decay=WEIGHT_DECAY, fused=True)

    def step(self, learning_rate: float) -> None:
        """Change the parameters by their gradients, and clear these."""
        for parameter, matrix in self.matrices:
            matrix.grad, parameter.grad = parameter.grad.movedim(1, -1).reshape(len(parameter), -1), None
        for optimizer in (self.muon, self.adamw):
            optimizer.param_groups[0]["lr"] = learning_rate
            optimizer.step()
            optimizer.zero_grad()

    def state(self) -> dict[str, Tensor]:
        """The moments, by name."""
        return {
            f"{kind}/{i}/{name}": value
            for kind in ("muon", "adamw")
            for i, moments in getattr(self, kind).state_dict()["state"].items()
            for name, value in moments.items()
        }

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take over what ``state`` gave."""
        parameters = {"muon": [matrix for _, matrix in self.matrices], "adamw": self.others}
        moments: dict[str, dict[int, dict[str, Tensor]]] = {"muon": {}, "adamw": {}}
        for key, value in state.items():
            kind, index, name = key.split("/")
            parameter = parameters[kind][int(index)]
            if value.shape == parameter.shape:
                # The fused AdamW takes for granted that moments lie in memory as their parameter does.
                value = torch.empty_like(parameter).copy_(value)
            moments[kind].setdefault(int(index), {})[name] = value
        for kind, of_kind in moments.items():
            optimizer = getattr(self, kind)
            optimizer.load_state_dict(optimizer.state_dict() | {"state": of_kind})

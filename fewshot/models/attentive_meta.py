"""Attentive Meta PixelCNN: attention reads the supports, after a gradient step on them has changed the weights.

The combination that the reviewers of Reed et al. 2018 asked for. Attention PixelCNN needs supports to predict an image,
so the inner loss leaves one out: each support is predicted from the others, as the target will be from all. With a
single support nothing is left to read, and no step is taken. ``config.adapted`` says which weights the step changes:
all, or, as in ATAML (Jiang et al. 2018), those that the supports are read with.
"""

from torch import Tensor

from fewshot.models.attend import attend_twice_differentiable
from fewshot.models.attention import AttentionPixelCNN
from fewshot.models.config import ModelConfig
from fewshot.models.meta import ALL, MetaPixelCNN, Parameters, call


class AttentiveMetaPixelCNN(MetaPixelCNN):
    """Attention PixelCNN whose weights take ``inner_steps`` steps down the supports' inner loss."""

    title = "Attentive Meta PixelCNN"
    reads = "as Attention PixelCNN does, after practising on your {pictures}"
    note = ""
    attends = True
    draws_alone = False
    least_shots = 2
    base: AttentionPixelCNN

    @staticmethod
    def make_base(config: ModelConfig) -> AttentionPixelCNN:
        base = AttentionPixelCNN(config)
        base.attend = attend_twice_differentiable
        return base

    def inner_loss(self, parameters: Parameters, supports: Tensor, each: slice = ALL) -> tuple[Tensor, Tensor]:
        """L_inner, and the NLL in nats/dim, of each of the supports [S, C, H, W] given the others."""
        memory = self.base.leave_one_out(call(self.base, parameters, "encode", supports[:, None]), each)
        targets = supports[each]
        features = call(self.base, parameters, "features", targets[:, None], memory)
        logits = call(self.base, parameters, "to_logits", features)
        nats = self.head.nats(logits, targets).mean() / targets.shape[1]
        return nats + self.learned_loss(features, logits, targets), nats

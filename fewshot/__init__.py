"""Few-shot autoregressive density estimation: teach a machine a new character from a handful of drawings.

>>> import fewshot
>>> model = fewshot.load("omniglot-attention")
>>> run = model.generate(supports, samples=4, seed=0)  # supports: [S, 26, 26] of 0/1
>>> run.images.shape
(4, 26, 26)
"""

from fewshot.api import FewShotModel, InputError, Run, load
from fewshot.checkpoints import CheckpointError

__all__ = ["CheckpointError", "FewShotModel", "InputError", "Run", "load"]

"""Few-shot autoregressive density estimation: teach a machine a new character from a handful of drawings.

>>> import fewshot
>>> model = fewshot.load("omniglot-attention")
>>> run = model.generate(supports, samples=4, seed=0)  # supports: [S, 26, 26] of 0/1
>>> run.images.shape
(4, 26, 26)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fewshot.api import FewShotModel, InputError, Run, load
    from fewshot.checkpoints import CheckpointError

__all__ = ["CheckpointError", "FewShotModel", "InputError", "Run", "load"]


def __getattr__(name: str) -> Any:
    """What is offered, loaded when it is first asked for: until then the command line can be stopped at once."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from fewshot import api, checkpoints

    return getattr(checkpoints if name == "CheckpointError" else api, name)

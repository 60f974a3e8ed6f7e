"""Evaluation: nats/dim of held-out targets given 1, 2, 4, ... supports of the same character."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from fewshot.data.episodes import evaluation_episodes, to_tensor
from fewshot.data.omniglot import DataError, Drawings
from fewshot.models import PixelCNN

CHARACTERS_AT_A_TIME = 8


@torch.inference_mode()
def evaluate(
    network: PixelCNN,
    drawings: Drawings,
    shots: Sequence[int],
    targets: int,
    seed: int,
    wrong_supports: bool = False,
) -> dict[str, dict[str, float | None]]:
    """Score every character of ``drawings`` at each number of shots.

    Gives, by number of shots, ``nats_per_dim`` (mean NLL of a pixel), its ``standard_error`` over characters (None for
    a single one; characters of one alphabet are taken as independent), and how many ``characters`` and ``targets`` it
    is the mean of. With ``wrong_supports``, each character's targets are scored given the supports of another one.
    Raises DataError if a character has too few drawings, or there is no other one.
    """
    device = next(network.parameters()).device
    scores = {}
    for s in shots:
        episodes = evaluation_episodes(drawings, s, targets, seed)
        if wrong_supports and len(episodes.targets) < 2:
            raise DataError("Supports of another character need at least 2 characters.")
        supports = np.roll(episodes.supports, len(episodes.supports) // 2 if wrong_supports else 0, axis=0)
        of_character = []
        for start in range(0, len(episodes.targets), CHARACTERS_AT_A_TIME):
            some = slice(start, start + CHARACTERS_AT_A_TIME)
            x = to_tensor(episodes.targets[some], device)
            logits = network.decode(x, network.encode(to_tensor(supports[some], device)))
            nats = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
            of_character.append(nats.flatten(1).mean(1))
        means = torch.cat(of_character).double()
        scores[str(s)] = {
            "nats_per_dim": means.mean().item(),
            "standard_error": (means.std() / len(means) ** 0.5).item() if len(means) > 1 else None,
            "characters": len(means),
            "targets": len(means) * targets,
        }
    return scores

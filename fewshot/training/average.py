"""The mean of the weights that several trainings ended with (Izmailov et al. 2018, stochastic weight averaging).

Of trainings that go on from each other, each of which ends at a low rate: their mean lies further inside the region of
good weights than any end does, and generalises better.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from fewshot import checkpoints
from fewshot.files import writable
from fewshot.training.provenance import command, commit
from fewshot.training.tasks import LOADERS
from fewshot.training.train import SettingError, TrainConfig, TrainingError


@dataclass(frozen=True)
class AverageConfig:
    """Average the weights of trainings that went on from each other."""

    weights: tuple[Path, ...]
    """the weights files, in the order of the trainings; the card goes on from the last one's"""
    data: Path
    """what they were trained on: its held-out part scores the mean"""
    out: Path = Path("runs/averaged")
    """folder for the checkpoint"""


@torch.no_grad()
def average(config: AverageConfig) -> Path:
    """Write the mean, with its card; returns the path of the weights. Raises TrainingError and CheckpointError."""
    if len(config.weights) < 2:
        raise SettingError("An average needs two files of weights or more.")
    writable(config.out)
    networks, cards = zip(*map(checkpoints.load, config.weights), strict=True)
    (network, *_), card = networks, cards[-1]
    if any(other.config != network.config for other in networks):
        raise TrainingError("Only weights of the same model and sizes can be averaged.")
    if "command" not in card:
        raise TrainingError("The last weights must be the end of a training, not a snapshot.")
    if card.get("task") not in LOADERS:
        raise TrainingError(f"The last weights are of a task that cannot be trained: {card.get('task')!r}.")
    states = [other.state_dict() for other in networks]
    mean = {name: torch.stack([s[name] for s in states]).mean(0) for name in states[0]}
    network.load_state_dict(checkpoints.kept(mean))
    card |= {"config": asdict(network.config), "commit": commit(), "command": f"{card['command']} && {command()}"}
    if network.config.side != LOADERS[card["task"]].task.side:
        raise TrainingError(f"The weights are for pictures of {network.config.side}x{network.config.side} pixels.")
    loader = LOADERS[card["task"]](TrainConfig(config.data, card["task"], characters=1))
    # Where nothing was held out of the trainings, nothing tells how good they are.
    if card.keys() & {"validation", "validation_nats_per_dim"}:
        card |= loader.scores(network)
    path = config.out / config.weights[-1].name
    checkpoints.save(path, network.state_dict(), card)
    return path

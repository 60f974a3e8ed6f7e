"""Checkpoints: weights as safetensors beside a small JSON card. Nothing is ever unpickled."""

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from fewshot.models import ModelConfig, Network, build
from fewshot.models.classifier import Classifier

SHIPPED = Path(__file__).resolve().parent.parent / "checkpoints"
CLASSIFIER = SHIPPED / "judge" / "omniglot-classifier.safetensors"  # a folder below: it draws nothing


class CheckpointError(ValueError):
    """A checkpoint is unknown or damaged; the message is one sentence for the user."""


def shipped(task: str | None = None) -> list[str]:
    """The names in ``checkpoints/``, "<task>-<model>", of one task or of all."""
    return sorted(path.stem for path in SHIPPED.glob(f"{task or '*'}-*.safetensors"))


def resolve(name: str | Path) -> Path:
    """The weights file of a name in ``checkpoints/`` or of a path. Raises CheckpointError."""
    try:
        for path in (SHIPPED / f"{name}.safetensors", Path(name)):
            if path.is_file():
                return path.resolve()
    except (OSError, TypeError, ValueError):  # not a name that a file can have
        pass
    raise CheckpointError(f"There is no checkpoint '{name}'. Shipped are: {', '.join(shipped()) or 'none'}.")


def read_card(weights: Path) -> dict[str, Any]:
    """The card beside a weights file. Raises CheckpointError."""
    path = weights.with_suffix(".json")
    try:
        card = json.loads(path.read_text())
        ModelConfig(**card["config"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"The checkpoint's card '{path.name}' is missing or damaged ({error}).") from error
    return card


def load(name: str | Path) -> tuple[Network, dict[str, Any]]:
    """The network, in evaluation mode on the CPU, and its card. Raises CheckpointError."""
    weights = resolve(name)
    card = read_card(weights)
    try:
        network = build(ModelConfig(**card["config"]))
        network.load_state_dict(load_file(weights))
    except (OSError, SafetensorError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(
            f"The checkpoint '{weights.name}' is damaged or of another version ({reason})."
        ) from error
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last), card


def load_classifier() -> Classifier:
    """The shipped classifier that judges drawings. Raises CheckpointError."""
    classifier = Classifier()
    try:
        classifier.load_state_dict(load_file(CLASSIFIER))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise CheckpointError(f"The classifier '{CLASSIFIER.name}' is missing or damaged.") from error
    return classifier.eval().requires_grad_(False)


def save(path: Path, weights: dict[str, Tensor], card: dict[str, Any]) -> None:
    """Write weights and card so that a kill at any moment leaves the old or the new file, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_tensors(path, weights)
    temporary = path.with_suffix(".json.partial")
    temporary.write_text(json.dumps(card, indent=2) + "\n")
    os.replace(temporary, path.with_suffix(".json"))


def save_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file atomically."""
    temporary = path.with_suffix(".partial")
    save_file({k: v.detach().to("cpu", torch.float32).contiguous() for k, v in tensors.items()}, temporary, metadata)
    os.replace(temporary, path)

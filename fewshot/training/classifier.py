"""Training of the classifier that judges drawings: cross-entropy over episodes of 20 characters."""

import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from tqdm import tqdm

from fewshot import checkpoints
from fewshot.data import omniglot
from fewshot.data.episodes import EpisodeSampler
from fewshot.files import writable_file
from fewshot.models.classifier import Classifier
from fewshot.models.inputs import to_tensor
from fewshot.training.augment import augment
from fewshot.training.provenance import command, commit
from fewshot.training.train import MAX_SEED, SettingError

WAYS, SHOTS, TARGETS = 20, 4, 4  # characters an episode; supports of each, at most; targets of each


@dataclass(frozen=True)
class ClassifierConfig:
    """Train the classifier that judges drawings, on the training alphabets."""

    data: Path
    """packed .npz file, or a folder of Omniglot"""
    out: Path = Path("runs/omniglot-classifier.safetensors")
    """file for its weights; the shipped one is in checkpoints/judge"""
    steps: int = 2000
    """optimizer steps"""
    learning_rate: float = 2e-3
    """peak rate of AdamW, before a cosine decay to zero"""
    seed: int = 0
    """seed of the weights and of the episodes"""


def train_classifier(config: ClassifierConfig) -> Path:
    """Train on the training alphabets alone; returns the path of the weights. Raises DataError, SettingError."""
    started, code = time.monotonic(), commit()
    if config.steps < 1 or not 0 <= config.seed <= MAX_SEED or not 0 < config.learning_rate <= 1:
        raise SettingError("--steps must be at least 1, --seed at least 0, --learning-rate above 0 and at most 1.")
    writable_file(config.out)
    training = omniglot.load(config.data).split("training")
    episodes = EpisodeSampler(training, WAYS, TARGETS, config.seed, max_shots=SHOTS, transform=augment)
    torch.manual_seed(config.seed)
    classifier = Classifier()
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=config.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.steps)
    right = torch.arange(WAYS).repeat_interleave(TARGETS)
    for step in (bar := tqdm(range(config.steps), desc="classifier", mininterval=1)):
        supports, targets = map(to_tensor, episodes.batch(step))
        logits = classifier.logits(targets.flatten(0, 1), supports)
        loss = F.cross_entropy(logits, right)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 20 == 0:
            bar.set_postfix(loss=f"{loss.item():.3f}", accuracy=f"{(logits.argmax(1) == right).float().mean():.2f}")
    card = {
        "data": f"training alphabets of {config.data.name}",
        "steps": config.steps,
        "minutes": round((time.monotonic() - started) / 60, 1),
        "command": command(),
        "commit": code,
    }
    checkpoints.save(config.out, classifier.state_dict(), card)
    return config.out

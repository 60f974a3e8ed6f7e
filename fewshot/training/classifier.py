"""Training of the classifiers that judge drawings: cross-entropy over episodes of 20 characters, emoji or products."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from tqdm import tqdm

from fewshot import checkpoints
from fewshot.data import emoji, omniglot, products
from fewshot.data.episodes import EpisodeSampler
from fewshot.files import writable_file
from fewshot.models.classifier import Classifier
from fewshot.models.inputs import to_tensor
from fewshot.tasks import EMOJI, OMNIGLOT, PRODUCTS, TASKS
from fewshot.training.augment import augment, augment_emoji, augment_photos
from fewshot.training.provenance import command, commit
from fewshot.training.train import MAX_SEED, SettingError

WAYS, SHOTS, TARGETS = 20, 4, 4  # characters an episode; of each the most supports, and targets; of others one target


def _of_characters(data: Path, seed: int) -> EpisodeSampler:
    return EpisodeSampler(omniglot.load(data).split("training"), WAYS, TARGETS, seed, SHOTS, transform=augment)


def _of_emoji(data: Path, seed: int) -> emoji.EmojiSampler:
    return emoji.EmojiSampler(emoji.load(data, "training"), WAYS, seed, SHOTS, transform=augment_emoji)


def _of_products(data: Path, seed: int) -> products.ProductSampler:
    return products.ProductSampler(products.load(data, "training"), WAYS, seed, transform=augment_photos)


# Where the episodes come from, and what is said of them on the card.
Sampler = EpisodeSampler | emoji.EmojiSampler | products.ProductSampler
SAMPLERS: dict[str, tuple[Callable[[Path, int], Sampler], str]] = {
    OMNIGLOT.key: (_of_characters, "training alphabets"),
    EMOJI.key: (_of_emoji, "training emoji"),
    PRODUCTS.key: (_of_products, "training products"),
}


@dataclass(frozen=True)
class ClassifierConfig:
    """Train the classifier that judges drawings, on the training alphabets, emoji or products."""

    data: Path
    """packed .npz file, or a folder of Omniglot, of icon packages, or of Stanford Online Products"""
    task: Literal[tuple(SAMPLERS)] = OMNIGLOT.key  # type: ignore[valid-type]  # mypy wants them spelt out
    """whose drawings it is to judge"""
    out: Path | None = None
    """file for its weights, in runs if not given; the shipped ones are in checkpoints/judge"""
    steps: int = 2000
    """optimizer steps"""
    learning_rate: float = 2e-3
    """peak rate of AdamW, before a cosine decay to zero"""
    seed: int = 0
    """seed of the weights and of the episodes"""


def train_classifier(config: ClassifierConfig) -> Path:
    """Train on what was not held out; returns the path of the weights. Raises DataError and SettingError."""
    started, code = time.monotonic(), commit()
    if config.steps < 1 or not 0 <= config.seed <= MAX_SEED or not 0 < config.learning_rate <= 1:
        raise SettingError("--steps must be at least 1, --seed at least 0, --learning-rate above 0 and at most 1.")
    out = config.out or Path("runs") / f"{config.task}-classifier.safetensors"
    writable_file(out)
    sampler, training = SAMPLERS[config.task]
    episodes = sampler(config.data, config.seed)
    torch.manual_seed(config.seed)
    classifier = Classifier(TASKS[config.task].channels)
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=config.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.steps)
    for step in (bar := tqdm(range(config.steps), desc="classifier", mininterval=1)):
        supports, targets = map(to_tensor, episodes.batch(step))
        logits = classifier.logits(targets.flatten(0, 1), supports)
        right = torch.arange(WAYS).repeat_interleave(targets.shape[1])
        loss = F.cross_entropy(logits, right)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 20 == 0:
            bar.set_postfix(loss=f"{loss.item():.3f}", accuracy=f"{(logits.argmax(1) == right).float().mean():.2f}")
    card = {
        "data": f"{training} of {config.data.name}",
        "steps": config.steps,
        "minutes": round((time.monotonic() - started) / 60, 1),
        "command": command(),
        "commit": code,
    }
    checkpoints.save(out, classifier.state_dict(), card)
    return out

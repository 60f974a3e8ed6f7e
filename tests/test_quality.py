"""The judge of drawings, on drawers whose quality is known."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

import fewshot
from fewshot import checkpoints, quality
from fewshot.data import omniglot
from fewshot.data.errors import DataError
from tests.conftest import SHARED, needs_shared, strokes_image


@pytest.fixture(scope="module")
def characters() -> omniglot.Drawings:
    """24 made-up characters, 20 drawings of each, which differ by a shift and a few pixels."""
    rng = np.random.default_rng(0)
    images = []
    for _ in range(24):
        character = strokes_image(rng, 26)
        for _ in range(20):
            drawing = np.roll(character, rng.integers(-1, 2, 2), axis=(0, 1))
            images.append(drawing ^ (rng.random(drawing.shape) < 0.01).astype(np.uint8))
    names = tuple(f"Madeup/{i:02d}" for i in range(24))
    return omniglot.Drawings(np.stack(images), np.zeros((480, 1379), np.uint8), np.repeat(np.arange(24), 20), names)


def drawer(draw) -> SimpleNamespace:
    """A model that draws what ``draw(supports, rng)`` gives."""

    def stream(supports, samples, seed, **_):
        rng = np.random.default_rng(seed)
        yield SimpleNamespace(images=np.stack([draw(supports, rng) for _ in range(samples)]))

    return SimpleNamespace(stream=stream)


def judge(draw, characters) -> quality.Quality:
    return quality.quality(drawer(draw), checkpoints.load_classifier(), characters, seed=0)


def test_a_good_drawer_is_told_from_a_copier_and_from_one_that_ignores_its_supports(characters):
    def good(supports, rng):
        drawing = np.roll(supports[rng.integers(len(supports))], rng.integers(-1, 2, 2), axis=(0, 1))
        return drawing ^ (rng.random(drawing.shape) < 0.01).astype(np.uint8)

    good, copier, other = (
        judge(draw, characters)
        for draw in (good, lambda supports, _: supports[0], lambda _, rng: strokes_image(rng, 26))
    )
    assert good.recognised_real == copier.recognised_real == other.recognised_real > 0.8
    assert good.recognised > 0.7
    assert other.recognised < 0.3
    assert copier.nearest_support == copier.spread == 0
    assert min(good.nearest_support, good.spread, good.spread_real) > 0.01
    assert other.nearest_support > 1.5 * good.nearest_support
    assert good.energy < min(copier.energy, other.energy)
    assert good.inkless == 0
    assert judge(lambda supports, _: supports[0] * 0, characters).inkless == 1


def test_a_judge_that_cannot_tell_recognises_nothing(characters):
    blind = SimpleNamespace(logits=lambda targets, supports: torch.zeros(len(targets), len(supports)))
    judged = quality.quality(drawer(lambda supports, _: supports[0]), blind, characters, seed=0)
    assert judged.recognised == judged.recognised_real == 0


def test_likelihood_classifies(characters):
    by_distance = SimpleNamespace(score=lambda images, supports: (images != supports[0]).astype(float))
    assert quality.one_shot_accuracy(by_distance, characters, seed=0) > 0.5
    blind = SimpleNamespace(score=lambda images, _: np.zeros(images.shape))
    assert quality.one_shot_accuracy(blind, characters, seed=0) == pytest.approx(1 / 20)


def test_too_little_data_gives_a_sentence(characters):
    few = omniglot.Drawings(
        characters.images[:200], characters.packed[:200], characters.class_id[:200], characters.class_name
    )
    with pytest.raises(DataError, match="needs 20 characters"):
        judge(lambda supports, _: supports[0], few)
    with pytest.raises(DataError, match="needs 20 characters"):
        quality.one_shot_accuracy(drawer(None), few, seed=0)


@needs_shared
def test_attention_pixelcnn_classifies_characters_it_has_never_seen(monkeypatch):
    monkeypatch.setattr(quality, "RUNS", 1)
    validation = omniglot.load(SHARED / "omniglot_45_alphabets.npz").split("validation")
    assert quality.one_shot_accuracy(fewshot.load("omniglot-attention"), validation, seed=0) >= 0.7

"""The judge of drawings, on drawers whose quality is known."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import fewshot
from fewshot import checkpoints, quality
from fewshot.data import omniglot
from fewshot.data.emoji import Emoji
from fewshot.data.errors import DataError
from fewshot.data.products import Products
from fewshot.models.classifier import Classifier
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
    take = partial(quality.characters, characters)
    return quality.quality(drawer(draw), checkpoints.load_classifier("omniglot", 1), take, seed=0)


@pytest.mark.parametrize("in_colour", [False, True])
def test_mirror_images_are_compared_with_the_true_ones(in_colour):
    """Of each 36 pixels of a copy, one is far away; in colour, another one is nearly right."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 200, (3, 6, 6, 3)) if in_colour else rng.integers(0, 2, (3, 6, 6))

    def copy(supports, _):
        drawn = supports[0][:, ::-1].copy()
        if in_colour:
            drawn[2, 3, 1] += 40
            drawn[4, 4, 2] += 3
        else:
            drawn[2, 3] ^= 1
        return drawn

    model = drawer(copy)
    model.in_colour = in_colour
    found = quality.copies(model, images.astype(np.uint8), seed=0)
    assert found.close == pytest.approx(35 / 36)
    assert found.mean_difference == pytest.approx(43 / 108 if in_colour else 255 / 36)


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


@pytest.fixture(scope="module")
def emoji() -> Emoji:
    """24 made-up emoji on white, one by each of eight artists, and one that too few have drawn."""
    rng, images = np.random.default_rng(0), []
    for _ in range(25):
        shape, colour = strokes_image(rng, 32)[..., None], rng.integers(0, 200, 3)
        for _ in range(8):
            ink = np.roll(shape, rng.integers(-1, 2, 2), axis=(0, 1)) * (255 - colour - rng.integers(0, 30, 3))
            images.append((255 - ink).astype(np.uint8))
    kept = slice(24 * 8 + 4)
    class_id, artist = np.repeat(np.arange(25), 8)[kept], np.tile(np.arange(8), 25)[kept]
    return Emoji(np.stack(images)[kept], class_id, artist, tuple(f"made-up-{i}" for i in range(25)))


def test_emoji_are_judged_in_colour(emoji):
    """By a classifier of random weights, which knows a picture again."""
    torch.manual_seed(0)
    classifier, take = Classifier(channels=3).eval(), partial(quality.versions, emoji)
    real = take(np.random.default_rng(0))
    assert [part.shape for part in real] == [(24, n, 32, 32, 3) for n in (3, 2, 2)]
    copier, blank, negative = (
        quality.quality(drawer(draw), classifier, take, seed=0)
        for draw in (lambda given, _: given[0], lambda given, _: given[0] * 0 + 255, lambda given, _: 255 - given[0])
    )
    assert copier.recognised > 0.5
    assert copier.recognised_real > 0.5
    assert copier.nearest_support == copier.spread == copier.inkless == 0
    assert blank.inkless == 1
    assert blank.recognised < 0.1
    levels = (real.others.astype(int)[:, :, None] - real.supports.astype(int)[:, None]) / 255
    assert copier.nearest_support_real == pytest.approx(
        np.abs(levels).mean(axis=(3, 4, 5)).min(axis=2).mean(), rel=1e-5
    )
    assert copier.energy < blank.energy < negative.energy
    with pytest.raises(DataError, match="20 by 7 artists each; the data has 0"):
        quality.versions(replace(emoji, artist=emoji.artist % 6), np.random.default_rng(0))


def test_a_judge_that_cannot_tell_recognises_nothing(characters):
    blind = SimpleNamespace(logits=lambda targets, supports: torch.zeros(len(targets), len(supports)))
    take = partial(quality.characters, characters)
    judged = quality.quality(drawer(lambda supports, _: supports[0]), blind, take, seed=0)
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


def test_products_are_judged_by_views_that_are_all_different():
    rng = np.random.default_rng(0)
    number = [8] * 20 + [7]  # photographs of each product; the last has too few
    images = rng.integers(256, size=(sum(number), 32, 32, 3), dtype=np.uint8)
    products = Products(images, np.repeat(np.arange(21), number), np.ones(sum(number), bool))
    real = quality.views(products, rng)
    assert [part.shape for part in real] == [(20, n, 32, 32, 3) for n in (3, 3, 2)]
    of_each = np.concatenate(real, axis=1).reshape(20, 8, -1)
    for k, views in enumerate(of_each):
        np.testing.assert_array_equal(
            np.unique(views, axis=0), np.unique(images[8 * k : 8 * k + 8].reshape(8, -1), axis=0)
        )
    fewer = replace(products, class_id=products.class_id.clip(max=18))
    with pytest.raises(DataError, match="needs 20 with 8"):
        quality.views(fewer, rng)

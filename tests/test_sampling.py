"""The incremental sampler gives what the naive one gives."""

import numpy as np
import pytest
import torch

import fewshot
from fewshot import checkpoints
from fewshot.api import uniform_noise
from fewshot.data.episodes import to_tensor
from fewshot.sampling import naive
from fewshot.sampling.incremental import IncrementalSampler
from tests.conftest import VARIANTS, small_network, strokes_image

HEIGHT, WIDTH = 9, 7


def compare(network, supports, noise, temperature, prefix):
    """Draw with both samplers and assert that they agree; returns the images."""
    _, height, width = noise.shape
    if network.adapts:
        network = network.adapted(to_tensor(supports[None])[0]).network
    images, probabilities, attention = naive.sample(network, supports, noise, temperature, prefix)
    with torch.inference_mode():
        memory = network.encode(to_tensor(supports[None]))
    rows = []
    for drawn in IncrementalSampler(network, height, width).rows(memory, noise, temperature, prefix):
        rows.append(drawn.rows)
    assert rows == list(range(1, height + 1))
    np.testing.assert_array_equal(drawn.images, images)
    np.testing.assert_allclose(drawn.probabilities, probabilities, atol=1e-4)
    if attention is not None:
        np.testing.assert_allclose(drawn.attention, attention, atol=1e-4)
        share = drawn.attention.sum((3, 4, 5))
        assert (share <= 1 + 1e-5).all()
        assert (share > 0).all()
    assert 0 < images.mean() < 1
    return images


@pytest.mark.parametrize("prefix_rows", [0, 4])
@pytest.mark.parametrize("samples", [1, 4])
@pytest.mark.parametrize("model", VARIANTS)
def test_equals_naive(model, samples, prefix_rows):
    rng = np.random.default_rng(5)
    supports = rng.integers(0, 2, (3, HEIGHT, WIDTH)).astype(np.uint8)
    prefix = rng.integers(0, 2, (prefix_rows, WIDTH)).astype(np.uint8) if prefix_rows else None
    noise = uniform_noise(0, (samples, HEIGHT, WIDTH))
    # With larger weights, a gradient step would make attention so sharp that heads read all or nothing.
    network = small_network(model, scale=0.2 if model == "attentive-meta" else 0.4)
    images = compare(network, supports, noise, 0.8, prefix)
    if prefix_rows:
        assert (images[:, :prefix_rows] == prefix).all()


@pytest.mark.parametrize("name", checkpoints.shipped())
def test_equals_naive_with_the_shipped_weights(name):
    supports = np.stack([strokes_image(np.random.default_rng(i), 26) for i in range(2)])
    model = fewshot.load(name)
    prefix = supports[0, :22]  # four rows are left to the samplers: the naive one takes its time
    run = model.generate(supports, samples=2, seed=7, prefix=prefix)
    network = model.network
    if model.adapts:
        network = network.adapted(to_tensor(supports[None])[0]).network
    images, probabilities, attention = naive.sample(network, supports, uniform_noise(7, (2, 26, 26)), prefix=prefix)
    np.testing.assert_array_equal(run.images, images)
    np.testing.assert_allclose(run.probabilities, probabilities, atol=1e-4)
    if attention is not None:
        np.testing.assert_allclose(run.attention, attention, atol=1e-4)


def test_no_whole_image_pass_while_sampling(monkeypatch):
    model = fewshot.load("omniglot-attention")
    monkeypatch.setattr(model.network, "decode", lambda *_: pytest.fail("a whole-image forward pass"))
    model.generate(np.ones((1, 26, 26)))


def test_two_drawings_at_once_do_not_mix():
    network = small_network("attention")
    sampler = IncrementalSampler(network, HEIGHT, WIDTH)
    rng = np.random.default_rng(3)
    calls = []
    for shots in (1, 3):
        supports = rng.integers(0, 2, (1, shots, HEIGHT, WIDTH)).astype(np.uint8)
        with torch.inference_mode():
            memory = network.encode(to_tensor(supports))
        calls.append((memory, uniform_noise(shots, (2, HEIGHT, WIDTH)), 1.0, None))
    alone = [list(sampler.rows(*call))[-1] for call in calls]
    together = list(zip(*(sampler.rows(*call) for call in calls), strict=True))[-1]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.images, other.images)
        np.testing.assert_array_equal(one.attention, other.attention)


def test_temperature_sharpens():
    network = small_network("pixelcnn")
    noise = uniform_noise(0, (2, HEIGHT, WIDTH))
    supports = np.zeros((0, HEIGHT, WIDTH), np.uint8)
    # The given image is the same for both, so that the probabilities can be compared.
    prefix = np.random.default_rng(0).integers(0, 2, (HEIGHT, WIDTH)).astype(np.uint8)
    _, warm, _ = naive.sample(network, supports, noise, 1.0, prefix)
    _, cold, _ = naive.sample(network, supports, noise, 0.5, prefix)
    assert (np.abs(cold - 0.5) >= np.abs(warm - 0.5)).all()
    assert (np.abs(cold - 0.5) > np.abs(warm - 0.5) + 0.05).any()

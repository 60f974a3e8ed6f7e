"""Multi-Scale PixelCNN: a small picture and the details given it, its sampler, and what training starts from."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from fewshot import FewShotModel, InputError
from fewshot.api import uniform_noise
from fewshot.data import photos
from fewshot.data.products import Products, ProductSampler
from fewshot.models import ModelConfig, build
from fewshot.models.inputs import to_tensor
from fewshot.models.multi_scale import BLOCK, Details, MultiScalePixelCNN, enlarged, shrunk
from fewshot.sampling import naive
from fewshot.sampling.multi_scale import sampler_of
from fewshot.sampling.pixels import Draw
from fewshot.tasks import PRODUCTS
from fewshot.training.train import TrainConfig, TrainingError, _Run
from tests.conftest import small_network

SIDE, SMALL = 16, 16 // BLOCK
SIZES = {"channels": 3, "side": SIDE, "heads": 2, "key_size": 4}


@pytest.fixture
def network() -> MultiScalePixelCNN:
    return small_network("multi-scale", scale=0.15, **SIZES)


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(256, size=(6, SIDE, SIDE, 3), dtype=np.uint8)


class Given(nn.Module):
    """The details of one picture whose small one is known, for the naive sampler."""

    attends = False

    def __init__(self, details: Details, small: np.ndarray):
        super().__init__()
        self.details, self.small, self.head = details, to_tensor(small[None, None])[0], details.head

    def encode(self, supports: torch.Tensor):
        return self.details.located(self.details.encode(supports), self.small)

    def decode(self, targets: torch.Tensor, memory):
        return self.details.decode(targets, memory)


def test_the_small_picture_is_the_means_of_blocks_in_whole_levels(images):
    small = shrunk(to_tensor(images[None]))
    torch.testing.assert_close(small, to_tensor(photos.shrink(images, SMALL)[None]), atol=0, rtol=0)
    halves = np.zeros((1, 1, BLOCK, BLOCK, 3), np.uint8)
    halves[..., : BLOCK // 2, :] = 5  # 2.5 on average: to the even one
    torch.testing.assert_close(shrunk(to_tensor(halves)), to_tensor(np.full((1, 1, 1, 1, 3), 2, np.uint8)))


@pytest.mark.parametrize("settings", [Draw(), Draw(0.8, cut=0.02), Draw(guidance=1.0)])
def test_the_sampler_draws_what_the_definition_gives(network, images, settings):
    supports, prefix, n = images[:3], images[3, :10], 2
    for given in (None, prefix):
        sampler = sampler_of(network, SIDE, SIDE)
        noise = uniform_noise(4, (n, *sampler.noise_shape(bool(settings.guidance))))
        with torch.inference_mode():
            memory = network.encode(to_tensor(supports[None]))
        partner = None
        if settings.guidance:
            model = FewShotModel(small_network("multi-scale", scale=0.15, **SIZES, drops_supports=True), CARD, "it")
            partner = model.partner
        *_, drawn = sampler.rows([memory], noise, settings, given, partner)

        expected = naive.sample(network, supports, noise, settings, given, None if partner is None else network)
        np.testing.assert_array_equal(drawn.images, expected.images)
        np.testing.assert_allclose(drawn.probabilities, expected.probabilities, atol=1e-5)
        np.testing.assert_allclose(drawn.attention, expected.attention, atol=1e-5)
        if given is not None:
            np.testing.assert_array_equal(drawn.images[:, :10], np.stack([given] * n))


CARD = {"task": "products"}


def test_of_a_given_picture_the_sampler_reads_what_the_network_attends_to(network, images):
    model = FewShotModel(network, CARD, "it")
    run = model.generate(images[:3], samples=2, seed=1, prefix=images[3])
    with torch.inference_mode():
        (alpha,) = network.attention(to_tensor(run.images[None]), network.encode(to_tensor(images[None, :3])))
    alpha = alpha[0, :, :, 1:].unflatten(1, (2, -1)).permute(1, 2, 0, 3).numpy()
    np.testing.assert_allclose(run.attention.reshape(alpha.shape), alpha, atol=1e-5)
    assert network.grid(SIDE, SIDE) == (SMALL, SMALL)


def test_a_seed_draws_the_same_alone_and_among_others(network, images):
    model = FewShotModel(network, CARD, "it")
    many = model.generate(images[:2], samples=3, seed=5)
    for i in range(3):
        one = model.generate(images[:2], seed=5 + i)
        np.testing.assert_array_equal(many.images[i], one.images[0])
    assert len(np.unique(many.images, axis=0)) == 3


def test_costs_are_those_of_both_pictures(network, images):
    supports, targets = to_tensor(images[None, :3]), to_tensor(images[None, 3:])
    with torch.inference_mode():
        memory = network.encode(supports)
        nats = network.head.nats(network.decode(targets, memory), targets)[0]
        small = shrunk(targets)
        of_small = network.small.head.nats(network.small(small, shrunk(supports)), small)[0]
        for target, cost, of_blocks in zip(images[3:], nats, of_small, strict=True):
            given = Given(network.details, photos.shrink(target[None], SMALL)[0])
            x = to_tensor(target[None, None])
            of_pixels = given.head.nats(given.decode(x, given.encode(supports)), x)[0, 0]
            torch.testing.assert_close(cost.sum(), of_pixels.sum() + of_blocks.sum())
            torch.testing.assert_close(cost, of_pixels + enlarged(of_blocks) / BLOCK**2)


def test_no_pixel_knows_later_ones_but_by_the_small_picture(network, images):
    supports, target = to_tensor(images[None, :3]), images[3].copy()
    other = target.copy()
    row, column = 9, 6
    # Two later pixels of one block change places, so that its mean stays.
    other[10, 8], other[11, 9] = target[11, 9], target[10, 8]
    assert (other != target).any()
    with torch.inference_mode():
        outputs = [network.decode(to_tensor(x[None, None]), network.encode(supports))[0, 0] for x in (target, other)]
    before = slice(0, row), (slice(None), slice(0, column))
    torch.testing.assert_close(outputs[0][:, before[0]], outputs[1][:, before[0]], atol=0, rtol=0)
    torch.testing.assert_close(outputs[0][:, 10, :9], outputs[1][:, 10, :9], atol=0, rtol=0)
    assert (outputs[0][:, 11, 10:] != outputs[1][:, 11, 10:]).any()
    # Nor a block later blocks, or itself.
    other[8:12, 4:8] = 255 - other[8:12, 4:8]
    with torch.inference_mode():
        changed = network.decode(to_tensor(other[None, None]), network.encode(supports))[0, 0]
    of_blocks = [x[x.shape[0] // 2 :, ::BLOCK, ::BLOCK] for x in (outputs[0], changed)]
    torch.testing.assert_close(of_blocks[0][:, :2], of_blocks[1][:, :2], atol=0, rtol=0)
    torch.testing.assert_close(of_blocks[0][:, 2, :2], of_blocks[1][:, 2, :2], atol=0, rtol=0)
    assert (of_blocks[0][:, 2, 2:] != of_blocks[1][:, 2, 2:]).any()


def test_the_order_of_supports_does_not_matter(network, images):
    targets = to_tensor(images[None, 3:])
    with torch.inference_mode():
        outputs = [network(targets, to_tensor(images[None, order])) for order in ([0, 1, 2], [2, 0, 1])]
    torch.testing.assert_close(*outputs, atol=1e-4, rtol=1e-4)


def test_guided_only_by_itself_and_then_also_without_supports(images):
    """Also of a size of which there is a PixelCNN: what that draws knows no small picture."""
    sizes, images = SIZES | {"side": PRODUCTS.side}, images.repeat(2, axis=1).repeat(2, axis=2)
    alone = {drops: small_network("multi-scale", 0.15, **sizes, drops_supports=drops) for drops in (False, True)}
    with_partner, without = (FewShotModel(alone[drops], CARD, "it") for drops in (True, False))
    assert with_partner.facts.guides
    assert not without.facts.guides
    guided, plain = (with_partner.generate(images[:2], seed=2, guidance=w).images for w in (2.0, 0.0))
    assert (guided != plain).any()
    with_partner.generate([], seed=2)
    assert np.isfinite(with_partner.fit(images[3:], images[:2])).all()
    for refused in (
        lambda: without.generate(images[:2], guidance=1.0),
        lambda: without.fit(images[3:], images[:2]),
        lambda: without.generate([]),
    ):
        with pytest.raises(InputError):
            refused()


@pytest.mark.parametrize("wrong", [{"channels": 1}, {"side": 30}, {"palette": ("#ffffff", "#000000")}, {"own": True}])
def test_what_has_no_two_scales_is_refused(wrong):
    with pytest.raises(ValueError, match="two scales"):
        build(ModelConfig(model="multi-scale", **{**SIZES, **wrong}))


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "products.npz"
    class_id = np.repeat(np.arange(10), 4)
    images = rng.integers(256, size=(40, 32, 32, 3), dtype=np.uint8)
    np.savez(path, images=images, class_id=class_id, source=np.zeros(40, np.int64))
    return path


def run_of(data, tmp_path, model: str, **settings) -> _Run:
    config = TrainConfig(
        data=data, task="products", model=model, out=tmp_path / model, characters=2, steps=1, every=1, compile=False,
        network=("layers=4", "maps=8", "penultimate=8", "encoder_maps=8", "vector=8", "heads=2", "key_size=4"),
    )  # fmt: skip
    return _Run(replace(config, **settings), 0, 1, torch.device("cpu"))


def test_training_starts_from_a_conditional_pixelcnn(data, tmp_path):
    weights = run_of(data, tmp_path, "conditional").run()
    run = run_of(data, tmp_path, "multi-scale", initial=weights)
    details = run.network.details
    supports, targets = run.tensors(run.share[0])
    before = run_of(data, tmp_path, "conditional", initial=weights, out=tmp_path / "again").network
    with torch.inference_mode():
        given = details.located(details.encode(supports), shrunk(targets)[:, 0])
        torch.testing.assert_close(details.decode(targets, given), before(targets, supports))
    assert any(weight.any() for name, weight in run.network.small.named_parameters() if "_context." in name)
    assert run.run().exists()
    with pytest.raises(TrainingError, match="extends"):
        run_of(data, tmp_path, "conditional", out=tmp_path / "other", initial=tmp_path / "multi-scale" / MADE)


MADE = "products-multi-scale.safetensors"


def test_some_steps_have_no_supports(images):
    products = Products(images, np.array([0, 0, 0, 1, 1, 1]), np.ones(6, bool))
    shots = [ProductSampler(products, 2, 0, without=0.5).batch(step).supports.shape[1] for step in range(40)]
    assert set(shots) == {0, 3}
    assert 10 < shots.count(0) < 30
    for step in range(5):  # the others are what they would be
        one, other = (ProductSampler(products, 2, 0, without=share).batch(step) for share in (0, 1))
        np.testing.assert_array_equal(one.targets, other.targets)

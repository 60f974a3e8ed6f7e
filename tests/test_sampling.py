"""The incremental sampler gives what the naive one gives."""

import numpy as np
import pytest
import torch

import fewshot
from fewshot import checkpoints
from fewshot.api import uniform_noise
from fewshot.models.heads import MixtureOfLogistics, Palette, log_probability
from fewshot.models.inputs import to_tensor
from fewshot.sampling import naive
from fewshot.sampling.incremental import IncrementalSampler, Partner
from fewshot.sampling.multi_scale import sampler_of
from fewshot.sampling.pixels import Draw, bernoulli, mixture_of_logistics, noise_of_pixel, palette
from tests.conftest import NETWORKS, VARIANTS, small_network, strokes_image

HEIGHT, WIDTH = 9, 7


def compare(network, supports, noise, draw, prefix, trained=False, partner=None):
    """Draw with both samplers and assert that they agree; returns the images."""
    height, width = supports.shape[1:3]
    own_partner = partner is network
    if network.adapts:
        network = network.adapted(to_tensor(supports[None])[0]).network
    expected = naive.sample(network, supports, noise, draw, prefix, partner)
    sampler, partner_memory = sampler_of(network, height, width), None
    with torch.inference_mode():
        memory = network.encode(to_tensor(supports[None]))
        if partner is not None:
            other = sampler if own_partner else IncrementalSampler(partner, height, width)
            partner_memory = Partner(other, partner.encode(to_tensor(supports[None, :0])))
    rows = []
    for drawn in sampler.rows([memory], noise, draw, prefix, partner_memory):
        rows.append(drawn.rows)
    assert rows == list(range(1, height + 1))
    # A level of a colour may differ by one, where float32 rounds to either side of a border between two.
    in_colour = supports.ndim == 4
    np.testing.assert_allclose(drawn.images.astype(int), expected.images, atol=1 if in_colour else 0)
    np.testing.assert_allclose(drawn.probabilities, expected.probabilities, atol=0.02 if in_colour else 1e-4)
    if expected.own is not None:
        np.testing.assert_allclose(drawn.own, expected.own, atol=1e-4)
        assert drawn.own[:, 0].max() == 0  # before the first pixel there is nothing to read
        assert drawn.own[:, -1].max() > 0
    if expected.attention is not None:
        np.testing.assert_allclose(drawn.attention, expected.attention, atol=1e-4)
        share = drawn.attention.sum((3, 4, 5)) + (0 if drawn.own is None else drawn.own.sum((3, 4)))
        assert (share <= 1 + 1e-5).all()
        # A trained head may read nothing at all of what it never saw the like of.
        assert (share.max() > 0) if trained else (share > 0).all()
    assert 0 < drawn.images.mean() < (255 if drawn.images.ndim == 4 else 1)
    return drawn.images


@pytest.mark.parametrize("prefix_rows", [0, 4])
@pytest.mark.parametrize("samples", [1, 4])
@pytest.mark.parametrize("model", VARIANTS)
def test_equals_naive(model, samples, prefix_rows):
    rng = np.random.default_rng(5)
    supports = rng.integers(0, 2, (3, HEIGHT, WIDTH)).astype(np.uint8)
    prefix = rng.integers(0, 2, (prefix_rows, WIDTH)).astype(np.uint8) if prefix_rows else None
    noise = uniform_noise(0, (samples, HEIGHT, WIDTH))
    # With larger weights, attention is so sharp that float32 is too coarse for its scores, whichever the sampler: with
    # .4 the two are .00003 and .0001 off float64. After a gradient step, its heads would read all or nothing.
    network = small_network(model, scale={"attention": 0.3, "attentive-meta": 0.2}.get(model, 0.4))
    images = compare(network, supports, noise, Draw(0.8), prefix)
    if prefix_rows:
        assert (images[:, :prefix_rows] == prefix).all()


@pytest.mark.parametrize("partner", [None, "itself", "another"])
@pytest.mark.parametrize(("samples", "prefix_rows"), [(1, 0), (4, 4)])
@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in VARIANTS])
def test_equals_naive_with_other_networks_and_guidance(name, samples, prefix_rows, partner):
    rng = np.random.default_rng(6)
    supports = rng.integers(0, 2, (3, HEIGHT, WIDTH)).astype(np.uint8)
    prefix = rng.integers(0, 2, (prefix_rows, WIDTH)).astype(np.uint8) if prefix_rows else None
    network = small_network(scale=0.2 if "meta" in name else 0.3, **NETWORKS[name])
    if network.adapts:
        network = network.adapted(to_tensor(supports[None])[0]).network
    partners = {None: None, "itself": network, "another": small_network("pixelcnn")}
    draw = Draw(temperature=0.9, guidance=0.7 if partner else 0.0, cut=0.05)
    compare(network, supports, uniform_noise(0, (samples, HEIGHT, WIDTH)), draw, prefix, partner=partners[partner])


@pytest.mark.parametrize("model", ["meta", "attentive-meta"])
def test_equals_naive_with_guidance_away_from_the_weights_before_inner_steps(model):
    supports = np.random.default_rng(7).integers(0, 2, (3, HEIGHT, WIDTH)).astype(np.uint8)
    network = small_network(model, scale=0.2, side=HEIGHT)
    before = network.adapted(torch.zeros(0, 1, HEIGHT, WIDTH), 0).network
    compare(network, supports, uniform_noise(0, (2, HEIGHT, WIDTH)), Draw(guidance=1.0), None, partner=before)


@pytest.mark.parametrize("name", checkpoints.shipped())
def test_equals_naive_with_the_shipped_weights(name):
    model = fewshot.load(name)
    if model.in_colour:  # the corner of a picture: the naive sampler takes its time
        ramp = np.linspace(0, 255, 36).reshape(12, 3)
        supports = np.stack(
            [((ramp[:, None] + ramp[None] * i) % 256).astype(np.uint8) for i in range(model.task.most_shots)]
        )
        network, head = model.network, model.network.head
        if isinstance(head, Palette):
            supports = head.painted(supports)
        noise = uniform_noise(7, (2, *sampler_of(network.unadapted(), 12, 12).noise_shape(guided=False)))
        compare(network, supports[:2], noise, Draw(cut=0.01), supports[0, :6], trained=True)
        return
    shots = min(2, model.task.most_shots)
    supports = np.stack([strokes_image(np.random.default_rng(i), model.side) for i in range(shots)])
    prefix = supports[0, :-4]  # four rows are left to the samplers: the naive one takes its time
    run = model.generate(supports, samples=2, seed=7, prefix=prefix)
    network = model.network
    if model.adapts:
        network = network.adapted(to_tensor(run.supports[None])[0]).network
    expected = naive.sample(network, supports, uniform_noise(7, (2, 26, 26)), Draw(), prefix)
    np.testing.assert_array_equal(run.images, expected.images)
    np.testing.assert_allclose(run.probabilities, expected.probabilities, atol=1e-4)
    if expected.attention is not None:
        np.testing.assert_allclose(run.attention, expected.attention, atol=1e-4)
    if expected.own is not None:
        np.testing.assert_allclose(run.own, expected.own, atol=1e-4)


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
        calls.append(([memory], uniform_noise(shots, (2, HEIGHT, WIDTH)), Draw()))
    alone = [list(sampler.rows(*call))[-1] for call in calls]
    together = list(zip(*(sampler.rows(*call) for call in calls), strict=True))[-1]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.images, other.images)
        np.testing.assert_array_equal(one.attention, other.attention)


@pytest.mark.parametrize("partner", [None, "itself", "another"])
@pytest.mark.parametrize("model", [m for m in VARIANTS if m != "pixelcnn"])
def test_several_episodes_are_drawn_at_once_as_each_alone(model, partner):
    """Also with other numbers of supports, guided, and where the drawing itself is read."""
    network = small_network(model, scale=0.25, own=model == "attention").unadapted()
    sampler, rng, draw = IncrementalSampler(network, HEIGHT, WIDTH), np.random.default_rng(3), Draw()
    if partner is not None:
        other = network if partner == "itself" else small_network("pixelcnn", scale=0.25)
        with torch.inference_mode():
            nothing = other.encode(torch.zeros(1, 0, 1, HEIGHT, WIDTH))
        draw = Draw(0.9, 0.7, 0.02)
        partner = Partner(sampler if other is network else IncrementalSampler(other, HEIGHT, WIDTH), nothing)
    with torch.inference_mode():
        memories = [network.encode(binary(1, shots, 1, HEIGHT, WIDTH, rng)) for shots in (1, 3, 2)]
    noise = uniform_noise(1, (6, HEIGHT, WIDTH))
    *_, together = sampler.rows(memories, noise, draw, None, partner)
    for i, memory in enumerate(memories):
        own = slice(2 * i, 2 * i + 2)
        *_, alone = sampler.rows([memory], noise[own], draw, None, partner)
        np.testing.assert_array_equal(together.images[own], alone.images)
        np.testing.assert_allclose(together.probabilities[own], alone.probabilities, atol=1e-4)
        if alone.attention is not None:
            shots = alone.attention.shape[3]
            np.testing.assert_allclose(together.attention[own, :, :, :shots], alone.attention, atol=1e-4)
            assert (together.attention[own, :, :, shots:] == 0).all()
        if alone.own is not None:
            np.testing.assert_allclose(together.own[own], alone.own, atol=1e-4)
    assert 0 < together.images.mean() < 1


def binary(*shape) -> torch.Tensor:
    *shape, rng = shape
    return torch.from_numpy(rng.integers(0, 2, shape).astype(np.float32))


def test_temperature_sharpens():
    network = small_network("pixelcnn")
    noise = uniform_noise(0, (2, HEIGHT, WIDTH))
    supports = np.zeros((0, HEIGHT, WIDTH), np.uint8)
    # The given image is the same for both, so that the probabilities can be compared.
    prefix = np.random.default_rng(0).integers(0, 2, (HEIGHT, WIDTH)).astype(np.uint8)
    warm = naive.sample(network, supports, noise, Draw(1.0), prefix).probabilities
    cold = naive.sample(network, supports, noise, Draw(0.5), prefix).probabilities
    assert (np.abs(cold - 0.5) >= np.abs(warm - 0.5)).all()
    assert (np.abs(cold - 0.5) > np.abs(warm - 0.5) + 0.05).any()


@pytest.mark.parametrize("partner", ["itself", "another"])
@pytest.mark.parametrize("prefix_rows", [0, 2])
def test_equals_naive_in_colour_with_guidance(prefix_rows, partner):
    supports = np.random.default_rng(5).integers(0, 256, (2, 5, 6, 3)).astype(np.uint8)
    network = small_network("attention", scale=0.3, channels=3, copies=True, stride=1)
    other = network if partner == "itself" else small_network("pixelcnn", scale=0.3, channels=3)
    noise = uniform_noise(3, (3, 5, 6, *noise_of_pixel(network.head, guided=True)))
    prefix = supports[0, :prefix_rows] if prefix_rows else None
    guided = compare(network, supports, noise, Draw(0.9, 1.5, 0.02), prefix, partner=other)
    if prefix_rows:
        assert (guided[:, :prefix_rows] == prefix).all()
    # The candidates' noise is the same: what is chosen among them is another one.
    assert (compare(network, supports, noise, Draw(0.9, 0.0, 0.02), prefix, partner=other) != guided).any()


@pytest.mark.parametrize("prefix_rows", [0, 2])
@pytest.mark.parametrize("model", VARIANTS)
def test_equals_naive_in_colour(model, prefix_rows):
    rng = np.random.default_rng(5)
    supports = rng.integers(0, 256, (2, 5, 6, 3)).astype(np.uint8)
    sizes = {"copies": True, "stride": 1} if "attenti" in model else {}
    network = small_network(model, scale=0.3, channels=3, **sizes)
    if network.adapts:  # as it is: by random gradients of colours, weights soon grow beyond all measure
        network = network.adapted(to_tensor(supports[None])[0], inner_steps=0).network
    # With these numbers no colour comes nearer to the border between two levels than 0.003, and a float32 is surer.
    noise = np.random.default_rng(151).random((3, 5, 6, network.head.noise), np.float32)
    prefix = supports[0, :prefix_rows] if prefix_rows else None
    images, probabilities, attention, _ = naive.sample(network, supports, noise, Draw(0.9), prefix)
    with torch.inference_mode():
        memory = network.encode(to_tensor(supports[None]))
        *_, drawn = IncrementalSampler(network, 5, 6).rows([memory], noise, Draw(0.9), prefix)
        nats = network.head.nats(network(to_tensor(images[None]), to_tensor(supports[None])), to_tensor(images[None]))
    np.testing.assert_array_equal(drawn.images, images)
    np.testing.assert_allclose(drawn.probabilities, probabilities, rtol=2e-3, atol=1e-7)
    if attention is not None:
        np.testing.assert_allclose(drawn.attention, attention, atol=1e-4)
    if prefix_rows:
        assert (images[:, :prefix_rows] == prefix).all()
    assert images.std() > 30
    # At another temperature, what was drawn has another probability than by itself.
    assert not np.allclose(probabilities, np.exp(-nats[0].numpy()), rtol=1e-2)


PALETTE = ("#ffffff", "#000000", "#e23b3f", "#3e8ccd", "#fbcb42")
COLOURS = np.array([list(bytes.fromhex(colour[1:])) for colour in PALETTE], np.uint8)


@pytest.mark.parametrize("prefix_rows", [0, 2])
@pytest.mark.parametrize("draw", [Draw(), Draw(0.8, 1.5, 0.02)])
@pytest.mark.parametrize("model", VARIANTS)
def test_equals_naive_with_a_palette(model, draw, prefix_rows):
    rng = np.random.default_rng(5)
    supports = COLOURS[rng.integers(0, len(COLOURS), (2, 5, 6))]
    network = small_network(model, scale=0.3, channels=3, palette=PALETTE, copies="attenti" in model)
    partner = small_network("pixelcnn", scale=0.3, channels=3, palette=PALETTE) if draw.guidance else None
    if network.adapts:  # as it is: by random gradients of colours, weights soon grow beyond all measure
        network = network.adapted(to_tensor(supports[None])[0], inner_steps=0).network
    prefix = supports[0, :prefix_rows] if prefix_rows else None
    images = compare(network, supports, uniform_noise(1, (3, 5, 6)), draw, prefix, partner=partner)
    assert {tuple(colour) for colour in images.reshape(-1, 3)} <= {tuple(colour) for colour in COLOURS}
    if prefix_rows:
        assert (images[:, :prefix_rows] == prefix).all()


def test_colours_of_a_palette_are_drawn_as_often_as_they_are_probable():
    own, alone = np.random.default_rng(0).normal(size=(2, len(PALETTE), 1)).astype(np.float32)
    n = 20_000
    draw = Draw(temperature=0.7, guidance=1.5, cut=0.05)
    drawn = palette(COLOURS, own.repeat(n, axis=1), uniform_noise(0, (n,)), draw, alone=alone.repeat(n, axis=1))
    logits = (own + 1.5 * (own - alone))[:, 0] / 0.7
    expected = np.exp(logits - logits.max())
    expected /= expected.sum()
    expected[expected < 0.05] = 0
    assert 2 <= (expected > 0).sum() < len(PALETTE)
    expected /= expected.sum()
    places = (drawn.values[:, None] == COLOURS).all(axis=2).argmax(axis=1)
    counts = np.bincount(places, minlength=len(PALETTE)) / n
    assert (np.abs(counts - expected) <= 4 * np.sqrt(expected / n)).all()
    np.testing.assert_allclose(drawn.probabilities, expected[places], rtol=1e-5)


def test_colours_are_drawn_as_often_as_they_are_probable():
    generator = torch.Generator().manual_seed(1)
    outputs = torch.randn(MixtureOfLogistics.outputs, 1, 1, generator=generator)
    n = 20_000
    repeated = np.repeat(outputs[:, :, 0].numpy(), n, axis=1)
    drawn = mixture_of_logistics(repeated, uniform_noise(0, (n, 4)), Draw())
    x = to_tensor(drawn.values[None, :, None, None])
    nats = MixtureOfLogistics.nats(outputs.expand(1, n, -1, -1, -1), x)[0, :, 0, 0]
    np.testing.assert_allclose(drawn.probabilities, np.exp(-nats.numpy()), rtol=2e-2, atol=1e-12)
    # The probability of each red, by the sum over green and blue that is 1; of red and green in two halves each.
    log_weights, means, log_scales, _ = MixtureOfLogistics.split(outputs)
    levels = torch.arange(256) / 127.5 - 1
    of_red = log_probability(levels[None] - means[0, :, :, 0], log_scales[0, :, :, 0].expand(-1, 256), levels[None])
    expected = torch.logsumexp(log_weights[:, :, 0] + of_red, 0).exp().numpy()
    counts = np.bincount(drawn.values[:, 0], minlength=256) / n
    assert np.abs(counts.cumsum() - expected.cumsum()).max() < 1.63 / n**0.5  # Kolmogorov-Smirnov, 1 %
    # The average surprise of what is drawn is the entropy, as an independent sample has it too.
    other = mixture_of_logistics(repeated, uniform_noise(1, (n, 4)), Draw()).probabilities
    assert -np.log(other).mean() == pytest.approx(nats.mean().item(), abs=0.05)
    given = mixture_of_logistics(repeated[:, :1], np.zeros((1, 4), np.float32), Draw(), drawn.values[0])
    assert (given.values[0] == drawn.values[0]).all()
    np.testing.assert_allclose(given.probabilities[0], drawn.probabilities[0], rtol=1e-5)


def test_guidance_moves_the_logit_of_ink_and_half_as_far_towards_it():
    own, alone = np.array([[2.0, -1.0, 0.5]], np.float32), np.array([[0.0, 1.0, 0.5]], np.float32)
    guided = bernoulli(own, np.zeros(3, np.float32), Draw(guidance=1.5), alone=alone)
    by_hand = np.array([2 + 1.5 * 2 / 2, -1 - 1.5 * 2, 0.5])
    assert guided.probabilities == pytest.approx(1 / (1 + np.exp(-by_hand)), rel=1e-5)


@pytest.mark.parametrize("guidance", [0.5, 2.0])
def test_guidance_draws_colours_as_often_as_its_ratio_says(guidance):
    """With many candidates: from p(x | s) (p(x | s) / p(x)) ** w, whose means weighted draws of p(x | s) have."""
    generator = torch.Generator().manual_seed(1)
    own, alone = (torch.randn(MixtureOfLogistics.outputs, 1, generator=generator).numpy() * 0.7 for _ in range(2))
    n, candidates = 3000, 200
    noise = uniform_noise(0, (n, 4 * candidates + 1))
    guided = mixture_of_logistics(own.repeat(n, axis=1), noise, Draw(guidance=guidance), alone=alone.repeat(n, axis=1))
    many = 200_000
    free = mixture_of_logistics(own.repeat(many, axis=1), uniform_noise(1, (many, 4)), Draw())
    x = to_tensor(free.values[None, :, None, None])
    nats = MixtureOfLogistics.nats(torch.from_numpy(alone)[None, None, :, :, None].expand(1, many, -1, -1, -1), x)
    share = (free.probabilities / np.exp(-nats[0, :, 0, 0].numpy())) ** guidance
    expected = (free.values * share[:, None]).sum(axis=0) / share.sum()
    error = free.values.std(axis=0) / n**0.5
    assert (abs(guided.values.mean(axis=0) - expected) < 4 * error).all()
    assert (abs(free.values.mean(axis=0) - expected) > 6 * error).any()  # so it does something
    # The probability is that of the colour without guidance.
    again = mixture_of_logistics(own.repeat(2, axis=1), np.zeros((2, 4), np.float32), Draw(), guided.values[0])
    np.testing.assert_allclose(guided.probabilities[0], again.probabilities[0], rtol=1e-4)


def test_what_both_draw_alike_is_left_as_it_is_by_guidance():
    """Where the supports change nothing, every candidate is as likely, and the draw is one of the model's."""
    own = np.random.default_rng(0).normal(size=(MixtureOfLogistics.outputs, 1)).astype(np.float32)
    n = 5000
    guided = mixture_of_logistics(
        own.repeat(n, axis=1), uniform_noise(0, (n, 65)), Draw(guidance=4.0), alone=own.repeat(n, axis=1)
    )
    free = mixture_of_logistics(own.repeat(n, axis=1), uniform_noise(1, (n, 4)), Draw())
    error = free.values.std(axis=0) * (2 / n) ** 0.5
    assert (abs(guided.values.mean(axis=0) - free.values.mean(axis=0)) < 4 * error).all()


def test_ink_is_as_probable_as_its_logit_says():
    logits = np.linspace(-100, 100, 41, dtype=np.float32)
    drawn = bernoulli(logits[None], np.full(41, 0.5, np.float32), Draw(2.0))
    np.testing.assert_allclose(drawn.probabilities, torch.sigmoid(torch.from_numpy(logits) / 2), rtol=1e-4, atol=1e-30)
    assert (drawn.values == (logits > 0)).all()

"""What makes the networks autoregressive density estimators of a set of supports."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from threading import Event

import pytest
import torch
import torch.nn.functional as F

from fewshot.models import ModelConfig, build, heads
from fewshot.models import attend as attend_module
from fewshot.models.attend import attend, attend_twice_differentiable
from fewshot.models.attention import COPIED
from fewshot.models.inputs import units
from fewshot.models.meta import call
from tests.conftest import NETWORKS, VARIANTS, small_network

HEIGHT, WIDTH = 7, 6


def binary(*shape: int) -> torch.Tensor:
    return torch.randint(0, 2, shape, generator=torch.Generator().manual_seed(1)).float()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_logit_depends_on_every_pixel_before_it_and_on_none_after(name):
    # Six layers, so that the first pixel is within reach of the last; many maps, so that no pixel has only dead ReLUs.
    network = small_network(scale=0.2, layers=6, penultimate=32, **NETWORKS[name]).double()
    supports = binary(1, 2, 1, HEIGHT, WIDTH).double()
    x = binary(1, 1, 1, HEIGHT, WIDTH).double().requires_grad_()
    logits = network(x, supports)[0, 0, 0].flatten()
    for t, logit in enumerate(logits):
        (gradient,) = torch.autograd.grad(logit, x, retain_graph=True, allow_unused=True, materialize_grads=True)
        gradient = gradient.flatten()
        assert (gradient[t:] == 0).all(), f"pixel {t} sees itself or a later pixel"
        assert (gradient[:t] != 0).all(), f"pixel {t} is blind for an earlier pixel"


@pytest.mark.parametrize("shots", [0, 3])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_probabilities_of_all_images_sum_to_one(name, shots):
    network = small_network(**NETWORKS[name])
    images = torch.tensor(list(itertools.product((0.0, 1.0), repeat=9))).reshape(1, 512, 1, 3, 3)
    logits = network(images, binary(1, shots, 1, 3, 3))
    nats = F.binary_cross_entropy_with_logits(logits, images, reduction="none").sum(dim=(2, 3, 4))
    assert torch.exp(-nats).sum().item() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("shots", range(1, 9))
@pytest.mark.parametrize("name", NETWORKS)
def test_the_order_of_the_supports_does_not_matter(name, shots):
    network = small_network(
        **NETWORKS[name]
    ).double()  # else rounding counts, where weights are random and follow gradients
    supports, x = binary(2, shots, 1, 8, 8).double(), binary(2, 3, 1, 8, 8).double()
    order = torch.randperm(shots, generator=torch.Generator().manual_seed(2))
    logits = network(x, supports)
    assert logits.shape == (2, 3, 1, 8, 8)
    torch.testing.assert_close(network(x, supports[:, order]), logits, atol=1e-6, rtol=0)


def test_attend_is_attention_and_its_gradient_is_right(monkeypatch):
    monkeypatch.setattr(attend_module, "QUERIES_AT_A_TIME", 3)
    generator = torch.Generator().manual_seed(0)
    shapes = (2, 2, 7, 4), (2, 2, 5, 4), (2, 2, 5, 4)
    exact = [torch.randn(shape, generator=generator, dtype=torch.double, requires_grad=True) for shape in shapes]
    assert torch.autograd.gradcheck(attend, exact, check_undefined_grad=False)
    queries, keys, values = exact
    expected = torch.softmax(queries @ keys.mT / 2, dim=3) @ values
    torch.testing.assert_close(attend(*exact), expected)
    with torch.no_grad():
        torch.testing.assert_close(attend(*exact), expected)
    # Where of the last two keys each query sees only some.
    unseen = torch.arange(2) >= torch.arange(7)[:, None] - 2
    assert torch.autograd.gradcheck(lambda *x: attend(*x, unseen), exact, check_undefined_grad=False)
    scores = (queries @ keys.mT / 2).masked_fill(F.pad(unseen, (3, 0)), -torch.inf)
    seen_alone = torch.softmax(scores, dim=3) @ values
    torch.testing.assert_close(attend(*exact, unseen), seen_alone)
    torch.testing.assert_close(attend_twice_differentiable(*exact, unseen), seen_alone)
    with torch.no_grad():
        torch.testing.assert_close(attend(*exact, unseen), seen_alone)
    # In bf16, as training computes it, with values far from 0.
    rough = [(x + shift).detach().float().requires_grad_() for x, shift in zip(exact, (0, 0, 3), strict=True)]
    weights = torch.randn(2, 2, 7, 4, generator=generator)
    with torch.autocast("cpu", torch.bfloat16):
        (attend(*rough).float() * weights).sum().backward()
    (expected * weights).sum().backward()
    for x, y in zip(exact, rough, strict=True):
        assert (y.grad - x.grad).norm() < 0.03 * x.grad.norm()


def test_permuted_supports_permute_the_heatmaps():
    network = small_network("attention")
    supports, x = binary(1, 4, 1, 8, 8), binary(1, 2, 1, 8, 8)
    order = torch.tensor([2, 0, 3, 1])
    (weights,) = network.attention(x, network.encode(supports))
    (permuted,) = network.attention(x, network.encode(supports[:, order]))
    torch.testing.assert_close(weights.sum(3), torch.ones(1, 4, 128))
    torch.testing.assert_close(permuted[..., :1], weights[..., :1])
    maps, maps_permuted = weights[..., 1:].unflatten(3, (4, 16)), permuted[..., 1:].unflatten(3, (4, 16))
    torch.testing.assert_close(maps_permuted, maps[:, :, :, order], atol=1e-5, rtol=0)


def test_leaving_one_out_is_to_read_the_others():
    network, supports = small_network("attention", channels=3, copies=True), colours(4, 1, 3, 9, 9)
    left = network.leave_one_out(network.encode(supports))
    for i in range(4):
        others = network.encode(supports[[j for j in range(4) if j != i]].transpose(0, 1))
        torch.testing.assert_close(left.vector[i], others.vector[0], atol=1e-5, rtol=1e-4)
        for one, other in zip(left.patches[0], others.patches[0], strict=True):
            torch.testing.assert_close(one[i], other[0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("model", [m for m in VARIANTS if m != "pixelcnn"])
def test_the_supports_matter(model):
    network, x = small_network(model), binary(1, 1, 1, 8, 8)
    assert (network(x, torch.zeros(1, 2, 1, 8, 8)) - network(x, torch.ones(1, 2, 1, 8, 8))).abs().max() > 1e-3


def test_the_inner_step_goes_down_the_inner_loss_and_its_gradient_is_right():
    network = small_network("meta", scale=0.2, layers=2, attend_after=(1,), side=5).double()
    supports, x = binary(1, 2, 1, 5, 4).double(), binary(1, 2, 1, 5, 4).double()
    parameters = dict(network.base.named_parameters())
    loss, _ = network.inner_loss(parameters, supports[0])
    gradients = torch.autograd.grad(loss, list(parameters.values()))
    changed, _ = network.adapt(supports[0], 1)
    for (name, p), a, gradient in zip(parameters.items(), network.step_sizes(), gradients, strict=True):
        torch.testing.assert_close(changed[name], p - a * gradient)

    def nats():
        return F.binary_cross_entropy_with_logits(network(x, supports, inner_steps=2), x)

    # Through two steps, by finite differences along random directions of every tensor.
    own = dict(network.named_parameters())
    gradients = torch.autograd.grad(nats(), list(own.values()))
    with torch.no_grad():
        for parameter, gradient in zip(own.values(), gradients, strict=True):
            direction, was = torch.randn_like(parameter), parameter.clone()
            either = [parameter.copy_(was + e * direction) is parameter and nats() for e in (1e-5, -1e-5)]
            parameter.copy_(was)
            slope = ((either[0] - either[1]) / 2e-5).item()
            assert (gradient * direction).sum().item() == pytest.approx(slope, rel=1e-4, abs=1e-8)


def test_no_inner_step_is_the_base_bit_for_bit_and_each_support_counts():
    network, x, supports = small_network("meta"), binary(2, 3, 1, 8, 8), binary(2, 3, 1, 8, 8)
    assert torch.equal(network(x, supports, inner_steps=0), network.base(x, supports))
    assert not torch.equal(network(x, supports), network(x, supports[:, :2]))
    with torch.inference_mode():  # nothing differentiable is left where nothing is to be trained
        adapted = network.adapted(supports[0], 2)
        assert not any(p.requires_grad for p in adapted.network.parameters())
        torch.testing.assert_close(adapted.network(x[:1], supports[:1]), network(x[:1], supports[:1], inner_steps=2))
    assert len(adapted.support_nats) == 3


def test_threads_that_adapt_one_network_at_once_do_not_mix():
    network, supports = small_network("meta"), binary(4, 3, 1, 8, 8)
    alone = [network.adapted(s, 3).support_nats for s in supports]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(10):
            together = pool.map(lambda s: network.adapted(s, 3).support_nats, supports)
            assert list(together) == [pytest.approx(nats, rel=1e-4) for nats in alone]


def test_adaptation_never_starts_at_the_weights_that_another_thread_made():
    network = small_network("meta")
    own = {name: p.detach().clone() for name, p in network.initial().items()}
    inside, leave = Event(), Event()

    def wait(*_):
        inside.set()
        leave.wait(10)

    network.base.input.register_forward_pre_hook(wait)
    with ThreadPoolExecutor(2) as pool:
        anothers = {name: p + 1 for name, p in own.items()}
        other = pool.submit(call, network.base, anothers, "features", binary(1, 1, 1, 8, 8), None)
        assert inside.wait(10)
        initial = pool.submit(network.initial)
        wait_for([initial], timeout=0.5)  # while the other one is still inside
        leave.set()
        other.result()
        assert all(torch.equal(p, own[name]) for name, p in initial.result().items())


@pytest.mark.parametrize("model", VARIANTS)
def test_every_parameter_is_trained(model):
    network = small_network(model, scale=0.1)
    network(binary(2, 2, 1, 8, 8), binary(2, 3, 1, 8, 8)).square().mean().backward()
    idle = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


COLOUR = {"channels": 3, "copies": True}  # sizes of a network for photographs


def colours(*shape: int) -> torch.Tensor:
    """Pictures [..., 3, H, W], with many pixels of the lowest and the highest level."""
    levels = torch.randint(-60, 316, shape, generator=torch.Generator().manual_seed(1)).clamp(0, 255)
    return levels / 127.5 - 1


def test_the_probabilities_of_all_levels_sum_to_one():
    x = torch.arange(256) / 127.5 - 1
    for mean in (-1.5, -1, -0.999, 0, 0.3, 1, 1.5):
        for log_scale in (-10.0, -7.0, -5.0, -3.0, 0.0, 3.0, 30.0):
            log_p = heads.log_probability(x - mean, torch.full_like(x, log_scale), x)
            assert torch.isfinite(log_p).all()
            assert log_p.double().exp().sum().item() == pytest.approx(1, abs=2e-3)


def test_a_colour_is_as_probable_as_the_mixture_says():
    """By the definition, in float64, with the coupling written out."""
    outputs = torch.randn(1, heads.MixtureOfLogistics.outputs, 4, 5, generator=torch.Generator().manual_seed(0))
    x = colours(1, 3, 4, 5)
    k = heads.MIXTURES
    weights, means, scales, coupling = outputs.double().split([k, 3 * k, 3 * k, 3 * k], dim=1)
    weights, coupling = weights.softmax(1), coupling.tanh().unflatten(1, (3, k))
    means, scales = means.unflatten(1, (3, k)), scales.unflatten(1, (3, k)).exp()
    red, green, blue = x.double().unbind(1)
    total = torch.zeros(1, 4, 5, dtype=torch.double)
    for i in range(k):
        p = weights[:, i]
        centre = [means[:, 0, i], means[:, 1, i] + coupling[:, 0, i] * red]
        centre.append(means[:, 2, i] + coupling[:, 1, i] * red + coupling[:, 2, i] * green)
        for level, mean, scale in zip((red, green, blue), centre, scales[:, :, i].unbind(1), strict=True):
            high = torch.where(level > 0.999, 1, torch.sigmoid((level + 1 / 255 - mean) / scale))
            low = torch.where(level < -0.999, 0, torch.sigmoid((level - 1 / 255 - mean) / scale))
            p = p * (high - low)
        total += p
    torch.testing.assert_close(heads.MixtureOfLogistics.nats(outputs, x).double(), -total.log(), atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("model", VARIANTS)
def test_a_colour_pixel_depends_on_every_pixel_before_it_and_on_none_after(model):
    network = small_network(model, scale=0.2, layers=6, penultimate=32, channels=3).double()
    supports, x = colours(1, 2, 3, 5, 4).double(), colours(1, 1, 3, 5, 4).double().requires_grad_()
    outputs = network(x, supports)[0, 0].flatten(1)
    for t in range(20):
        (gradient,) = torch.autograd.grad(outputs[:, t].square().sum(), x, retain_graph=True, materialize_grads=True)
        gradient = gradient[0, 0].flatten(1)
        assert (gradient[:, t:] == 0).all()
        assert (gradient[:, :t] != 0).all()


def test_colours_of_a_pixel_depend_on_those_before():
    """Red knows neither green nor blue, green no blue: whatever they are, its probabilities sum to 1."""
    outputs = torch.randn(heads.MixtureOfLogistics.outputs, 1, 1, generator=torch.Generator().manual_seed(0))
    levels = torch.arange(256) / 127.5 - 1

    def total(pixels: torch.Tensor) -> float:
        nats = heads.MixtureOfLogistics.nats(outputs.expand(len(pixels), -1, -1, -1), pixels[:, :, None, None])
        return torch.exp(-nats).double().sum().item()

    red, k = 100, heads.MIXTURES
    pairs = torch.cartesian_prod(levels, levels)
    log_weights, means, log_scales, _ = heads.MixtureOfLogistics.split(outputs)
    of_red = heads.log_probability(levels[red] - means[0], log_scales[0], levels[red].expand(k, 1, 1))
    expected = torch.logsumexp(log_weights + of_red, 0).exp().item()
    assert total(torch.cat([levels[red].expand(len(pairs), 1), pairs], dim=1)) == pytest.approx(expected, rel=1e-3)


PALETTE = ("#ffffff", "#000000", "#e23b3f", "#3e8ccd", "#fbcb42")


def painted(places: torch.Tensor) -> torch.Tensor:
    """Pictures [..., 3, H, W] whose pixels have the colours of PALETTE at ``places`` [..., H, W]."""
    return units(heads.Palette(PALETTE).levels[places].float()).movedim(-1, -3)


def test_a_colour_of_a_palette_is_as_probable_as_the_softmax_says():
    head, number = heads.Palette(PALETTE), len(PALETTE)
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(1, number, 4, 6, generator=generator)
    every = painted(torch.arange(number)[:, None, None].expand(-1, 4, 6))
    nats = head.nats(outputs.expand(number, -1, -1, -1), every)
    torch.testing.assert_close((-nats).exp(), outputs[0].softmax(0))
    # A colour between them is the nearest of them.
    near = every + 0.05 * torch.randn(every.shape, generator=generator)
    torch.testing.assert_close(head.nats(outputs.expand(number, -1, -1, -1), near), nats)


@pytest.mark.parametrize("model", VARIANTS)
def test_a_painted_pixel_depends_on_every_pixel_before_it_and_on_none_after(model):
    sizes = {"layers": 6, "penultimate": 32, "channels": 3, "palette": PALETTE, "copies": "attenti" in model}
    network = small_network(model, scale=0.2, **sizes)
    places = torch.randint(len(PALETTE), (3, 5, 4), generator=torch.Generator().manual_seed(1))
    supports, aim = painted(places[None, :2]), places[None, 2:]
    outputs = network(painted(aim), supports)[0, 0].flatten(1)
    for t in range(20):
        changed = aim.clone().flatten()
        changed[t] = (changed[t] + 1) % len(PALETTE)
        moved = (network(painted(changed.view_as(aim)), supports)[0, 0].flatten(1) - outputs).abs().amax(0)
        assert (moved[: t + 1] == 0).all()
        assert (moved[t + 1 :] > 0).all()


def test_an_attention_that_sees_one_place_copies_its_colour():
    network = small_network("attention", **COLOUR, heads=1)
    built = build(ModelConfig(model="attention", **COLOUR))
    of_means = built.logit.weight[built.head.means, -built.copied(built.config) :, 0, 0].unflatten(0, (3, -1))
    of_means = of_means.unflatten(2, (built.config.heads, 3)).sum(2)  # [3, K, 3]
    torch.testing.assert_close(of_means, torch.eye(3)[:, None].expand_as(of_means))
    supports = colours(1, 1, 3, 8, 8)
    memory = network.encode(supports)
    features = network.features(colours(1, 1, 3, 8, 8), memory)
    alpha = network.attention(colours(1, 1, 3, 8, 8), memory)[0][0, 0, :, 1:]
    patches = F.avg_pool2d(supports[0, 0], 2).flatten(1)
    torch.testing.assert_close(features[0, -3:].flatten(1), patches @ alpha.T)


def test_an_attention_copies_the_colours_of_a_palette():
    sizes = {"model": "attention", "channels": 3, "palette": PALETTE, "copies": True, "stride": 1}
    network, number = build(ModelConfig(**sizes)), len(PALETTE)
    of_colours = network.logit.weight[:, -network.copied(network.config) :, 0, 0].unflatten(1, (-1, number)).sum(1)
    torch.testing.assert_close(of_colours, COPIED * torch.eye(number))
    places = torch.randint(number, (1, 2, 4, 4), generator=torch.Generator().manual_seed(1))
    supports, x = painted(places), painted(places[:, :1])
    memory = network.encode(supports)
    read = network.features(x, memory)[0, -network.copied(network.config) :].unflatten(0, (-1, number))
    alpha = network.attention(x, memory)[0][0, :, :, 1:]  # [heads, T, S*H*W]
    expected = alpha @ F.one_hot(places.flatten(), number).float()
    torch.testing.assert_close(read.flatten(2), expected.transpose(1, 2))


@pytest.mark.parametrize(
    "sizes",
    [{"channels": 2}, {"copies": 1, "channels": 3}, {"copies": True}, {"stride": 0}, {"stride": "2"}]
    + [{"attend_after": after} for after in (12, (), (3, 3), (7, 3), (True,), (0,), ("3",), [[3]])]
    + [{"copies": True, "channels": 3, "own": True}]
    + [{"palette": PALETTE}]
    + [
        {"palette": p, "channels": 3}
        for p in (PALETTE[:1], 3, [["#ffffff"]], (*PALETTE, "#ffffff"), ("#000000", "red"))
    ],
)
def test_sizes_that_no_network_can_have_are_refused(sizes):
    with pytest.raises(ValueError, match=next(iter(sizes))):
        ModelConfig(**sizes)

"""What makes the networks autoregressive density estimators of a set of supports."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F

from fewshot.models import attend as attend_module
from fewshot.models.attend import attend
from tests.conftest import VARIANTS, small_network

HEIGHT, WIDTH = 7, 6


def binary(*shape: int) -> torch.Tensor:
    return torch.randint(0, 2, shape, generator=torch.Generator().manual_seed(1)).float()


@pytest.mark.parametrize("model", VARIANTS)
def test_a_logit_depends_on_every_pixel_before_it_and_on_none_after(model):
    # Six layers, so that the first pixel is within reach of the last; many maps, so that no pixel has only dead ReLUs.
    network = small_network(model, scale=0.2, layers=6, penultimate=32).double()
    supports = binary(1, 2, 1, HEIGHT, WIDTH).double()
    x = binary(1, 1, 1, HEIGHT, WIDTH).double().requires_grad_()
    logits = network(x, supports)[0, 0, 0].flatten()
    for t, logit in enumerate(logits):
        (gradient,) = torch.autograd.grad(logit, x, retain_graph=True, allow_unused=True, materialize_grads=True)
        gradient = gradient.flatten()
        assert (gradient[t:] == 0).all(), f"pixel {t} sees itself or a later pixel"
        assert (gradient[:t] != 0).all(), f"pixel {t} is blind for an earlier pixel"


@pytest.mark.parametrize("model", VARIANTS)
def test_the_probabilities_of_all_images_sum_to_one(model):
    network = small_network(model)
    images = torch.tensor(list(itertools.product((0.0, 1.0), repeat=6))).reshape(1, 64, 1, 2, 3)
    logits = network(images, binary(1, 3, 1, 2, 3))
    nats = F.binary_cross_entropy_with_logits(logits, images, reduction="none").sum(dim=(2, 3, 4))
    assert torch.exp(-nats).sum().item() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("shots", range(1, 9))
@pytest.mark.parametrize("model", VARIANTS)
def test_the_order_of_the_supports_does_not_matter(model, shots):
    network = small_network(model).double()  # else rounding counts, where weights are random and follow gradients
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
    weights = network.attention(x, network.encode(supports))
    permuted = network.attention(x, network.encode(supports[:, order]))
    torch.testing.assert_close(weights.sum(3), torch.ones(1, 4, 128))
    torch.testing.assert_close(permuted[..., :1], weights[..., :1])
    maps, maps_permuted = weights[..., 1:].unflatten(3, (4, 16)), permuted[..., 1:].unflatten(3, (4, 16))
    torch.testing.assert_close(maps_permuted, maps[:, :, :, order], atol=1e-5, rtol=0)


@pytest.mark.parametrize("model", [m for m in VARIANTS if m != "pixelcnn"])
def test_the_supports_matter(model):
    network, x = small_network(model), binary(1, 1, 1, 8, 8)
    assert (network(x, torch.zeros(1, 2, 1, 8, 8)) - network(x, torch.ones(1, 2, 1, 8, 8))).abs().max() > 1e-3


def test_the_inner_step_goes_down_the_inner_loss_and_its_gradient_is_right():
    network = small_network("meta", scale=0.2, layers=2, attend_after=1, side=5).double()
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


@pytest.mark.parametrize("model", VARIANTS)
def test_every_parameter_is_trained(model):
    network = small_network(model, scale=0.1)
    network(binary(2, 2, 1, 8, 8), binary(2, 3, 1, 8, 8)).square().mean().backward()
    idle = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []

"""Evaluation: nats/dim of held-out characters, emoji and products, and of photographs given their mirror images."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fewshot.data.emoji import Emoji
from fewshot.data.emoji import evaluation_episodes as emoji_episodes
from fewshot.data.episodes import Episodes, evaluation_episodes
from fewshot.data.errors import DataError
from fewshot.data.omniglot import Drawings
from fewshot.data.photos import mirrored
from fewshot.data.products import Products
from fewshot.data.products import evaluation_episodes as product_episodes
from fewshot.models import Network
from fewshot.models.inputs import to_tensor

EPISODES_AT_A_TIME = 8


@torch.inference_mode()
def nats_per_dim(network: Network, episodes: Episodes) -> Tensor:
    """The NLL of each episode's targets [B], a mean over targets, pixels and channels."""
    device = next(network.parameters()).device
    of_episode = []
    for start in range(0, len(episodes.targets), EPISODES_AT_A_TIME):
        some = slice(start, start + EPISODES_AT_A_TIME)
        x = to_tensor(episodes.targets[some], device)
        outputs = network.decode(x, network.encode(to_tensor(episodes.supports[some], device)))
        of_episode.append(network.head.nats(outputs, x).flatten(1).mean(1) / x.shape[2])
    return torch.cat(of_episode).double()


def evaluate(
    network: Network,
    drawings: Drawings,
    shots: Sequence[int],
    targets: int,
    seed: int,
    wrong_supports: bool = False,
) -> dict[str, dict[str, Any]]:
    """Score every character of ``drawings`` at each number of shots.

    Gives, by number of shots, ``nats_per_dim`` (mean NLL of a pixel), its ``standard_error`` over characters (None for
    a single one; characters of one alphabet are taken as independent), and how many ``characters`` and ``targets`` it
    is the mean of. With ``wrong_supports``, each character's targets are scored given the supports of another one.
    Raises DataError if a character has too few drawings, or there is no other one.
    """
    scores = {}
    for s in shots:
        episodes = evaluation_episodes(drawings, s, targets, seed)
        if wrong_supports and len(episodes.targets) < 2:
            raise DataError("Supports of another character need at least 2 characters.")
        supports = np.roll(episodes.supports, len(episodes.supports) // 2 if wrong_supports else 0, axis=0)
        means = nats_per_dim(network, Episodes(supports, episodes.targets))
        scores[str(s)] = {
            "nats_per_dim": means.mean().item(),
            "standard_error": standard_error(means.cpu().numpy()),
            "characters": len(means),
            "targets": len(means) * targets,
        }
    return scores


@torch.inference_mode()
def evaluate_mirror(
    network: Network, images: NDArray[np.uint8], group: NDArray[np.int64] | None = None
) -> dict[str, float | None]:
    """Score photographs [N, H, W, 3], or drawings [N, H, W], each given its mirror image.

    Gives ``nats_per_dim``, its ``standard_error`` (see there for ``group``), and ``attention_at_mirror``: the mean
    share of the attention that is at most one pixel away from the mirrored location, over images, pixels and heads
    (None for a network without, and for one that adapts).
    """
    nats = nats_per_dim(network, mirrored(images))
    measured = network.attends and not network.adapts  # what adapts has other attention for each episode
    at_mirror = [_attention_at_mirror(network, one) for one in images[:, None]] if measured else []
    return {
        "nats_per_dim": nats.mean().item(),
        "standard_error": standard_error(nats.cpu().numpy(), group),
        "attention_at_mirror": float(np.mean(at_mirror)) if at_mirror else None,
    }


def _attention_at_mirror(network: Network, image: NDArray[np.uint8]) -> float:
    """Of one image, [1, H, W, 3] or [1, H, W]."""
    episode = mirrored(image)
    device = next(network.parameters()).device
    supports, targets = to_tensor(episode.supports, device), to_tensor(episode.targets, device)
    height, width = image.shape[1:3]
    rows, columns = network.grid(height, width)
    alpha = network.attention(targets, network.encode(supports))[0][0]
    alpha = alpha[..., 1 : 1 + rows * columns]  # [heads, H * W, H' * W']
    alpha = alpha.unflatten(1, (height, width)).unflatten(3, (rows, columns))
    y, x, patch_y, patch_x = (torch.arange(n, device=device) for n in (height, width, rows, columns))
    y_away = (y[:, None] - patch_y * height / rows).abs() <= 1  # [H, H']
    x_away = (width - 1 - x[:, None] - patch_x * width / columns).abs() <= 1
    near = y_away[:, None, :, None] & x_away[None, :, None, :]
    return (alpha * near).sum(dim=(3, 4)).mean().item()


def evaluate_products(
    network: Network, products: Products, targets: int, seed: int, wrong_supports: bool = False
) -> dict[str, dict[str, Any]]:
    """Score up to ``targets`` photographs of every product, each given three others of it.

    Gives, for "stanford" (Stanford Online Products) and for "others", as far as there are any: ``nats_per_dim``, its
    ``standard_error`` over products (None for a single one), and of how many ``photographs`` and ``products``. With
    ``wrong_supports``, given three of another product of the same source. Raises DataError if there is none.
    """
    episodes, class_id, stanford = product_episodes(products, targets, seed)
    given = _of_another_product(class_id, stanford) if wrong_supports else slice(None)
    nats = nats_per_dim(network, Episodes(episodes.supports[given], episodes.targets)).cpu().numpy()
    scores = {}
    for name, of_source in {"stanford": stanford, "others": ~stanford}.items():
        _, product = np.unique(class_id[of_source], return_inverse=True)
        if not len(product):
            continue
        scores[name] = {
            "nats_per_dim": float(nats[of_source].mean()),
            "standard_error": standard_error(nats[of_source], product),
            "photographs": len(product),
            "products": int(product.max()) + 1,
        }
    return scores


def evaluate_emoji(
    network: Network,
    emoji: Emoji,
    shots: Sequence[int],
    targets: int,
    seed: int,
    wrong_supports: bool = False,
    against: Network | None = None,
) -> dict[str, dict[str, Any]]:
    """Score up to ``targets`` versions of every emoji that has enough, the same at each number of shots.

    Gives, by number of shots, ``nats_per_dim``, its ``standard_error`` over emoji (None for a single one), and of how
    many ``emoji`` and ``targets``; of a network that attends ``most_read``, the share of the attention on the supports
    that the most read one has, a mean over targets. With ``wrong_supports``, given the same artists' versions of
    another emoji.

    Also ``difference``, how much more each target costs than by the network ``against``, or, with ``wrong_supports``,
    than with the right ones, and ``difference_error``, the standard error of this paired difference: None without
    either. Raises DataError if the data has too few versions.
    """
    if not shots or min(shots) < 1:
        raise DataError("An evaluation needs at least 1 shot and 1 target.")
    given, class_id = emoji_episodes(emoji, max(shots), targets, seed, wrong_supports)
    right = emoji_episodes(emoji, max(shots), targets, seed).episodes
    _, group = np.unique(class_id, return_inverse=True)
    scores = {}
    for s in shots:
        episodes = Episodes(given.supports[:, :s], given.targets)
        nats = nats_per_dim(network, episodes).cpu().numpy()
        difference = None
        if against is not None:
            difference = nats - nats_per_dim(against, episodes).cpu().numpy()
        elif wrong_supports:
            difference = nats - nats_per_dim(network, Episodes(right.supports[:, :s], right.targets)).cpu().numpy()
        scores[str(s)] = {
            "nats_per_dim": float(nats.mean()),
            "standard_error": standard_error(nats, group),
            "difference": None if difference is None else float(difference.mean()),
            "difference_error": None if difference is None else standard_error(difference, group),
            "most_read": most_read(network, episodes) if network.attends and not network.adapts else None,
            "emoji": int(group.max()) + 1,
            "targets": len(group),
        }
    return scores


@torch.inference_mode()
def most_read(network: Network, episodes: Episodes) -> float:
    """The share of the attention on its supports that the most read one has, a mean over episodes of one target each.

    Over all pixels and heads of a picture: spread evenly, it is 1 / shots.
    """
    device, shots = next(network.parameters()).device, episodes.supports.shape[1]
    shares = []
    for start in range(0, len(episodes.targets), EPISODES_AT_A_TIME):
        some = slice(start, start + EPISODES_AT_A_TIME)
        targets, supports = (to_tensor(x[some], device) for x in (episodes.targets, episodes.supports))
        places = shots * math.prod(network.grid(*targets.shape[-2:]))
        alphas = network.attention(targets, network.encode(supports))
        read = sum(alpha[..., 1 : 1 + places].unflatten(3, (shots, -1)).sum(dim=(1, 2, 4)) for alpha in alphas)
        shares.append((read / read.sum(dim=1, keepdim=True)).amax(1))
    return torch.cat(shares).mean().item()


def standard_error(values: NDArray[np.float64], group: NDArray[np.int64] | None = None) -> float | None:
    """The standard error of the mean of values [N]; None for a single group.

    Values of one ``group``, 0, 1, ... [N], belong together and need not be independent; without, each is a group.
    """
    deviations = np.bincount(np.arange(len(values)) if group is None else group, values - values.mean())
    n = len(deviations)
    return float((n / (n - 1) * (deviations**2).sum()) ** 0.5 / len(values)) if n > 1 else None


def _of_another_product(class_id: NDArray[np.int64], stanford: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each photograph the index of one of another product of its source."""
    other = np.empty(len(class_id), np.int64)
    for of_source in (np.flatnonzero(stanford), np.flatnonzero(~stanford)):
        products, product = np.unique(class_id[of_source], return_inverse=True)
        if len(products) == 1:
            raise DataError("Supports of another product need at least 2 products of each source.")
        members = [of_source[product == p] for p in range(len(products))]
        for j, p in zip(of_source, product, strict=True):
            others = members[(p + len(products) // 2) % len(products)]
            other[j] = others[j % len(others)]
    return other

"""Experiments: questions about the models that their reviewers asked, answered by measurement.

Each one gives a dict that JSON can hold and a figure of it. All but the last are measured on every fourth character of
the validation alphabets, the last on held-out photographs.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from cycler import cycler
from matplotlib import pyplot
from matplotlib.axes import Axes
from numpy.typing import NDArray
from torch import Tensor

import fewshot
from fewshot import checkpoints
from fewshot.data import omniglot, photos
from fewshot.data.episodes import evaluation_episodes
from fewshot.data.omniglot import Drawings
from fewshot.data.photos import Photos
from fewshot.files import to_json, whole
from fewshot.models import AttentionPixelCNN, MetaPixelCNN
from fewshot.models.inputs import to_tensor
from fewshot.models.meta import Parameters, call
from fewshot.tasks import MIRROR

STYLE: dict[Any, Any] = {
    "axes.prop_cycle": cycler(color=["#f0641e", "#2b6fb5", "#1d1b18", "#8d867a"]),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "#fffefa",
    "axes.facecolor": "#fffefa",
    "legend.frameon": False,
}
SEED, TARGETS = 0, 4
EVERY = 4  # characters, as many gradients are computed for each
INNER_STEPS = range(11)
SHOTS = (1, 4, 8)
PHOTOS, SHOWN = 24, "harbour"
MIRROR_STEPS = range(3)  # after a third, nothing is finite


def inner_steps(names: list[str], drawings: Drawings) -> dict[str, Any]:
    """Inner steps against the NLL of supports and of held-out targets, for Meta PixelCNNs."""
    result = {}
    for name in names:
        network = _meta(name)
        of_shots = {}
        for shots in SHOTS:
            rows = []  # of a character: the NLL of supports and targets after 0, 1, 2, ... steps
            for supports, targets in _episodes(drawings, shots):
                parameters, row = network.initial(), []
                for step in INNER_STEPS:
                    loss, support_nats = network.inner_loss(parameters, supports)
                    row.append((support_nats.item(), _nats(network, parameters, targets).item()))
                    if step < INNER_STEPS[-1]:
                        gradients = torch.autograd.grad(loss, _adapted(network, parameters))
                        parameters = _detached(network.step(parameters, gradients))
                rows.append(row)
            supports, targets = np.mean(rows, axis=0).T
            of_shots[str(shots)] = {"supports": supports.tolist(), "targets": targets.tolist()}
        result[name] = {"trained_with": network.config.inner_steps, "shots": of_shots}
    return {"steps": list(INNER_STEPS), "models": result}


def draw_inner_steps(result: dict[str, Any]) -> pyplot.Figure:
    models = result["models"]
    figure, axes = pyplot.subplots(1, len(models), figsize=(3.6 * len(models), 3.8), layout="constrained", sharey=True)
    for axis, model in zip(np.atleast_1d(axes), models.values(), strict=True):
        for i, (shots, curves) in enumerate(model["shots"].items()):
            axis.plot(
                result["steps"],
                curves["targets"],
                "o-",
                color=f"C{i}",
                label=f"{shots} shot{'s' * (shots != '1')}, targets",
            )
            axis.plot(result["steps"], curves["supports"], ":", color=f"C{i}", label="its supports")
        axis.axvline(model["trained_with"], color="0.8", zorder=0)
        trained = model["trained_with"]
        axis.set(
            xlabel="inner steps", title="trained with 1 step" if trained == 1 else f"trained with 1 to {trained} steps"
        )
        axis.set_ylabel("nats/dim, held-out alphabets")
        _legend(axis, columns=2)
    largest = max(nats for model in models.values() for curves in model["shots"].values() for nats in curves["targets"])
    axis.set_ylim(None, min(0.11, largest * 1.03))
    return figure


def inner_loss(names: list[str], drawings: Drawings) -> dict[str, Any]:
    """Does the learned inner loss emulate the task's? Gradients of both, and a step down each, along a training."""
    rows = []
    for name in names:
        network = _meta(name)
        measured = []
        for supports, targets in _episodes(drawings, shots=4):
            parameters = network.initial()
            adapted = _adapted(network, parameters)
            loss, nats = network.inner_loss(parameters, supports)
            inner = torch.autograd.grad(loss, adapted, retain_graph=True)
            task = torch.autograd.grad(nats, adapted)
            held_out = torch.autograd.grad(_nats(network, parameters, targets), adapted)
            after = [_nats(network, network.step(parameters, g), targets) for g in (inner, task)]
            learned = [i - t for i, t in zip(inner, task, strict=True)]
            measured.append(
                {
                    "inner_and_supports": _cosine(inner, task),
                    "inner_and_targets": _cosine(inner, held_out),
                    "supports_and_targets": _cosine(task, held_out),
                    "learned_part_and_supports": _cosine(learned, task),
                    "before": _nats(network, parameters, targets).item(),
                    "after_inner": after[0].item(),
                    "after_task": after[1].item(),
                }
            )
        mean = {key: float(np.mean([m[key] for m in measured])) for key in measured[0]}
        card = checkpoints.read_card(checkpoints.resolve(name))
        rows.append({"checkpoint": Path(name).stem, "steps": card.get("steps", 0)} | mean)
    return {"along": sorted(rows, key=lambda row: row["steps"])}


def draw_inner_loss(result: dict[str, Any]) -> pyplot.Figure:
    rows = result["along"]
    steps = [row["steps"] for row in rows]
    figure, (cosines, nats) = pyplot.subplots(1, 2, figsize=(7.2, 4), layout="constrained")
    for key, label in {
        "inner_and_supports": "inner loss, NLL of the supports",
        "learned_part_and_supports": "its learned part, NLL of the supports",
        "inner_and_targets": "inner loss, NLL of the targets",
        "supports_and_targets": "NLL of the supports, of the targets",
    }.items():
        cosines.plot(steps, [row[key] for row in rows], "o-", label=label)
    cosines.set(xlabel="training steps", ylabel="cosine of the gradients")
    _legend(cosines)
    for key, label in {
        "before": "before any step",
        "after_task": "after a step down the NLL of the supports",
        "after_inner": "after a step down the inner loss",
    }.items():
        nats.plot(steps, [row[key] for row in rows], "o-", label=label)
    nats.set(xlabel="training steps", ylabel="nats/dim of held-out targets")
    _legend(nats)
    return figure


def ablations(names: list[str], drawings: Drawings) -> dict[str, Any]:
    """What becomes of attention's score if a support is missing, is another character's, or lies elsewhere."""
    result = {}
    for name in names:
        network, _ = checkpoints.load(name)
        if not isinstance(network, AttentionPixelCNN) or network.config.channels > 1:
            raise checkpoints.CheckpointError(f"'{name}' has no attention to drawings to ablate.")
        of_shots = {}
        for shots in (2, 4, 8):
            episodes = _episodes(drawings, shots)
            supports, targets = (torch.stack(parts) for parts in zip(*episodes, strict=True))
            scores = {"as it is": _score(network, supports, targets)}
            without = [_without_one(network, *episode) for episode in episodes]
            scores |= {f"without the {which} read": float(np.mean([w[which] for w in without])) for which in without[0]}
            scores["of a wrong character"] = _score(network, supports.roll(len(supports) // 2, 0), targets)
            children = [child for reader in network.readers for child in reader.named_children()]
            projections = [part for name, part in children if name in ("key", "value")]
            hooks = [part.register_forward_pre_hook(_shuffled(network)) for part in projections]
            scores["positions shuffled"] = _score(network, supports, targets)
            for hook in hooks:
                hook.remove()
            of_shots[str(shots)] = scores
        result[name] = of_shots
    return {"models": result}


def draw_ablations(result: dict[str, Any]) -> pyplot.Figure:
    models = result["models"]
    figure, axes = pyplot.subplots(
        1, len(models), figsize=(6.4 * len(models), 3.4), layout="constrained", squeeze=False
    )
    for axis, (name, of_shots) in zip(axes[0], models.items(), strict=True):
        for i, (shots, scores) in enumerate(of_shots.items()):
            places = np.arange(len(scores)) + (i - 1) * 0.26
            axis.barh(places, list(scores.values()), 0.24, label=f"{shots} shots")
            for y, value in zip(places, scores.values(), strict=True):
                axis.text(value, y, f" {value:.4f}".replace("0.", "."), va="center", fontsize=7)
        axis.set(yticks=range(len(scores)), yticklabels=list(scores), xlabel="nats/dim, held-out alphabets")
        axis.set_title(fewshot.load(name).title)
        axis.invert_yaxis()
        _legend(axis, columns=3)
    return figure


def mirror(names: list[str], images: NDArray[np.uint8]) -> dict[str, Any]:
    """What models of the mirror task make of photographs [N, H, W, 3]: nats/dim, of those that adapt by inner steps."""
    result = {}
    for name in names:
        model = fewshot.load(name)
        result[name] = {
            "title": model.title,
            "nats_per_dim": [
                float(np.mean([model.score(image, image[:, :, ::-1], steps) for image in images[:PHOTOS, None]])) / 3
                for steps in (MIRROR_STEPS if model.adapts else [None])
            ],
        }
    return {"photographs": min(PHOTOS, len(images)), "steps": list(MIRROR_STEPS), "models": result}


def draw_mirror(result: dict[str, Any]) -> pyplot.Figure:
    """A ready-made photograph, what each model draws given that, and its nats/dim on the held-out ones."""
    models = result["models"]
    (photograph,) = MIRROR.ready_made(MIRROR.side)[SHOWN]
    columns = 1 + len(models)
    figure, (first, *rest) = pyplot.subplots(1, columns, figsize=(2.4 * columns, 3), layout="constrained")
    first.imshow(photograph)
    first.set_title("the support")
    for axis, (name, of_model) in zip(rest, models.items(), strict=True):
        axis.imshow(fewshot.load(name).generate(photograph[None], seed=SEED).images[0])
        axis.set_title(of_model["title"])
        before, *after = (f"{nats:.2f}" for nats in of_model["nats_per_dim"])
        axis.set_xlabel(f"{before} nats/dim" + (f", after 1, 2, ...\ninner steps {', '.join(after)}" if after else ""))
    for axis in (first, *rest):
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    return figure


class Experiment(NamedTuple):
    """How a question is answered."""

    load: Callable[[Path], Drawings | Photos]  # the data of a path
    measure: Callable[[list[str], Any], dict[str, Any]]  # numbers, of checkpoints and the data's validation part
    draw: Callable[[dict[str, Any]], pyplot.Figure]  # a figure of them


EXPERIMENTS = {
    "inner-steps": Experiment(omniglot.load, inner_steps, draw_inner_steps),
    "inner-loss": Experiment(omniglot.load, inner_loss, draw_inner_loss),
    "ablations": Experiment(omniglot.load, ablations, draw_ablations),
    "mirror": Experiment(photos.load, mirror, draw_mirror),
}


def run(experiment: str, names: list[str], data: Path, out: Path) -> list[Path]:
    """Measure on the validation part of ``data``; write ``<experiment>.json`` and ``.png`` into the folder ``out``."""
    load, measure, draw = EXPERIMENTS[experiment]
    result = measure(names, load(data).split("validation"))
    out.mkdir(parents=True, exist_ok=True)
    numbers, picture = out / f"{experiment}.json", out / f"{experiment}.png"
    with whole(numbers) as partial:
        partial.write_text(to_json(result))
    with pyplot.rc_context(STYLE), whole(picture) as partial:
        figure = draw(result)
        figure.savefig(partial, dpi=150, format="png")
        pyplot.close(figure)
    return [numbers, picture]


def _legend(axis: Axes, columns: int = 1) -> None:
    """Below the axes, where no curve is."""
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=columns, fontsize=9)


def _meta(name: str) -> MetaPixelCNN:
    network, _ = checkpoints.load(name)
    if type(network) is not MetaPixelCNN or network.config.channels > 1:
        raise checkpoints.CheckpointError(f"'{name}' is not a Meta PixelCNN of drawings.")
    return network


def _episodes(drawings: Drawings, shots: int) -> list[tuple[Tensor, Tensor]]:
    """Supports [S, 1, H, W] and targets [Q, 1, H, W] of every fourth character."""
    episodes = evaluation_episodes(drawings, shots, TARGETS, SEED)
    return list(zip(to_tensor(episodes.supports), to_tensor(episodes.targets), strict=True))[::EVERY]


def _adapted(network: MetaPixelCNN, parameters: Parameters) -> list[Tensor]:
    return [parameters[name] for name in network.adapted_names()]


def _detached(parameters: Parameters) -> Parameters:
    return {name: p.detach().requires_grad_() for name, p in parameters.items()}


def _nats(network: MetaPixelCNN, parameters: Parameters, targets: Tensor) -> Tensor:
    """nats/dim of targets [Q, 1, H, W] under such parameters of the base."""
    return F.binary_cross_entropy_with_logits(call(network.base, parameters, "decode", targets[None], None)[0], targets)


def _cosine(one: Sequence[Tensor], other: Sequence[Tensor]) -> float:
    a, b = (torch.cat([g.flatten() for g in gradients]) for gradients in (one, other))
    return F.cosine_similarity(a, b, dim=0).item()


@torch.inference_mode()
def _score(network: AttentionPixelCNN, supports: Tensor, targets: Tensor) -> float:
    """nats/dim of the targets [B, Q, 1, H, W] given the supports [B, S, 1, H, W]."""
    nats = [
        F.binary_cross_entropy_with_logits(network(x[None], s[None]), x[None]).item()
        for s, x in zip(supports, targets, strict=True)
    ]
    return float(np.mean(nats))


@torch.inference_mode()
def _without_one(network: AttentionPixelCNN, supports: Tensor, targets: Tensor) -> dict[str, float]:
    """nats/dim of each target without the support that it reads most, and without that which it reads least."""
    shots, (height, width) = len(supports), targets.shape[2:]
    alpha = network.attention(targets[None], network.encode(supports[None]))[0][0]
    alpha = alpha[..., 1 : 1 + shots * math.prod(network.grid(height, width))]  # [heads, Q*H*W, S*H'*W']
    shares = alpha.unflatten(2, (shots, -1)).sum(3)
    shares = shares.unflatten(1, (len(targets), height * width)).mean((0, 2))  # [Q, S]
    nats = {}
    for which, dropped in {"most": shares.argmax(1), "least": shares.argmin(1)}.items():
        left = torch.stack([torch.cat([supports[:d], supports[d + 1 :]]) for d in dropped.tolist()])
        nats[which] = F.binary_cross_entropy_with_logits(network(targets[:, None], left), targets[:, None]).item()
    return nats


def _shuffled(network: AttentionPixelCNN) -> Callable:
    """A hook that gives every patch's key and value the position of another one, the same for all supports."""
    maps = network.config.encoder_maps

    def hook(_: torch.nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
        features, positions = inputs[0][:, :maps], inputs[0][:, maps:]
        order = torch.randperm(positions[0, 0].numel(), generator=torch.Generator().manual_seed(SEED))
        return (torch.cat([features, positions.flatten(2)[:, :, order].view_as(positions)], dim=1),)

    return hook

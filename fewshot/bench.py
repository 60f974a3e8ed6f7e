"""Benchmarks: what sampling, scoring and training cost, as times and as ratios to naive in the same run."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

import fewshot
from fewshot import checkpoints
from fewshot.api import FewShotModel, uniform_noise
from fewshot.data.episodes import to_tensor
from fewshot.models import MetaPixelCNN, ModelConfig, PixelCNN, build
from fewshot.sampling.incremental import IncrementalSampler
from fewshot.training.optimizer import Optimizer
from fewshot.training.train import TrainConfig, compiled, train_step

SHOTS = 4  # of those that read so many
REPEATS = 5
NAIVE_PASSES = {1: 26, 16: 3, 64: 3}  # by the number of images: of the many that they take, which all cost the same


def seconds(function: Callable[[], object], repeats: int = REPEATS) -> float:
    """The median time of a call, after one to warm up."""
    function()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        function()
        times.append(time.perf_counter() - started)
    return float(np.median(times))


def made_up(config: ModelConfig, n: int, side: int | None = None) -> np.ndarray:
    """Images for the network, [n, side, side] of Omniglot's share of ink, or [n, side, side, 3] of random colours.

    What they show does not change the cost.
    """
    side, rng = side or config.side, np.random.default_rng(0)
    if config.channels == 3:
        return rng.integers(256, size=(n, side, side, 3), dtype=np.uint8)
    return (rng.random((n, side, side)) < 0.126).astype(np.uint8)


def naive_seconds(model: FewShotModel, samples: int) -> float:
    """Time of a naive drawing: a whole-image forward pass for each of its pixels, measured on some of the passes."""
    images, shots = to_tensor(made_up(model.network.config, samples)[None]), min(SHOTS, model.most_shots)
    network = adapted(model.network, shots)
    with torch.inference_mode():
        memory = network.encode(to_tensor(made_up(model.network.config, shots)[None]))
        one_pass = seconds(lambda: network.decode(images, memory), repeats=NAIVE_PASSES[samples])
    return one_pass * model.side**2


def adapted(network: PixelCNN | MetaPixelCNN, shots: int) -> PixelCNN:
    """The network that draws from so many supports."""
    return network.adapted(to_tensor(made_up(network.config, shots)[None])[0]).network if network.adapts else network


def sampler_seconds(network: PixelCNN, side: int, shots: int, samples: int = 1, trace: bool = True) -> float:
    """Time of the incremental sampler, supports encoded anew each time, with or without the trace."""
    supports, head = made_up(network.config, shots, side), network.head
    noise = uniform_noise(0, (samples, side, side, *((head.noise,) if head.channels == 3 else ())))
    sampler = IncrementalSampler(network, side, side)

    def draw() -> None:
        with torch.inference_mode():
            memory = network.encode(to_tensor(supports[None]))
        for _ in sampler.rows(memory, noise, 1.0, None, trace):
            pass

    return seconds(draw)


def score_seconds(model: FewShotModel, images: int) -> float:
    """Time of scoring so many images given one support."""
    config = model.network.config
    support = made_up(config, 1)
    return seconds(lambda: model.score(made_up(config, images), support))


def training_rate(config: ModelConfig, compile: bool) -> float:
    """Drawings a second that one process trains on, 8 characters x 4 targets and supports, data aside.

    0 where torch.compile does not work, as for second derivatives.
    """
    network = build(config).to(memory_format=torch.channels_last)
    characters, side = TrainConfig.characters, ModelConfig().side
    supports, targets = (
        to_tensor(made_up(config, characters * n).reshape(characters, n, side, side))
        for n in (SHOTS, TrainConfig.targets)
    )
    model, optimizer = network, Optimizer(network)
    if compile:
        if network.adapts:
            return 0
        try:
            model = compiled(network, supports, targets)
        except Exception:  # whatever a missing or broken compiler raises
            return 0
    step = seconds(lambda: train_step(model, optimizer, supports, targets, TrainConfig.learning_rate), repeats=3)
    return characters * TrainConfig.targets / step


def table() -> Iterator[str]:
    """The lines of the table, as they are measured: every shipped checkpoint on one thread."""
    torch.set_num_threads(1)
    yield f"{SHOTS} supports (mirror: 1), one thread, median of {REPEATS}; naive from a few of its passes"
    yield f"{'checkpoint':<22} {'images':>6} {'naive':>9} {'sampler':>9} {'+ trace':>9} {'naive / (+ trace)':>18}"
    for name in checkpoints.shipped():
        model = fewshot.load(name)
        for n in NAIVE_PASSES:
            naive = naive_seconds(model, n)
            shots = min(SHOTS, model.most_shots)
            network = adapted(model.network, shots)
            plain, traced = (sampler_seconds(network, model.side, shots, n, trace) for trace in (False, True))
            yield f"{name:<22} {n:>6} {naive:>7.1f} s {plain:>7.3f} s {traced:>7.3f} s {naive / traced:>17.0f}x"
        if model.adapts:
            took = seconds(lambda model=model: adapted(model.network, SHOTS))
            steps = model.network.config.inner_steps
            yield f"{name:<22} adaptation to {SHOTS} supports, {steps} inner step(s): {took:.3f} s"
        if model.in_colour:  # scored and trained on other data; the log of its training says how fast
            continue
        plain, fused = (training_rate(model.network.config, compile) for compile in (False, True))
        yield f"{name:<22} training, images/s of one thread: {plain:.1f}, compiled {fused:.1f}"
        one, many = score_seconds(model, 1), score_seconds(model, 400)
        yield f"{name:<22} score of 1 drawing: {one * 1e3:.0f} ms, of 400: {many:.2f} s"


def growth() -> dict[str, dict[int, float]]:
    """Seconds a picture with its trace, of fresh Attention PixelCNNs of the shipped size, as one quantity grows."""
    torch.set_num_threads(1)
    side, network = ModelConfig().side, build(ModelConfig()).eval()
    return {
        "supports": {s: sampler_seconds(network, side, s) for s in range(1, 9)},
        "side of the image, pixels": {n: sampler_seconds(network, n, SHOTS) for n in (16, 24, 32, 48, 64)},
        "gated layers": {
            n: sampler_seconds(build(ModelConfig(layers=n)).eval(), side, SHOTS) for n in (4, 8, 12, 16, 24)
        },
    }


def growth_figure(path: Path) -> None:
    """Draw ``growth`` into a picture file."""
    from matplotlib import pyplot  # takes a second, and nothing else needs it

    figure, axes = pyplot.subplots(1, 3, figsize=(10, 3), layout="constrained")
    for axis, (quantity, times) in zip(axes, growth().items(), strict=True):
        axis.plot(list(times), [t * 1e3 for t in times.values()], "o-", color="#1c1b17")
        axis.set(xlabel=quantity, ylim=0)
    axes[0].set_ylabel("ms a picture, with trace")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)

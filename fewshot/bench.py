"""Benchmarks: what sampling, scoring and training cost, as times and as ratios to naive in the same run."""

import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path

import numpy as np
import torch
from torch.distributed.launcher.api import LaunchConfig, elastic_launch
from torch.nn.parallel import DistributedDataParallel

import fewshot
from fewshot import checkpoints
from fewshot.api import FewShotModel, uniform_noise
from fewshot.files import whole
from fewshot.memory import keep_freed
from fewshot.models import ModelConfig, Network, build
from fewshot.models.attend import attend_twice_differentiable
from fewshot.models.inputs import to_tensor
from fewshot.sampling.multi_scale import sampler_of
from fewshot.sampling.pixels import Draw
from fewshot.training.distributed import processes
from fewshot.training.optimizer import Optimizer
from fewshot.training.train import TrainConfig, compiled, fast_bf16, train_step

SHOTS = 4  # of those that read so many
REPEATS = 5
ROUNDS = 3
NAIVE_PASSES = {1: 26, 16: 3, 64: 3}  # by the number of images: of the many that they take, which all cost the same


def seconds(function: Callable[[], object], repeats: int = REPEATS, typical: Callable = np.median) -> float:
    """The median time of a call, or what else is ``typical``, after one to warm up."""
    function()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        function()
        times.append(time.perf_counter() - started)
    return float(typical(times))


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
    images, shots = to_tensor(made_up(model.network.config, samples)[None]), min(SHOTS, model.task.most_shots)
    network = adapted(model.network, shots)
    with torch.inference_mode():
        memory = network.encode(to_tensor(made_up(model.network.config, shots)[None]))
        one_pass = seconds(lambda: network.decode(images, memory), repeats=NAIVE_PASSES[samples])
    return one_pass * model.side**2


def adapted(network: Network, shots: int) -> Network:
    """The network that draws from so many supports."""
    return network.adapted(to_tensor(made_up(network.config, shots)[None])[0]).network


def sampler_seconds(network: Network, side: int, shots: int, samples: int = 1, trace: bool = True) -> float:
    """Time of the incremental sampler, supports encoded anew each time, with or without the trace."""
    supports, sampler = made_up(network.config, shots, side), sampler_of(network, side, side)
    noise = uniform_noise(0, (samples, *sampler.noise_shape(guided=False)))

    def draw() -> None:
        with torch.inference_mode():
            memory = network.encode(to_tensor(supports[None]))
        for _ in sampler.rows([memory], noise, Draw(), trace=trace):
            pass

    return seconds(draw)


def score_seconds(model: FewShotModel, images: int) -> float:
    """Time of scoring so many images given one support."""
    config = model.network.config
    support = made_up(config, 1)
    return seconds(lambda: model.score(made_up(config, images), support))


@dataclass(frozen=True)
class Means:
    """The optimisations of training steps; by default none, which is how PyTorch does it."""

    bf16: bool = False
    compile: bool = False
    own_attention: bool = False
    keep_freed: bool = False
    processes: int = 1


def ladder() -> dict[str, Means]:
    """The optimisations of training on this CPU, each with all those before it."""
    added = {
        "float32, PyTorch's attention": {},
        "bf16": {"bf16": fast_bf16(torch.device("cpu"))},
        "torch.compile": {"compile": True},
        "attention of ours": {"own_attention": True},
        "freed memory kept": {"keep_freed": True},
        "several processes": {"processes": math.gcd(os.cpu_count() or 1, TrainConfig.characters)},
    }
    steps = accumulate(added.values(), lambda means, new: means | new)
    return {name: Means(**means) for name, means in zip(added, steps, strict=True)}


def training_rate(config: ModelConfig, means: Means) -> float:
    """Drawings a second that training takes on all cores, with 8 characters x 4 targets and 4 supports.

    Data aside. 0 where torch.compile does not work.
    """
    launch = LaunchConfig(1, 1, means.processes, rdzv_backend="c10d", rdzv_endpoint="localhost:0", max_restarts=0)
    return sum(elastic_launch(launch, _training_rate)(config, means).values())


def _training_rate(config: ModelConfig, means: Means) -> float:
    """What one of the processes takes of it."""
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    torch.set_num_threads((os.cpu_count() or 1) // means.processes)
    if means.keep_freed:
        keep_freed()
    with processes() as (_, world, _):
        network = build(config).to(memory_format=torch.channels_last)
        if network.attends and not means.own_attention:
            network.attend = attend_twice_differentiable
        characters, side = TrainConfig.characters // world, ModelConfig().side
        supports, targets = (
            to_tensor(made_up(config, characters * n).reshape(characters, n, side, side))
            for n in (SHOTS, TrainConfig.targets)
        )
        model: torch.nn.Module = network
        optimizer = Optimizer(network, means.bf16)
        if means.compile and not network.adapts:  # torch.compile has no second derivatives
            try:
                model = compiled(network, supports, targets, means.bf16)
            except Exception:  # whatever a missing or broken compiler raises
                return 0
        if world > 1:
            model = DistributedDataParallel(model, find_unused_parameters=network.adapts)
        rate = TrainConfig.learning_rate
        # The fastest: other processes delay a step of several processes more often than that of one.
        step = seconds(lambda: train_step(model, optimizer, supports, targets, rate, means.bf16), 12, min)
        return characters * TrainConfig.targets / step


def table() -> Iterator[str]:
    """The lines of the table, as they are measured: every shipped checkpoint on one thread."""
    torch.set_num_threads(1)
    first, *_, last = ladder().values()
    yield f"{SHOTS} supports (or as many as the task reads), one thread, median of {REPEATS}; naive from some passes"
    yield f"{'checkpoint':<22} {'images':>6} {'naive':>9} {'sampler':>9} {'+ trace':>9} {'naive / (+ trace)':>18}"
    for name in checkpoints.shipped():
        model = fewshot.load(name)
        for n in NAIVE_PASSES:
            naive = naive_seconds(model, n)
            shots = min(SHOTS, model.task.most_shots)
            network = adapted(model.network, shots)
            plain, traced = (sampler_seconds(network, model.side, shots, n, trace) for trace in (False, True))
            yield f"{name:<22} {n:>6} {naive:>7.1f} s {plain:>7.3f} s {traced:>7.3f} s {naive / traced:>17.0f}x"
        if model.adapts:
            took = seconds(partial(adapted, model.network, shots))
            steps = model.network.config.inner_steps
            yield f"{name:<22} adaptation to {shots} supports, {steps} inner step(s): {took:.3f} s"
        if model.in_colour:  # scored and trained on other data; the log of its training says how fast
            continue
        plain, best = (training_rate(model.network.config, means) for means in (first, last))
        yield f"{name:<22} training, images/s: {plain:.1f}, with all optimisations {best:.1f} ({best / plain:.1f}x)"
        one, many = score_seconds(model, 1), score_seconds(model, 400)
        yield f"{name:<22} score of 1 drawing: {one * 1e3:.0f} ms, of 400: {many:.2f} s"


def training_table() -> Iterator[str]:
    """The lines of a table of the gain from each optimisation of training.

    The best of some rounds, because other processes disturb single runs.
    """
    rates = dict.fromkeys(ladder(), 0.0)
    for _ in range(ROUNDS):
        for name, means in ladder().items():
            rates[name] = max(rates[name], training_rate(ModelConfig(), means))
    first, *_ = rates.values()
    yield f"training of Attention PixelCNN on all cores, best of {ROUNDS}; each line with the optimisations before it"
    for name, rate in rates.items():
        yield f"{name:<30} {rate:>6.1f} images/s {rate / first:>5.2f}x"


def growth() -> dict[str, dict[int, float]]:
    """Seconds a picture with its trace, of fresh Attention PixelCNNs of the shipped size, as one quantity grows.

    The best of some rounds, because other processes disturb single runs.
    """
    torch.set_num_threads(1)
    side, networks = (
        ModelConfig().side,
        {n: build(ModelConfig(layers=n)).eval().unadapted() for n in (4, 8, 12, 16, 24)},
    )
    network = networks[ModelConfig().layers]
    cases = {
        "supports": {s: (network, side, s) for s in range(1, 9)},
        "side of the image, pixels": {n: (network, n, SHOTS) for n in (16, 24, 32, 48, 64)},
        "gated layers": {n: (layers, side, SHOTS) for n, layers in networks.items()},
    }
    rounds = [
        {(quantity, n): sampler_seconds(*case) for quantity, of in cases.items() for n, case in of.items()}
        for _ in range(ROUNDS)
    ]
    return {quantity: {n: min(times[quantity, n] for times in rounds) for n in of} for quantity, of in cases.items()}


def growth_figure(path: Path) -> None:
    """Draw ``growth`` into a picture file."""
    from matplotlib import pyplot  # takes a second, and nothing else needs it

    figure, axes = pyplot.subplots(1, 3, figsize=(10, 3), layout="constrained")
    for axis, (quantity, times) in zip(axes, growth().items(), strict=True):
        axis.plot(list(times), [t * 1e3 for t in times.values()], "o-", color="#1c1b17")
        axis.set(xlabel=quantity, ylim=0)
    axes[0].set_ylabel("ms a picture, with trace")
    with whole(path) as partial:
        figure.savefig(partial, dpi=150, format=path.suffix[1:] or "png")

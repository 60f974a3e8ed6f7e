"""The browser's engine beside Python: the same pictures, and how long they take. python -m tools.compare_engines

Lets the engine draw under node, with the models of characters that the browser can draw with, for shots, seeds,
temperatures, guidance and prefixes picked at random, and prints the largest differences from Python and the times.
"""

import json
import subprocess
import tempfile
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tyro
from numpy.typing import NDArray

import fewshot
from fewshot import FewShotModel, checkpoints
from fewshot.data.episodes import MAX_SHOTS
from fewshot.models import UNCONDITIONAL
from fewshot.tasks import OMNIGLOT

PROGRAM = Path(__file__).resolve().parents[1] / "tests" / "web" / "draw.js"
AT_A_TIME = 20  # runs of one process: their attention is kept until all have come
# What the two may differ by: they round differently.
MOST_PROBABILITY, MOST_ATTENTION = 1e-4, 1e-3

Images = NDArray[np.uint8]


@dataclass(frozen=True)
class Wish:
    """A run: its model, the supports [S, H, W] and the prefix [R, W], in colour [..., 3], and what else it takes."""

    model: FewShotModel
    supports: Images
    prefix: Images
    samples: int = 1
    seed: int = 0
    temperature: float = 1.0
    guidance: float = 0.0
    cut: float = 0.0
    trace: bool = True


class Drawn(NamedTuple):
    """What was drawn, as in ``Run``, but attention as [N, H*W, heads, places], without any where there is none."""

    images: Images
    probabilities: NDArray[np.float32]
    attention: NDArray[np.float32]
    own: NDArray[np.float32]
    cpu: float  # milliseconds, of the processor and of the clock
    wall: float


def draw_with_python(wish: Wish) -> Drawn:
    cpu, wall = time.process_time(), time.perf_counter()
    *_, run = wish.model.stream(
        wish.supports,
        wish.samples,
        wish.seed,
        wish.temperature,
        wish.prefix,
        guidance=wish.guidance,
        cut=wish.cut,
        trace=wish.trace,
    )
    times = (1000 * (time.process_time() - cpu), 1000 * (time.perf_counter() - wall))
    nothing = np.zeros((wish.samples, 0), np.float32)
    reads = [nothing if each is None else each.reshape(*each.shape[:3], -1) for each in (run.attention, run.own)]
    return Drawn(run.images, run.probabilities, *reads, *times)


def draw_with_javascript(wishes: list[Wish]) -> list[Drawn]:
    """Raises RuntimeError with what node says."""
    models = {model.name: model for wish in wishes for model in (wish.model, partner(wish))}
    with tempfile.TemporaryDirectory() as folder:
        networks = {}
        for name, model in models.items():
            weights = Path(folder, f"{len(networks)}.safetensors")
            checkpoints.save_tensors(weights, model.network.state_dict())
            networks[name] = {"config": asdict(model.network.config), "weights": str(weights)}
        runs = [
            vars(wish)
            | {"model": wish.model.name, "partner": partner(wish).name}
            | {"supports": wish.supports.tolist(), "prefix": wish.prefix.tolist()}
            for wish in wishes
        ]
        asked = json.dumps({"networks": networks, "runs": runs})
        done = subprocess.run(["node", str(PROGRAM)], input=asked.encode(), capture_output=True)
    if done.returncode:
        raise RuntimeError(done.stderr.decode())
    data, drawn = memoryview(done.stdout), []
    for wish, line in zip(wishes, done.stderr.splitlines(), strict=True):
        pictures = []
        for _ in range(wish.samples):
            arrays = []
            for dtype, shape in shapes(wish):
                size = int(np.prod(shape)) * np.dtype(dtype).itemsize
                arrays.append(np.frombuffer(data[:size], dtype).reshape(shape))
                data = data[size:]
            pictures.append(arrays)
        drawn.append(Drawn(*map(np.stack, zip(*pictures, strict=True)), **json.loads(line)))
    if data:
        raise RuntimeError("JavaScript wrote more than it was asked for.")
    return drawn


def partner(wish: Wish) -> FewShotModel:
    """The model that its guidance moves away from."""
    config = wish.model.network.config
    alone = config.drops_supports or not wish.model.facts.needs_supports
    return wish.model if alone else fewshot.load(f"{wish.model.task.key}-{UNCONDITIONAL}")


def shapes(wish: Wish) -> list[tuple[str, tuple[int, ...]]]:
    """The types and shapes of the arrays of one picture, in the order of Drawn."""
    config, side = wish.model.network.config, wish.model.side
    attends = wish.model.attends and wish.trace
    heads, places = len(config.attend_after) * config.heads, len(wish.supports) * (-(-side // config.stride)) ** 2
    return [
        ("u1", (side, side, 3) if wish.model.in_colour else (side, side)),
        ("<f4", (side, side)),
        ("<f4", (side * side, heads, places) if attends else (0,)),
        ("<f4", (side * side, heads, (side // config.stride) ** 2) if attends and config.own else (0,)),
    ]


class Differences(NamedTuple):
    """Of the same run in both: how many pixels differ, and the largest differences."""

    pixels: int
    probability: float
    attention: float

    @property
    def small(self) -> bool:
        """Whether the pictures are the same, and what differs is rounding."""
        return not self.pixels and self.probability <= MOST_PROBABILITY and self.attention <= MOST_ATTENTION


def compare(python: Drawn, javascript: Drawn) -> Differences:
    of_reads = [
        float(np.abs(a - b).max(initial=0))
        for a, b in ((python.attention, javascript.attention), (python.own, javascript.own))
    ]
    return Differences(
        int((python.images != javascript.images).sum()),
        float(np.abs(python.probabilities - javascript.probabilities).max()),
        max(of_reads),
    )


def random_wish(rng: np.random.Generator, models: Iterable[FewShotModel]) -> Wish:
    """A picture of a ready-made set with one of the models; every third is guided and cut, every third begun."""
    model = rng.choice(np.array(list(models), dtype=object))
    drawings = rng.choice(np.array(list(OMNIGLOT.ready_made(model.side).values()), dtype=object))
    supports = np.stack([drawings[i % len(drawings)] for i in range(rng.integers(1, MAX_SHOTS + 1))])
    guided = rng.random() < 1 / 3
    return Wish(
        model=model,
        supports=supports.astype(np.uint8),
        prefix=supports[0, : rng.integers(1, model.side) if rng.random() < 1 / 3 else 0].astype(np.uint8),
        seed=int(rng.integers(2**53)),
        temperature=float(rng.choice([0.5, 0.8, 1, 1.3])),
        guidance=float(rng.choice([0.5, 1, 2])) if guided else 0.0,
        cut=0.01 if guided else 0.0,
    )


def main(runs: int = 200, seed: int = 0) -> None:
    """``runs`` pictures, picked by ``seed``."""
    models = [model for model in map(fewshot.load, checkpoints.shipped(OMNIGLOT.key)) if not model.adapts]
    rng = np.random.default_rng(seed)
    all_differences, cpu = [], []  # cpu of Python and of JavaScript
    for first in range(0, runs, AT_A_TIME):
        wishes = [random_wish(rng, models) for _ in range(min(AT_A_TIME, runs - first))]
        for wish, drawn in zip(wishes, draw_with_javascript(wishes), strict=True):
            python = draw_with_python(wish)
            all_differences.append(compare(python, drawn))
            cpu.append((python.cpu, drawn.cpu))
    different = sum(not each.small for each in all_differences)
    worst = Differences(*map(max, zip(*all_differences, strict=True)))
    print(f"{runs} runs, {different} of them not the same. The largest differences: {worst}.")
    python_ms, javascript_ms = np.median(cpu, axis=0)
    print(f"The processor's time for a picture (median): Python {python_ms:.0f} ms, JavaScript {javascript_ms:.0f} ms.")


if __name__ == "__main__":
    tyro.cli(main)

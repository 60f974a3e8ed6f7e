"""The figures of docs/omniglot.md: scores against shots and against images seen, and a page of samples.

Everything is measured from the shipped weights, or read from the logs of trainings.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes

import fewshot
from fewshot import checkpoints
from fewshot.data import omniglot, support_sets
from fewshot.evaluation import evaluate

LOGS = checkpoints.SHIPPED.parent / "docs" / "training"
SHOTS = (1, 2, 4, 8, 16)
TARGETS = 4  # a character has 20 drawings: with 16 shots, 4 are left
SUPPORTS, SAMPLES, SEED = 4, 5, 0  # of the page of samples


def write(data: Path, out: Path) -> Iterator[Path]:
    """Draw all figures, from the validation alphabets of ``data``, into the folder ``out``; gives their paths."""
    out.mkdir(parents=True, exist_ok=True)
    names = checkpoints.shipped("omniglot")
    validation = omniglot.load(data).split("validation")
    figure, axis = pyplot.subplots(figsize=(5, 3.5), layout="constrained")
    for name in names:
        model = fewshot.load(name)
        scores = evaluate(model.network, validation, SHOTS, TARGETS, SEED)
        nats = [score["nats_per_dim"] for score in scores.values()]
        axis.semilogx(SHOTS, nats, "o-", base=2, label=model.title)
    axis.set(xlabel="shots", ylabel="nats/dim, held-out alphabets", xticks=SHOTS, xticklabels=SHOTS)
    axis.legend()
    yield save(figure, out / "shots.png")

    figure, axis = pyplot.subplots(figsize=(5, 3.5), layout="constrained")
    for log in sorted(LOGS.glob("*.jsonl")):
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        images = [line["images"] / 1000 for line in lines]
        axis.plot(images, [line["validation"]["4"] for line in lines], ".-", label=log.stem.removeprefix("omniglot-"))
    axis.set(xlabel="thousand images seen", ylabel="nats/dim, held-out alphabets, 4 shots", ylim=(None, 0.085))
    axis.legend()
    yield save(figure, out / "training.png")

    sets = support_sets.read()
    columns = SUPPORTS + SAMPLES * len(names)
    figure, axes = page(len(sets), columns)
    for row, drawings in zip(axes, sets.values(), strict=True):
        supports = drawings[:SUPPORTS]
        runs = [fewshot.load(name).generate(supports, SAMPLES, SEED) for name in names]
        for axis, image in zip(row, [*supports, *(image for run in runs for image in run.images)], strict=True):
            show(axis, image)
    for column, name in zip(range(SUPPORTS, columns, SAMPLES), names, strict=True):
        head(axes[0, column], fewshot.load(name).title)
    head(axes[0, 0], f"{SUPPORTS} supports")
    yield save(figure, out / "samples.png")


def page(rows: int, columns: int) -> tuple[pyplot.Figure, np.ndarray]:
    """Room for so many small images, with titles above."""
    width, height, top = columns * 0.58, rows * 0.58 + 0.3, 0.3
    margins = {"left": 0.005, "right": 0.995, "bottom": 0.01, "top": 1 - top / height, "wspace": 0.08, "hspace": 0.08}
    return pyplot.subplots(rows, columns, figsize=(width, height), gridspec_kw=margins)


def show(axis: Axes, image: np.ndarray) -> None:
    """A binary image without ticks."""
    axis.imshow(image, cmap="gray_r", vmin=0, vmax=1)
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_color("0.8")


def head(axis: Axes, text: str) -> None:
    """A title above this axis and those to its right."""
    axis.set_title(text, fontsize=9, loc="left")


def save(figure: pyplot.Figure, path: Path) -> Path:
    """Write a figure, and free it."""
    figure.savefig(path, dpi=150)
    pyplot.close(figure)
    return path

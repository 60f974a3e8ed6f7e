"""The figures of the reports in docs/: scores against shots and against images seen, and pages of samples.

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
from fewshot.data import omniglot
from fewshot.evaluation import evaluate
from fewshot.files import whole
from fewshot.tasks import OMNIGLOT, TASKS, Task

LOGS = checkpoints.SHIPPED.parent / "docs" / "training"
SHOTS = (1, 2, 4, 8, 16)
TARGETS = 4  # a character has 20 drawings: with 16 shots, 4 are left
SAMPLES, SEED = 5, 0


def write(data: Path, out: Path) -> Iterator[Path]:
    """Draw all figures, from the validation alphabets of ``data``, into folders of ``out``; gives their paths."""
    characters = out / OMNIGLOT.key
    characters.mkdir(parents=True, exist_ok=True)
    names = checkpoints.shipped(OMNIGLOT.key)
    validation = omniglot.load(data).split("validation")
    figure, axis = pyplot.subplots(figsize=(5, 3.5), layout="constrained")
    for name in names:
        model = fewshot.load(name)
        scores = evaluate(model.network, validation, SHOTS, TARGETS, SEED)
        nats = [score["nats_per_dim"] for score in scores.values()]
        axis.semilogx(SHOTS, nats, "o-", base=2, label=model.title)
    axis.set(xlabel="shots", ylabel="nats/dim, held-out alphabets", xticks=SHOTS, xticklabels=SHOTS)
    figure.legend(loc="outside upper center", ncols=2)
    yield save(figure, characters / "shots.png")

    figure, axis = pyplot.subplots(figsize=(5, 3.5), layout="constrained")
    for log in sorted(LOGS.glob(f"{OMNIGLOT.key}-*.jsonl")):
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        images = [line["images"] / 1000 for line in lines]
        label = log.stem.removeprefix(f"{OMNIGLOT.key}-")
        axis.plot(images, [line["validation"]["4"] for line in lines], ".-", label=label)
    axis.set(xlabel="thousand images seen", ylabel="nats/dim, held-out alphabets, 4 shots", ylim=(None, 0.085))
    figure.legend(loc="outside upper center", ncols=3)
    yield save(figure, characters / "training.png")

    yield save(speed(), out / "speed.png")

    for task in TASKS.values():
        if checkpoints.shipped(task.key):
            (out / task.key).mkdir(exist_ok=True)
            yield save(samples(task), out / task.key / "samples.png")


def speed() -> pyplot.Figure:
    """Attention PixelCNN by the reference's means and by all of them: the same losses, sooner."""
    figure, axes = pyplot.subplots(1, 2, figsize=(8, 3.2), layout="constrained", sharey=True)
    for log, style in (("reference", "-"), ("fast", "--")):
        lines = [json.loads(line) for line in (LOGS / "speed" / f"{log}.jsonl").read_text().splitlines()]
        images = [line["images"] / 1000 for line in lines]
        minutes = [line["seconds"] / 60 for line in lines]
        for which, colour in (("training", "#1c1b17"), ("held-out alphabets, 4 shots", "#c2410c")):
            nats = [line["loss"] if which == "training" else line["validation"]["4"] for line in lines]
            for axis, x in zip(axes, (images, minutes), strict=True):
                label = f"{log}, {which}" if axis is axes[0] else None
                axis.plot(x, nats, style, color=colour, label=label)
    axes[0].set(xlabel="thousand images seen", ylabel="nats/dim", yscale="log")
    axes[1].set(xlabel="minutes, looks at the held-out data included")
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def samples(task: Task) -> pyplot.Figure:
    """What every shipped model of a task draws of the ready-made sets, a row each."""
    names, shots, sets = checkpoints.shipped(task.key), task.shots, task.ready_made(task.side)
    models = [fewshot.load(name) for name in names]
    columns = shots + SAMPLES * len(names)
    figure, axes = page(len(sets), columns)
    for row, pictures in zip(axes, sets.values(), strict=True):
        supports = pictures[:shots]
        drawn = [model.generate(supports, SAMPLES, SEED).images for model in models]
        for axis, image in zip(row, [*supports, *np.concatenate(drawn)], strict=True):
            show(axis, image)
    for column, model in zip(range(shots, columns, SAMPLES), models, strict=True):
        heading(axes[0, column], model.title)
    heading(axes[0, 0], f"{shots} supports" if shots > 1 else "support")
    return figure


def page(rows: int, columns: int) -> tuple[pyplot.Figure, np.ndarray]:
    """Room for so many small images, with titles above."""
    width, height, top = columns * 0.58, rows * 0.58 + 0.3, 0.3
    margins = {"left": 0.005, "right": 0.995, "bottom": 0.01, "top": 1 - top / height, "wspace": 0.08, "hspace": 0.08}
    return pyplot.subplots(rows, columns, figsize=(width, height), gridspec_kw=margins)


def show(axis: Axes, image: np.ndarray) -> None:
    """An image, binary or in colour, without ticks."""
    axis.imshow(image, cmap="gray_r", vmin=0, vmax=1)
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_color("0.8")


def heading(axis: Axes, text: str) -> None:
    """A title above this axis and those to its right."""
    axis.set_title(text, fontsize=9, loc="left")


def save(figure: pyplot.Figure, path: Path) -> Path:
    """Write a figure, and free it."""
    with whole(path) as partial:
        figure.savefig(partial, dpi=150, format="png")
    pyplot.close(figure)
    return path

"""The figure of a run, for a report: the picture, what one of its pixels read of each support, legend and recipe."""

import io
import math
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from fewshot.api import InputError, Run
from fewshot.export.recipe import check, recipe

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEAT = (0.91, 0.365, 0.09)
FAINT = 0.5  # of a support's ink, so that heat is seen on it
STRONG = 4  # times an even share is at least what has the full colour, as in the player
DPI = 200


def figure(run: Run, row: int | None = None, column: int | None = None, sample: int = 0) -> "Figure":
    """See ``Run.figure``."""
    from matplotlib.cm import ScalarMappable  # takes a second to import
    from matplotlib.colors import LinearSegmentedColormap, Normalize
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    glow = LinearSegmentedColormap.from_list("heat", [(*HEAT, 0.0), (*HEAT, 1.0)])
    check(run, sample)
    height, width = run.images.shape[1:3]
    row, column = _pixel(run, row, column, sample)
    shown = run.supports if run.facts.needs_supports else run.supports[:0]
    columns = max(1, math.ceil(len(shown) / 2)) if len(shown) > 1 else len(shown)
    made = Figure(figsize=(3.6 + 1.7 * columns, 4.6), layout="constrained")
    grid = made.add_gridspec(2, 2 + columns, width_ratios=[1, 1, *[0.95] * columns])
    axes = made.add_subplot(grid[:, :2])
    axes.imshow(*_picture(run, run.images[sample]), **_look(run))
    axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=HEAT, linewidth=2))
    chance = run.probabilities[sample, row, column]
    of_what = "ink" if run.facts.channels == 1 else "this colour"
    axes.set_title(f"Row {row + 1}, column {column + 1}: chance of {of_what} {100 * chance:.3g} %", fontsize=9)
    supports = []
    weights = None  # [S, H', W']
    if run.attention is not None and len(shown):
        weights = run.attention[sample, row * width + column].mean(0)
    full = 0.0 if weights is None else max(float(weights.max()), STRONG / weights.size)
    for s, support in enumerate(shown):
        at = grid[s // columns, 2 + s % columns] if len(shown) > 1 else grid[:, 2]
        supports.append(made.add_subplot(at))
        supports[-1].imshow(*_picture(run, support), **_look(run), alpha=FAINT)
        title = f"{run.facts.task.unit} {s + 1}"
        if weights is not None:
            place = (-0.5, width - 0.5, height - 0.5, -0.5)
            supports[-1].imshow(weights[s], cmap=glow, vmin=0, vmax=full, extent=place, interpolation="nearest")
            title += f": {100 * weights[s].sum():.3g} %"
        supports[-1].set_title(title, fontsize=9)
    for each in [axes, *supports]:
        each.set(xticks=[], yticks=[])
        for spine in each.spines.values():
            spine.set_color("#bbb")
    if weights is not None:
        bar = made.colorbar(ScalarMappable(Normalize(0, 100 * full), glow), ax=supports, shrink=0.8, pad=0.02)
        bar.set_label("attention, % per place, all heads together", fontsize=8)
        bar.ax.tick_params(labelsize=8)
    made.supxlabel(recipe(run, sample), fontsize=8, color="#555")
    return made


def to_figure(run: Run, sample: int, kind: str) -> bytes:
    """The figure as a file, "png" or "svg"."""
    file = io.BytesIO()
    figure(run, sample=sample).savefig(file, format=kind, dpi=DPI, facecolor="white")
    return file.getvalue()


def _pixel(run: Run, row: int | None, column: int | None, sample: int) -> tuple[int, int]:
    """The pixel that the figure is about. Raises InputError."""
    height, width = run.images.shape[1:3]
    if row is None and column is None:
        ink = np.argwhere(run.images[sample]) if run.facts.channels == 1 else np.empty((0, 2), int)
        row, column = ink[-1].tolist() if len(ink) else (height // 2, width // 2)
    if not (_is_within(row, height) and _is_within(column, width)):
        raise InputError(f"A pixel is a row from 0 to {height - 1} and a column from 0 to {width - 1}.")
    return row, column


def _is_within(place: object, size: int) -> TypeGuard[int]:
    return isinstance(place, int | np.integer) and not isinstance(place, bool) and bool(0 <= place < size)


def _picture(run: Run, image: np.ndarray) -> tuple[np.ndarray]:
    return (image if run.facts.channels == 3 else 1 - image,)


def _look(run: Run) -> dict[str, Any]:
    return {"interpolation": "nearest"} | ({} if run.facts.channels == 3 else {"cmap": "gray", "vmin": 0, "vmax": 1})

"""Pictures of runs: PNGs of the samples, an animated GIF of the drawing, and the trace as arrays."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fewshot.api import Run

PAPER, INK, UNDRAWN, HEAT = (250, 249, 246), (28, 28, 32), (222, 224, 230), (232, 93, 23)
SCALE = 8  # screen pixels of a pixel
PIXELS_A_FRAME = 4
FRAME_MS = 30
LAST_FRAME_MS = 1500


def to_picture(image: NDArray[np.uint8], drawn: int | None = None) -> NDArray[np.uint8]:
    """An image [H, W] of 0/1, or [H, W, 3], as RGB; pixels from number ``drawn`` on are shown as not yet drawn."""
    picture = image.copy() if image.ndim == 3 else np.array([PAPER, INK], np.uint8)[image]
    if drawn is not None:
        picture.reshape(-1, 3)[drawn:] = UNDRAWN
    return picture


def attended(supports: NDArray[np.uint8], attention: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The supports side by side, RGB [H, S*W, 3], under what a pixel read, mean of the heads, strongest = full.

    ``attention`` [heads, S, H', W'] is that pixel's.
    """
    height, width = supports.shape[1:3]
    weights = attention.mean(0)  # [S, H', W']
    weights = weights / max(weights.max(), 1e-12)
    cell = -(-height // weights.shape[1])
    alpha = weights.repeat(cell, 1).repeat(cell, 2)[:, :height, :width, None]
    pictures = np.stack([to_picture(support) for support in supports])
    heat = pictures * (1 - alpha) + np.array(HEAT) * alpha
    return np.concatenate(list(heat.astype(np.uint8)), axis=1)


def frames(run: Run, sample: int = 0) -> list[Image.Image]:
    """The drawing of one sample, a frame every few pixels, beside what is read where the model attends."""
    height, width = run.images.shape[1:3]
    gap = np.full((height, 2, 3), UNDRAWN, np.uint8)
    pictures = []
    for drawn in [*range(0, height * width, PIXELS_A_FRAME), height * width]:
        parts = [to_picture(run.images[sample], drawn)]
        if run.attention is not None:
            parts += [gap, attended(run.supports, run.attention[sample, min(drawn, height * width - 1)])]
        picture = Image.fromarray(np.concatenate(parts, axis=1))
        pictures.append(picture.resize((picture.width * SCALE, picture.height * SCALE), Image.Resampling.NEAREST))
    return pictures


def save_run(run: Run, folder: Path) -> list[Path]:
    """Write sample-N.png for each sample, drawing.gif of the first, and trace.npz; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for n, image in enumerate(run.images):
        picture = Image.fromarray(to_picture(image))
        paths.append(folder / f"sample-{n + 1}.png")
        picture.resize((picture.width * SCALE, picture.height * SCALE), Image.Resampling.NEAREST).save(paths[-1])
    first, *rest = frames(run)
    paths.append(folder / "drawing.gif")
    durations = [FRAME_MS] * len(rest) + [LAST_FRAME_MS]
    first.save(paths[-1], save_all=True, append_images=rest, duration=durations, loop=0)
    paths.append(folder / "trace.npz")
    trace: dict[str, Any] = {"images": run.images, "probabilities": run.probabilities, "supports": run.supports}
    if run.attention is not None:
        trace["attention"] = run.attention
    np.savez_compressed(paths[-1], **trace)
    return paths

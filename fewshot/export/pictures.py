"""Pictures of a run: PNG, a sheet of all samples, SVG by centre lines, and an animated GIF of the drawing."""

import io
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fewshot.api import Run

# A picture is dark on light wherever it goes; the film of a drawing also shows what is not drawn yet.
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
PAPER, INK, UNDRAWN, HEAT = (250, 249, 246), (28, 28, 32), (222, 224, 230), (232, 93, 23)
SCALE = 20  # screen pixels of a pixel
SCALE_ON_SHEET, GAP_ON_SHEET = 8, 2  # screen pixels of a pixel, and pixels between samples
FILM_SIDE = 208  # screen pixels of a film's picture, at most
FRAMES = 169  # of a film
FRAME_MS = 30
LAST_FRAME_MS = 1500
PEN = 2.4  # pixels, the width of the strokes of an SVG: Omniglot's 5 of 105, after max-pooling


def to_png(run: Run, sample: int, clear: bool = False) -> bytes:
    """A sample, black on white, or on clear ground; in colour as it is."""
    picture = Image.fromarray(_coloured(run.images[sample], WHITE, BLACK))
    if clear:
        picture.putalpha(Image.fromarray(255 * run.images[sample]))
    return _png(picture, SCALE)


def to_sheet(run: Run, sample: int) -> bytes:
    """All samples as one PNG, as nearly square as they go, row by row."""
    number, height, width = run.images.shape[:3]
    columns = math.ceil(math.sqrt(number))
    cell = (height + GAP_ON_SHEET, width + GAP_ON_SHEET)
    sheet = np.full((GAP_ON_SHEET + math.ceil(number / columns) * cell[0], GAP_ON_SHEET + columns * cell[1], 3), 255)
    for n, image in enumerate(run.images):
        y, x = GAP_ON_SHEET + n // columns * cell[0], GAP_ON_SHEET + n % columns * cell[1]
        sheet[y : y + height, x : x + width] = _coloured(image, WHITE, BLACK)
    return _png(Image.fromarray(sheet.astype(np.uint8)), SCALE_ON_SHEET)


def to_svg(run: Run, sample: int) -> bytes:
    """A sample's strokes as lines of one pen, in pixels, black on clear ground; not in colour."""
    from fewshot.data.tracing import trace  # scikit-image takes a second to import

    height, width = run.images.shape[1:3]
    paths = "".join(f'<path d="{_path(stroke)}"/>' for stroke in trace(run.images[sample]))
    size = f'viewBox="0 0 {width} {height}" width="{width * SCALE}" height="{height * SCALE}"'
    pen = f'fill="none" stroke="#000" stroke-width="{PEN}" stroke-linecap="round" stroke-linejoin="round"'
    title = f"<title>{run.file_name(sample)}</title>"
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{title}<g {pen}>{paths}</g></svg>\n'.encode()


def to_gif(run: Run, sample: int) -> bytes:
    """The drawing of a sample, beside what is read where the model attends."""
    frames = _frames(run, sample)
    # One palette for all, and before they are enlarged: else each frame has its own, found in a hundred times the time.
    palette = Image.fromarray(np.concatenate(frames[:: len(frames) // 8 or 1] + frames[-1:])).quantize(255)
    height, width = frames[0].shape[:2]
    scale = max(1, FILM_SIDE // height)
    first, *rest = (
        Image.fromarray(frame)
        .quantize(palette=palette, dither=Image.Dither.NONE)
        .resize((width * scale, height * scale), Image.Resampling.NEAREST)
        for frame in frames
    )
    durations = [FRAME_MS] * len(rest) + [LAST_FRAME_MS]
    file = io.BytesIO()
    first.save(file, "GIF", save_all=True, append_images=rest, duration=durations, loop=0)
    return file.getvalue()


def to_picture(image: NDArray[np.uint8], drawn: int | None = None) -> NDArray[np.uint8]:
    """An image [H, W] of 0/1, or [H, W, 3], as RGB; pixels from number ``drawn`` on are shown as not yet drawn."""
    picture = _coloured(image, PAPER, INK)
    if drawn is not None:
        picture.reshape(-1, 3)[drawn:] = UNDRAWN
    return picture


def _coloured(image: NDArray[np.uint8], paper: tuple[int, ...], ink: tuple[int, ...]) -> NDArray[np.uint8]:
    """An image [H, W] of 0/1 in these colours, or [H, W, 3] as it is: RGB, not the image's own memory."""
    return image.copy() if image.ndim == 3 else np.array([paper, ink], np.uint8)[image]


def _png(picture: Image.Image, scale: int) -> bytes:
    file = io.BytesIO()
    size = (picture.width * scale, picture.height * scale)
    picture.resize(size, Image.Resampling.NEAREST).save(file, "PNG", optimize=True)
    return file.getvalue()


def _attended(supports: NDArray[np.uint8], attention: NDArray[np.float32]) -> NDArray[np.uint8]:
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


def _frames(run: Run, sample: int) -> list[NDArray[np.uint8]]:
    """The drawing of one sample, a frame every few pixels: RGB, a pixel for each of its own."""
    height, width = run.images.shape[1:3]
    gap = np.full((height, 2, 3), UNDRAWN, np.uint8)
    frames = []
    for drawn in [*range(0, height * width, math.ceil(height * width / FRAMES)), height * width]:
        parts = [to_picture(run.images[sample], drawn)]
        if run.attention is not None and len(run.supports):
            parts += [gap, _attended(run.supports, run.attention[sample, min(drawn, height * width - 1)])]
        frames.append(np.concatenate(parts, axis=1))
    return frames


def _path(stroke: list[tuple[float, float]]) -> str:
    """A smooth curve through the points of a stroke, as the data of an SVG path; of one point a dot."""
    points = np.array(stroke)
    start = f"M{_pair(points[0])}"
    if len(points) == 1:
        return f"{start}h0"
    lengths = np.hypot(*np.diff(points, axis=0).T)
    if np.array_equal(points[0], points[-1]) and len(points) > 3:  # a ring goes on as it began
        around = np.vstack([points[-2], points, points[1]])
    else:
        around = np.vstack([points[0], points, points[-1]])
    ways = around[2:] - around[:-2]
    ways /= np.maximum(np.hypot(*ways.T), 1e-9)[:, None]
    out, into = points[:-1] + ways[:-1] * lengths[:, None] / 3, points[1:] - ways[1:] * lengths[:, None] / 3
    curves = (f"C{_pair(a)} {_pair(b)} {_pair(c)}" for a, b, c in zip(out, into, points[1:], strict=True))
    return start + "".join(curves)


def _pair(point: NDArray[np.float64]) -> str:
    return f"{point[0]:.2f} {point[1]:.2f}"

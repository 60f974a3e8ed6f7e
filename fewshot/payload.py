"""What travels between the browser and the server, both ways.

*To the server* go supports. Each is any of

    {"strokes": [[[x, y], ...], ...]}   lists of points in pad coordinates, 0..105, x right, y down; for a task that
                                        is drawn
    {"picture": "<base64>"}             a picture file: PNG, JPEG, WebP, GIF, BMP or TIFF, at most 10 MB
    {"pixels": "<base64>"}              what the model sees: with one channel side x side bits, row by row, highest bit
                                        first; in colour side x side x 3 bytes, red, green and blue of each pixel

*To the browser* go chunks of a run: some finished rows of it, in one format, whether it is one row that was just
drawn or the whole picture. A chunk is a dict that JSON can hold:

    id                 of the run; a new one starts a new picture
    model, title, kind name of the checkpoint, its title, and a key of fewshot.models.MODELS
    can                what the model can, {"read", "attend", "influence", "adapt"}, each true or false:
                           read       it reads the supports, so that it makes sense to show them
                           attend     it has attention: of each pixel and head, what was read
                           influence  the influence of the supports on a pixel can be asked for
                           adapt      the supports change its weights, by inner steps
    note               the sentence to show in place of heatmaps; empty for a model with attention
    task               a key of fewshot.tasks.TASKS
    seed, temperature, guidance, cut
                       what the run was drawn with
    height, width      H, W of the picture
    channels           1, or 3 in colour
    colours            how many different ones a pixel can have: 2, those of a palette, or 256 ** 3
    shots, supports    S, and the supports as base64 of S*H*W bits, row by row, or of S*H*W*3 bytes
    heads, grid        of the attention: number of heads and [H', W']; 0 heads for a model without attention
    own_grid           [h, w] of the patches of the drawing itself that are read too; [0, 0] where none are
    support_nats       nats/dim of the supports before the first inner step and after each; null without inner steps
    given              how many of the first rows were given, not drawn
    start, rows        the chunk holds the rows start..rows-1, which are n = (rows - start) * W pixels
    nats               only of a given drawing that is scored, whose rows are all given: base64 of float32 [H, W], what
                       each pixel cost, without guidance and at a temperature of 1; in colour of its three colours
    data               base64, or for the page the bytes themselves (``interface.lines``), of deflated little-endian
                       arrays, one after the other:
                           float32 [n]                       probability of ink, before the pixel was drawn; in colour,
                                                             of the pixel's own colour
                           float32 [n]                       the same without inner steps, if there are any; not in
                                                             colour
                           float32 [n, heads]                scale: the largest attention weight of each pixel and head
                           float32 [n, heads, S]             share of the attention that each support has; less than 1
                                                             in sum, because a head may read nothing
                           uint8   [n, heads, S, H', W']     attention weights, 255 is the scale
                           float32 [n, heads]                share of the attention that the drawing itself has; only
                                                             where it is read
                           uint8   [n, heads, h, w]          attention weights in it, 255 is the same scale
                           uint8   [n]                       the picture, ink = 1; in colour [n, 3]

Variations, many pictures of one recipe, travel without a trace. Each of their chunks is a dict of

    model, title, task, seed, temperature, guidance, inner_steps, height, width, channels, given, start, rows
                       as above; "inner_steps" is null for a model that takes none; picture n is the one that the seed
                       ``seed + n`` draws alone
    number             N, of the pictures
    pixels             base64 of the rows start..rows-1 of all of them, [N, rows - start, W]: of their bits, or in
                       colour of their bytes
    fits               log p(x | s) - log p(x) of each picture in nats, once they are all drawn; null before, and for a
                       model that reads no supports or has no partner
"""

import base64
import binascii
import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot import InputError, Run
from fewshot.api import Facts
from fewshot.data.episodes import MAX_SHOTS
from fewshot.tasks import Task

try:
    from isal import isal_zlib as zlib
except ImportError:  # none for Windows on ARM
    import zlib  # type: ignore[no-redef]


AT_A_TIME = 32  # pixels whose attention is packed


def pack_images(images: NDArray[np.uint8], channels: int) -> str:
    """Images, any number, to base64: of their bits where they have one channel, else of their bytes."""
    return base64.b64encode((np.packbits(images) if channels == 1 else images).tobytes()).decode()


def pack_numbers(numbers: NDArray[np.float32]) -> str:
    """Numbers to base64 of little-endian float32."""
    return base64.b64encode(numbers.astype("<f4").tobytes()).decode()


def pack_task(task: Task) -> dict[str, Any]:
    """What a player knows of a task; ``gaze``: whether it shows the way of the gaze over the one support."""
    return {
        "drawn": task.drawn,
        "unit": task.unit,
        "side": task.side,
        "channels": task.channels,
        "most": task.most_shots,
        "gaze": task.mirrors,
    }


def unpack_images(text: object, task: Task, side: int, number: int = 1) -> NDArray[np.uint8]:
    """So many images [N, side, side], or in colour [N, side, side, 3], of their base64. Raises InputError."""
    data = _decode_base64(text, f"A {task.unit}'s pixels")
    shape = (number, side, side) if task.channels == 1 else (number, side, side, task.channels)
    of_shape, size = "x".join(map(str, shape)), math.prod(shape)
    if len(data) != (-(-size // 8) if task.channels == 1 else size):
        expected = f"{of_shape} bits, which are {-(-size // 8)} bytes" if task.channels == 1 else f"{of_shape} bytes"
        raise InputError(f"The pixels of {number} {task.unit if number == 1 else task.units} must be {expected}.")
    array = np.frombuffer(data, np.uint8)
    return (np.unpackbits(array, count=size) if task.channels == 1 else array).reshape(shape)


Turn = Callable[[], AbstractContextManager[None]]  # to be entered around the reading of one picture file


def read_image(given: object, task: Task, side: int, turn: Turn = nullcontext) -> NDArray[np.uint8]:
    """What a model sees of a support from the browser, [side, side] or [side, side, 3].

    Raises InputError or PictureError.
    """
    match given:
        case {"pixels": pixels}:
            return unpack_images(pixels, task, side)[0]
        case {"strokes": strokes} if task.read_strokes is not None:
            return task.read_strokes(strokes)
        case {"picture": picture}:
            data = _decode_base64(picture, "A picture")
            with turn():
                return task.read_picture(data, side)
    strokes = '{"strokes": [[[x, y], ...], ...]}, ' if task.drawn else ""
    raise InputError(f'A {task.unit} must be {strokes}{{"picture": ...}} or {{"pixels": ...}}.')


def read_sheet(given: object, task: Task, side: int, turn: Turn = nullcontext) -> list[NDArray[np.uint8]]:
    """What a picture file from the browser shows, if it is several things that are one support each; else nothing.

    Raises InputError or PictureError.
    """
    match given:
        case {"picture": picture} if task.read_sheet is not None:
            data = _decode_base64(picture, "A picture")
            with turn():
                images = task.read_sheet(data, side)
            return images if len(images) > 1 else []
    return []


def read_supports(
    given: object, task: Task, side: int, shots: object = None, turn: Turn = nullcontext
) -> NDArray[np.uint8]:
    """The first ``shots`` supports (all if None), [S, side, side] or [S, side, side, 3].

    Raises InputError or PictureError.
    """
    if not isinstance(given, list):
        raise InputError(f"The supports must be a list of {task.units}.")
    if len(given) > MAX_SHOTS:
        raise InputError(f"{len(given)} {task.units} are too many: a model reads at most {MAX_SHOTS}.")
    if shots is not None:
        if isinstance(shots, bool) or not isinstance(shots, int) or not 1 <= shots <= len(given):
            raise InputError(f"Shots must be a whole number from 1 to the number of {task.units}, {len(given)}.")
        given = given[:shots]
    shape = (side, side) if task.channels == 1 else (side, side, task.channels)
    return np.array([read_image(one, task, side, turn) for one in given], np.uint8).reshape(-1, *shape)


def read_beginning(beginning: object, task: Task, side: int, turn: Turn = nullcontext) -> NDArray[np.uint8] | None:
    """The first "rows" of an image, [rows, side] or [rows, side, 3]; None for null. Raises as ``read_image``."""
    if beginning is None:
        return None
    rows = beginning.get("rows") if isinstance(beginning, dict) else None
    if isinstance(rows, bool) or not isinstance(rows, int) or not 0 <= rows <= side:
        raise InputError(f"The rows that are given must be a whole number from 0 to {side}.")
    return read_image(beginning, task, side, turn)[:rows]


def pack_facts(facts: Facts) -> dict[str, Any]:
    """What each chunk says of its model."""
    return {
        "model": facts.name,
        "title": facts.title,
        "kind": facts.kind,
        "can": {
            "read": facts.needs_supports,
            "attend": facts.attends,
            "influence": facts.influences,
            "adapt": facts.adapts,
        },
        "note": facts.note,
        "task": facts.task.key,
        "height": facts.side,
        "width": facts.side,
        "channels": facts.channels,
        "colours": facts.colours,
    }


def pack(run: Run, run_id: str, start: int = 0, steps: int = 255, sample: int = 0) -> dict[str, Any]:
    """The chunk with the finished rows of one sample of a run, from row ``start`` on.

    ``steps`` of attention between 0 and the scale, a divisor of 255: 15 make a third of the bytes.
    """
    chunk = pack_bytes(run, run_id, start, steps, sample)
    return chunk | {"data": base64.b64encode(chunk["data"]).decode()}


def pack_bytes(run: Run, run_id: str, start: int = 0, steps: int = 255, sample: int = 0) -> dict[str, Any]:
    """What ``pack`` gives, but its "data" are bytes: in base64 they take milliseconds, also to pass on."""
    facts = run.facts
    height, width = run.images.shape[1:3]
    pixels = slice(start * width, run.rows * width)
    arrays = [run.probabilities[sample].ravel()[pixels].astype("<f4")]
    if run.probabilities_before is not None:
        arrays.append(run.probabilities_before[sample].ravel()[pixels].astype("<f4"))
    heads, grid, own_grid = 0, [0, 0], [0, 0]
    if run.attention is not None:
        heads, grid = run.attention.shape[2], list(run.attention.shape[4:])
        attention = run.attention[sample, pixels]
        own = None if run.own is None else run.own[sample, pixels]
        scale = attention.max(axis=(2, 3, 4), initial=0)
        if own is not None:
            scale = np.maximum(scale, own.max(axis=(2, 3), initial=0))
        arrays += [scale.astype("<f4"), attention.sum(axis=(3, 4)).astype("<f4"), _quantised(attention, scale, steps)]
        if own is not None:
            own_grid = list(own.shape[2:])
            arrays += [own.sum(axis=(2, 3)).astype("<f4"), _quantised(own, scale, steps)]
    arrays.append(run.images[sample].reshape(height * width, -1)[pixels])
    # Weights hardly repeat, except for runs of zeros, so that nothing makes them much smaller; ISA-L takes a third of
    # the time of zlib's fastest.
    data = zlib.compress(b"".join(array.tobytes() for array in arrays), 1)
    return {
        "id": run_id,
        **pack_facts(facts),
        "seed": run.seed + sample,
        "temperature": run.temperature,
        "guidance": run.guidance,
        "cut": run.cut,
        "shots": len(run.supports),
        "supports": pack_images(run.supports, facts.channels),
        "heads": heads,
        "grid": grid,
        "own_grid": own_grid,
        "support_nats": run.support_nats,
        "given": run.given,
        "start": start,
        "rows": run.rows,
        "data": data,
    }


def pack_variations(run: Run, start: int = 0, fits: NDArray[np.float32] | None = None) -> dict[str, Any]:
    """The chunk with the finished rows of all samples of a run, from row ``start`` on; ``fits`` are [N]."""
    facts = run.facts
    number, height, width = run.images.shape[:3]
    return {
        "model": facts.name,
        "title": facts.title,
        "task": facts.task.key,
        "seed": run.seed,
        "temperature": run.temperature,
        "guidance": run.guidance,
        "inner_steps": run.inner_steps,
        "height": height,
        "width": width,
        "channels": facts.channels,
        "given": run.given,
        "start": start,
        "rows": run.rows,
        "number": number,
        "pixels": pack_images(run.images[:, start : run.rows], facts.channels),
        "fits": None if fits is None else fits.tolist(),
    }


def unpack(chunk: dict[str, Any]) -> dict[str, NDArray]:
    """The arrays of a chunk of n pixels, by name; its "data" may be base64 or bytes.

    image uint8 [n] or [n, 3], probabilities float32 [n], probabilities_before float32 [n] ([0] without inner steps, and
    in colour), attention float32 [n, heads, S, H', W'] to 1/510 of each pixel's largest weight (for fewer steps than
    255, half a step), shares float32 [n, heads, S], own float32 [n, heads, h, w], own_shares float32 [n, heads] ([n, 0]
    where the drawing itself is not read).
    """
    packed = chunk["data"]
    data = memoryview(zlib.decompress(packed if isinstance(packed, bytes) else base64.b64decode(packed)))
    n, heads, shots = (chunk["rows"] - chunk["start"]) * chunk["width"], chunk["heads"], chunk["shots"]

    def take(dtype: str, *shape: int) -> NDArray:
        nonlocal data
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        array, data = np.frombuffer(data[:size], dtype).reshape(shape), data[size:]
        return array

    in_colour = chunk["channels"] == 3
    probabilities, before = take("<f4", n), take("<f4", 0 if chunk["support_nats"] is None or in_colour else n)
    scale = take("<f4", n, heads)
    shares, weights = take("<f4", n, heads, shots), take("u1", n, heads, shots, *chunk["grid"])
    attention = weights * (scale / 255)[..., None, None, None]
    own_heads = heads if chunk["own_grid"][0] else 0
    own_shares, own = take("<f4", n, own_heads), take("u1", n, own_heads, *chunk["own_grid"])
    return {
        "image": take("u1", n, *((3,) if in_colour else ())),
        "probabilities": probabilities,
        "probabilities_before": before,
        "attention": attention,
        "shares": shares,
        "own": own * (scale[:, :own_heads] / 255)[..., None, None],
        "own_shares": own_shares,
    }


def pack_influence(influence: NDArray[np.float32]) -> dict[str, Any]:
    """What support pixels do to a pixel, [S, H, W], as {"largest": its largest size, "maps": base64 of int8}.

    127 is the largest; where all are 0, so is it.
    """
    largest = float(np.abs(influence).max())
    steps = np.rint(influence * (127 / max(largest, 1e-30))).astype(np.int8)
    return {"largest": largest, "maps": base64.b64encode(steps.tobytes()).decode()}


def _quantised(attention: NDArray[np.float32], scale: NDArray[np.float32], steps: int) -> NDArray[np.uint8]:
    """Attention [n, heads, ...] as uint8, where 255 is the scale [n, heads]."""
    flat = attention.reshape(*scale.shape, math.prod(attention.shape[2:]))  # 0 without supports
    times = (steps / np.maximum(scale, 1e-30))[..., None]
    weights, some = np.empty(flat.shape, np.uint8), np.empty((AT_A_TIME, *flat.shape[1:]), np.float32)
    for start in range(0, len(flat), AT_A_TIME):  # not all at once: so they stay in the cache
        pixels = slice(start, start + AT_A_TIME)
        scaled = some[: len(flat[pixels])]
        np.multiply(flat[pixels], times[pixels], out=scaled)
        weights[pixels] = np.rint(scaled, out=scaled)
    weights *= 255 // steps
    return weights.reshape(attention.shape)


def _decode_base64(text: Any, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise InputError(f"{what} must be base64 text.") from error

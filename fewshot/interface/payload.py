"""What travels between the browser and the server, both ways.

*To the server* go drawings. One drawing is any of

    {"strokes": [[[x, y], ...], ...]}   lists of points in pad coordinates, 0..105, x right, y down
    {"picture": "<base64>"}             a picture file: PNG, JPEG, WebP, GIF, BMP or TIFF, at most 10 MB
    {"pixels": "<base64>"}              what the model sees: 26x26 bits in 85 bytes, row by row, highest bit first

or photographs, each a {"picture"} or {"pixels"}: side x side x 3 bytes, which are red, green and blue of each pixel.

*To the browser* go chunks of a run: some finished rows of it, in one format, whether it is one row that was just
drawn or the whole picture. A chunk is a dict that JSON can hold:

    id                 of the run; a new one starts a new picture
    model, title, kind name of the checkpoint, its title, and a key of fewshot.models.MODELS
    can                what the model can do, as truth values: "read" supports at all; "attend"; say the "influence" of
                       supports on a pixel; "adapt" its weights to them
    note               for who sees no attention, what the model reads instead; "" for a model with attention
    task               "omniglot", "mirror" or "products"
    seed, temperature  what the run was drawn with
    height, width      H, W of the picture
    channels           1, or 3 in colour
    shots, supports    S, and the supports as base64 of S*H*W bits, row by row, or of S*H*W*3 bytes
    heads, grid        of the attention: number of heads and [H', W']; 0 heads for a model without attention
    support_nats       nats/dim of the supports before the first inner step and after each; null without inner steps
    given              how many of the first rows were given, not drawn
    start, rows        the chunk holds the rows start..rows-1, which are n = (rows - start) * W pixels
    file               for the page, if "data" would be large and is null: where it can be fetched once, not in base64
    data               base64 of deflated little-endian arrays, one after the other:
                           float32 [n]                       probability of ink, before the pixel was drawn; in colour,
                                                             of the pixel's own colour
                           float32 [n]                       the same without inner steps, if there are any; not in
                                                             colour
                           float32 [n, heads]                scale: the largest attention weight of each pixel and head
                           float32 [n, heads, S]             share of the attention that each support has; less than 1
                                                             in sum, because a head may read nothing
                           uint8   [n, heads, S, H', W']     attention weights, 255 is the scale
                           uint8   [n]                       the picture, ink = 1; in colour [n, 3]
"""

import base64
import binascii
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot import FewShotModel, InputError, Run
from fewshot.data import photos
from fewshot.data.drawing import read_picture, render_strokes
from fewshot.data.episodes import MAX_SHOTS
from fewshot.data.omniglot import POOLED_SIDE, max_pool


def pack_pixels(image: NDArray[np.uint8]) -> str:
    """Images of 0/1, any shape, to base64 of their bits."""
    return base64.b64encode(np.packbits(image, axis=None).tobytes()).decode()


def unpack_pixels(pixels: object, images: int = 1) -> NDArray[np.uint8]:
    """The images [N, 26, 26] of the "pixels" of one drawing, or of so many in one piece. Raises InputError."""
    data = _decode_base64(pixels, "A drawing's pixels")
    size = images * POOLED_SIDE**2
    if len(data) != -(-size // 8):
        raise InputError(
            f"The pixels of {images} drawings must be {images}x{POOLED_SIDE}x{POOLED_SIDE} bits, which are "
            f"{-(-size // 8)} bytes."
        )
    return np.unpackbits(np.frombuffer(data, np.uint8), count=size).reshape(images, POOLED_SIDE, POOLED_SIDE)


def read_drawing(drawing: object) -> NDArray[np.uint8]:
    """What the model sees of a drawing from the browser, [26, 26] of 0/1. Raises InputError or PictureError."""
    match drawing:
        case {"pixels": pixels}:
            return unpack_pixels(pixels)[0]
        case {"strokes": strokes}:
            return max_pool(render_strokes(strokes))
        case {"picture": picture}:
            return max_pool(read_picture(_decode_base64(picture, "A picture")))
    raise InputError('A drawing must be {"strokes": [[[x, y], ...], ...]}, {"picture": ...} or {"pixels": ...}.')


def read_supports(drawings: object, shots: object = None) -> NDArray[np.uint8]:
    """The first ``shots`` of the drawings (all if None) as supports [S, 26, 26]. Raises InputError or PictureError."""
    if not isinstance(drawings, list):
        raise InputError("The supports must be a list of drawings.")
    if len(drawings) > MAX_SHOTS:
        raise InputError(f"{len(drawings)} drawings are too many: a model reads at most {MAX_SHOTS}.")
    if shots is not None:
        if isinstance(shots, bool) or not isinstance(shots, int) or not 1 <= shots <= len(drawings):
            raise InputError(f"Shots must be a whole number from 1 to the number of drawings, {len(drawings)}.")
        drawings = drawings[:shots]
    images = [read_drawing(drawing) for drawing in drawings]
    return np.stack(images) if images else np.empty((0, POOLED_SIDE, POOLED_SIDE), np.uint8)


def pack_photos(images: NDArray[np.uint8]) -> str:
    """Images in colour, any number, to base64 of their bytes."""
    return base64.b64encode(images.tobytes()).decode()


def read_photo(photo: object, side: int) -> NDArray[np.uint8]:
    """What a model sees of a photograph from the browser, [side, side, 3]. Raises InputError or PictureError."""
    match photo:
        case {"pixels": pixels}:
            data = _decode_base64(pixels, "A photograph's pixels")
            if len(data) != side * side * 3:
                raise InputError(f"The pixels of a photograph must be {side}x{side}x3 bytes.")
            return np.frombuffer(data, np.uint8).reshape(side, side, 3)
        case {"picture": picture}:
            return photos.read_photo(_decode_base64(picture, "A picture"), side)
    raise InputError('A photograph must be {"picture": ...} or {"pixels": ...}.')


def read_photos(given: object, side: int) -> NDArray[np.uint8]:
    """Photographs as supports [S, side, side, 3]. Raises InputError or PictureError."""
    if not isinstance(given, list):
        raise InputError("The supports must be a list of photographs.")
    if len(given) > MAX_SHOTS:
        raise InputError(f"{len(given)} photographs are too many: a model reads at most {MAX_SHOTS}.")
    return np.array([read_photo(photo, side) for photo in given], np.uint8).reshape(-1, side, side, 3)


def read_beginning(beginning: object, side: int) -> NDArray[np.uint8] | None:
    """The first rows [rows, side, 3] of a photograph with its "rows"; None for null. Raises as ``read_photo``."""
    if beginning is None:
        return None
    rows = beginning.get("rows") if isinstance(beginning, dict) else None
    if isinstance(rows, bool) or not isinstance(rows, int) or not 0 <= rows <= side:
        raise InputError(f"The rows that are given must be a whole number from 0 to {side}.")
    return read_photo(beginning, side)[:rows]


def pack(run: Run, model: FewShotModel, run_id: str, start: int = 0, steps: int = 255) -> dict[str, Any]:
    """The chunk with the finished rows of a run's first sample, from row ``start`` on.

    ``steps`` of attention between 0 and the scale, a divisor of 255: 15 make a third of the bytes.
    """
    height, width = run.images.shape[1:3]
    pixels = slice(start * width, run.rows * width)
    arrays = [run.probabilities[0].ravel()[pixels].astype("<f4")]
    if run.support_nats is not None and not model.in_colour:
        arrays.append(model.probabilities_before(run)[0].ravel()[pixels].astype("<f4"))
    heads, grid = 0, [0, 0]
    if run.attention is not None:
        heads, grid = run.attention.shape[2], list(run.attention.shape[4:])
        arrays += _quantised(run.attention[0, pixels], steps)
    arrays.append(run.images[0].reshape(height * width, -1)[pixels])
    # Weights hardly repeat, except for runs of zeros: with Z_RLE, zlib looks for nothing else, which is five times as
    # fast as its default and a fiftieth more bytes.
    deflate = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_RLE)
    data = b"".join([deflate.compress(array.tobytes()) for array in arrays] + [deflate.flush()])
    return {
        "id": run_id,
        "model": run.model,
        "title": model.title,
        "task": model.task,
        "kind": model.network.config.model,
        "can": {
            "read": model.network.needs_supports,
            "attend": model.attends,
            "influence": model.network.needs_supports and not model.in_colour,
            "adapt": model.adapts,
        },
        "note": _note(model),
        "seed": run.seed,
        "temperature": run.temperature,
        "height": height,
        "width": width,
        "channels": 3 if model.in_colour else 1,
        "shots": len(run.supports),
        "supports": pack_photos(run.supports) if model.in_colour else pack_pixels(run.supports),
        "heads": heads,
        "grid": grid,
        "support_nats": run.support_nats,
        "given": run.given,
        "start": start,
        "rows": run.rows,
        "data": base64.b64encode(data).decode(),
    }


def unpack(chunk: dict[str, Any]) -> dict[str, NDArray]:
    """The arrays of a chunk of n pixels, by name.

    image uint8 [n] or [n, 3], probabilities float32 [n], probabilities_before float32 [n] ([0] without inner steps, and
    in colour), attention float32 [n, heads, S, H', W'] to 1/510 of each pixel's largest weight (for fewer steps than
    255, half a step), shares float32 [n, heads, S].
    """
    data = memoryview(zlib.decompress(base64.b64decode(chunk["data"])))
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
    return {
        "image": take("u1", n, *((3,) if in_colour else ())),
        "probabilities": probabilities,
        "probabilities_before": before,
        "attention": attention,
        "shares": shares,
    }


def pack_influence(influence: NDArray[np.float32]) -> dict[str, Any]:
    """What support pixels do to a pixel, [S, H, W], as {"largest": its largest size, "maps": base64 of int8}.

    127 is the largest; where all are 0, so is it.
    """
    largest = float(np.abs(influence).max())
    steps = np.rint(influence * (127 / max(largest, 1e-30))).astype(np.int8)
    return {"largest": largest, "maps": base64.b64encode(steps.tobytes()).decode()}


def _note(model: FewShotModel) -> str:
    pictures = "photographs" if model.in_colour else "drawings"
    if model.attends:
        return ""
    if model.adapts:
        return (
            f"{model.title} has no attention. It practised on your {pictures} before it drew the first pixel, which "
            "changed its weights; while it draws, it no longer sees them."
        )
    if model.network.needs_supports:
        return f"{model.title} sums up your {pictures} once, the same for every pixel. It has no attention."
    return (
        f"{model.title} looks at none of your {pictures}. All it knows is what it was trained on, and the pixels that "
        "it has drawn so far. So there is no heatmap to show."
    )


def _quantised(attention: NDArray[np.float32], steps: int) -> list[NDArray]:
    """Attention [n, heads, S, H', W'] to its scale [n, heads], shares [n, heads, S] and weights as uint8."""
    attention = attention.reshape(*attention.shape[:3], -1)
    scale = attention.max(axis=(2, 3))
    weights = np.empty(attention.shape, np.uint8)
    for weight, pixel, largest in zip(weights, attention, scale, strict=True):  # one by one, they stay in the cache
        weight[:] = np.rint(pixel * (steps / np.maximum(largest, 1e-30))[:, None, None])
    weights *= 255 // steps
    return [scale.astype("<f4"), attention.sum(axis=3).astype("<f4"), weights]


def _decode_base64(text: object, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise InputError(f"{what} must be base64 text.") from error

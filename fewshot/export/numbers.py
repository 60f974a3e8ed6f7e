"""The numbers of a run: all of them as arrays, and a table with a line for each pixel."""

import csv
import io
from typing import Any

import numpy as np

from fewshot.api import Run


def to_npz(run: Run, sample: int) -> bytes:
    """All of a run, every sample, for ``numpy.load``: its arrays as in ``Run``, and what it was drawn with.

    What a run does not have is left out.
    """
    arrays: dict[str, Any] = {
        "images": run.images,
        "probabilities": run.probabilities,
        "probabilities_before": run.probabilities_before,
        "attention": run.attention,
        "own": run.own,
        "supports": run.supports,
        "support_nats": run.support_nats,
        "model": run.facts.name,
        "seed": run.seed,
        "temperature": run.temperature,
        "guidance": run.guidance,
        "cut": run.cut,
        "given": run.given,
    }
    file = io.BytesIO()
    present: dict[str, Any] = {name: np.asarray(array) for name, array in arrays.items() if array is not None}
    np.savez_compressed(file, **present)
    return file.getvalue()


def to_csv(run: Run, sample: int) -> bytes:
    """A line for each pixel of each sample, all of which count from 1, as in the player.

    After the pixel (ink, or red, green, blue) come its probability as in ``Run``, where there are inner steps the one
    without them, and where there is attention the share of each head that each support has, that the drawing itself
    has, and that went to nothing.
    """
    number, height, width = run.images.shape[:3]
    pixels = run.images.reshape(number, height * width, -1)
    names = ["sample", "row", "column", *(["ink"] if pixels.shape[2] == 1 else ["red", "green", "blue"]), "probability"]
    columns = [run.probabilities.reshape(number, -1, 1)]
    if run.probabilities_before is not None:
        names.append("probability_before")
        columns.append(run.probabilities_before.reshape(number, -1, 1))
    if run.attention is not None:
        of_supports = run.attention.sum((4, 5))  # [N, pixels, heads, S]
        own = None if run.own is None else run.own.sum((3, 4))[..., None]
        read = of_supports.sum(3, keepdims=True) + (0 if own is None else own)
        shares = [of_supports, *([] if own is None else [own]), np.maximum(0, 1 - read)]
        of_head = [*(f"support{s + 1}" for s in range(len(run.supports))), *([] if own is None else ["own"]), "nothing"]
        names += [f"head{h + 1}_{share}" for h in range(run.attention.shape[2]) for share in of_head]
        columns.append(np.concatenate(shares, axis=3).reshape(number, height * width, -1))
    values = np.concatenate(columns, axis=2)
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(names)
    for n in range(number):
        for pixel in range(height * width):
            place = (n + 1, pixel // width + 1, pixel % width + 1)
            # Nine digits tell every float32 from every other.
            writer.writerow([*place, *pixels[n, pixel].tolist(), *(f"{value:.9g}" for value in values[n, pixel])])
    return file.getvalue().encode()

"""Ready-made support sets: characters drawn for this project, as strokes (see assets/README.md)."""

import json
from pathlib import Path

import numpy as np

from fewshot.data.drawing import render_strokes
from fewshot.data.omniglot import max_pool

READY_MADE = Path(__file__).resolve().parents[2] / "assets" / "support_sets.json"


def read(path: Path = READY_MADE) -> dict[str, np.ndarray]:
    """The supports of each character, by its name: what a model sees of its drawings, uint8 [S, 26, 26] of 0/1."""
    sets = json.loads(path.read_text(encoding="utf-8"))["sets"]
    return {one["name"]: max_pool(np.stack([render_strokes(d["strokes"]) for d in one["drawings"]])) for one in sets}

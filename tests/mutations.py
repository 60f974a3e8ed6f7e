"""Damage for fuzzing with a fixed seed, and what must hold of whatever reads it."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

SECONDS, MEGABYTES = 2, 30  # that one case may take, and that memory may have grown by after all

ODD = [
    None,
    True,
    -1,
    0.5,
    2**70,
    float("nan"),
    float("inf"),
    "",
    "x" * 1000,
    "../../etc/passwd",
    "é\0\ud800",
    [],
    {},
    [[[[[]]]]],
    [None] * 50,
    {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}},
    {"__type__": "update", "value": 1},
    {"pixels": "AAAA"},
    {"picture": "AAAA"},
]


def mutated(value: object, rng: np.random.Generator) -> object:
    """A JSON value in which one thing is another, missing, twice, or of another name."""
    if not isinstance(value, list | dict) or not value or rng.random() < 0.15:
        return ODD[rng.integers(len(ODD))]
    keys = range(len(value)) if isinstance(value, list) else sorted(value)
    key, changed = keys[rng.integers(len(keys))], value.copy()
    match rng.integers(8):
        case 0:
            del changed[key]
        case 1 if isinstance(changed, list):
            changed.insert(key, changed[key])
        case 1:
            changed[f"{key}x"] = changed.pop(key)
        case _:
            changed[key] = mutated(changed[key], rng)
    return changed


def damaged(data: bytes, rng: np.random.Generator, within: int | None = None) -> bytes:
    """Bytes of which a few are others, ``within`` so many of the first; some are cut."""
    changed = bytearray(data)
    for at in rng.integers(within or len(data), size=rng.integers(1, 8)):
        changed[at] = rng.integers(256)
    return bytes(changed[: rng.integers(len(data))] if rng.random() < 0.2 else changed)


def odd_array(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An array of another shape or type, or with values that are out of range."""
    match rng.integers(7):
        case 0:
            return array[: rng.integers(len(array) + 1)] if array.ndim else array[None]
        case 1:
            return np.repeat(array[None], 2, axis=0)
        case 2:
            return array.ravel()
        case 3:
            return np.zeros(array.shape, (bool, np.int64, np.float16, np.uint8)[rng.integers(4)])
    changed = array.copy()
    if changed.size:
        lowest = np.finfo(changed.dtype).min if changed.dtype.kind == "f" else 0
        odd = {"f": [np.nan, np.inf, lowest], "i": [-1, 2**31 - 1], "u": [255], "U": ["x\0\ud7ff/../.."]}
        values = odd.get(changed.dtype.kind, [0])
        changed.flat[rng.integers(changed.size)] = values[rng.integers(len(values))]
    return changed


def all_end_well(cases: Iterable[Callable[[], object]], refusal: type[Exception]) -> int:
    """How many cases end in something, where all others end in one sentence. None takes long, nor leaves memory."""
    accepted, sentences = 0, set()
    before = resident()
    for number, case in enumerate(cases):
        if number == 20:  # what is allocated for good, is now
            before = resident()
        start = time.process_time()
        try:
            case()
            accepted += 1
        except refusal as error:
            sentences.add(str(error))
        assert time.process_time() - start < SECONDS, number
    assert resident() - before < MEGABYTES
    assert all(sentence.strip() and "\n" not in sentence for sentence in sentences)
    return accepted


def resident() -> float:
    """The memory of this process, in megabytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

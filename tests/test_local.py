"""The browser's engine draws what Python draws: its modules run under node here."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import fewshot
from fewshot import FewShotModel
from fewshot.api import MAX_SEED, uniform_noise
from fewshot.models import MODELS
from fewshot.tasks import EMOJI, OMNIGLOT
from tests.conftest import NETWORKS, small_network, strokes_image
from tools.compare_engines import Wish, compare, draw_with_javascript, draw_with_python, random_wish

ROOT = Path(__file__).resolve().parents[1]
SCALE = 0.25  # of random weights: larger ones make rounding grow to more than what is allowed
pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")


def supports_of(number: int) -> np.ndarray:
    rng = np.random.default_rng(number)
    return np.stack([strokes_image(rng, 26) for _ in range(number)])


def test_noise_is_numpys_bit_for_bit():
    asked = {0: 1_000_000, 1: 677, 2**32: 676, MAX_SEED: 676}
    pairs = [str(number) for pair in asked.items() for number in pair]
    program = ["node", str(ROOT / "tests" / "web" / "noise.js"), *pairs]
    noise = np.frombuffer(subprocess.run(program, capture_output=True, check=True).stdout, "<f4")
    expected = np.concatenate([uniform_noise(seed, (1, count))[0] for seed, count in asked.items()])
    np.testing.assert_array_equal(noise, expected)


def assert_same(wishes: list[Wish]) -> None:
    for wish, drawn in zip(wishes, draw_with_javascript(wishes), strict=True):
        differences = compare(draw_with_python(wish), drawn)
        assert differences.small, (wish.model.name, differences)
        assert 0 < drawn.images.mean() < (255 if wish.model.in_colour else 1), wish.model.name


def test_small_networks_draw_the_same():
    """With all that can be built, which no shipped model has yet."""
    supports, none = supports_of(3), np.zeros((0, 26), np.uint8)
    wishes = []
    for name, sizes in NETWORKS.items():
        if MODELS[sizes["model"]].adapts:
            continue
        network, alone = (small_network(**sizes, scale=SCALE, drops_supports=drops) for drops in (False, True))
        model = FewShotModel(network, {"task": "omniglot"}, name)
        wishes += [
            Wish(model, supports, none, samples=2, seed=3),
            Wish(model, supports[:1], supports[0, :11], seed=4, temperature=0.7, trace=False),
        ]
        if model.facts.guides:
            itself = FewShotModel(alone, {"task": "omniglot"}, f"{name}, alone")
            wishes += [Wish(each, supports[:2], none, seed=5, guidance=0.5, cut=0.01) for each in (model, itself)]
    assert_same(wishes)


def test_small_networks_of_few_colours_draw_the_same():
    colours = np.array([list(bytes.fromhex(colour[1:])) for colour in EMOJI.palette.values()], np.uint8)
    supports = colours[np.random.default_rng(0).integers(len(colours), size=(3, 12, 12))]
    none = np.zeros((0, 12, 3), np.uint8)
    sizes = {"channels": 3, "palette": tuple(EMOJI.palette.values()), "side": 12, "drops_supports": True}
    wishes = []
    for kind in ("pixelcnn", "conditional", "attention"):
        sizes["copies"] = kind == "attention"
        model = FewShotModel(small_network(kind, **sizes, scale=SCALE), {"task": "emoji"}, f"emoji-{kind}")
        wishes += [
            Wish(model, supports, none, samples=2, seed=3),
            Wish(model, supports[:1], supports[0, :5], seed=4, temperature=0.7, trace=False),
            Wish(model, supports[:2], none, seed=5, guidance=1.5, cut=0.02),
        ]
    assert_same(wishes)


def test_shipped_models_draw_the_same():
    """Each alone and guided, and some picked at random: tools.compare_engines picks 200."""
    drawings, none = next(iter(OMNIGLOT.ready_made(26).values())), np.zeros((0, 26), np.uint8)
    models = [fewshot.load(f"{OMNIGLOT.key}-{kind}") for kind in ("pixelcnn", "conditional", "attention")]
    rng = np.random.default_rng(1)
    wishes = [random_wish(rng, models) for _ in range(6)]
    for model in models:
        wishes += [
            Wish(model, drawings[:1], none, seed=1),
            Wish(model, drawings[:4], drawings[0, :8], seed=2, temperature=0.8, guidance=1.0, cut=0.01),
        ]
    assert_same(wishes)


def test_strokes_are_seen_as_python_sees_them():
    rng = np.random.default_rng(0)
    drawings = [[[[52, 52]]], [[[-3, 400], [104.8, 0]]], [[[0, 0], [0, 30]], [[3, 60], [90, 60], [3, 60]]]]
    for _ in range(60):
        drawings.append(rng.uniform(-10, 115, (rng.integers(1, 4), rng.integers(1, 9), 2)).tolist())
        # As a hand draws: short steps, of whole numbers or not.
        steps = rng.normal(0, 3, (2, 30, 2)).cumsum(axis=1) + 52
        drawings += [steps.tolist(), steps.round().tolist()]
    program = ["node", str(ROOT / "tests" / "web" / "ink.js")]
    done = subprocess.run(program, input=json.dumps(drawings).encode(), capture_output=True, check=True)
    seen = np.frombuffer(done.stdout, np.uint8).reshape(-1, 26, 26)
    np.testing.assert_array_equal(seen, [OMNIGLOT.read_strokes(strokes) for strokes in drawings])

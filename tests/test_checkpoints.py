"""Cards and weights that may be anybody's: each is a network, or one sentence."""

import json
import shutil
import time
from dataclasses import asdict

import numpy as np
import pytest
import torch
from safetensors.torch import load, load_file, save_file

from fewshot import checkpoints
from fewshot.checkpoints import CheckpointError
from tests.conftest import small_network
from tests.mutations import all_end_well, damaged, mutated, odd_array


@pytest.fixture
def copy(tmp_path):
    """A shipped checkpoint, to be damaged."""
    for suffix in ("safetensors", "json"):
        shutil.copy(checkpoints.SHIPPED / f"omniglot-attention.{suffix}", tmp_path)
    return tmp_path / "omniglot-attention.safetensors"


def refused(path, words: str) -> None:
    start = time.process_time()
    with pytest.raises(CheckpointError, match=words) as refusal:
        checkpoints.load(path)
    assert "\n" not in str(refusal.value)
    assert time.process_time() - start < 2


SIZES = ("maps", "penultimate", "encoder_maps", "vector", "heads", "key_size", "canvas")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"maps": True}, "maps must not be true"),
        ({"maps": 32.5}, "maps"),
        ({"maps": "32"}, "maps"),
        ({"side": 4096}, "side must be at most 64"),
        ({"octaves": 4096}, "octaves must be at most 12"),
        ({"inner_steps": 4096}, "inner_steps must be at most 10"),
        ({"layers": 4096}, "layers must be at most 128"),
        ({"vector": 4096}, "vector must be at most 1024"),
        (dict.fromkeys(SIZES, 4096) | {"vector": 1024}, "more than 50,000,000"),
        ({"nonsense": 1}, "nonsense"),
        ({"model": ["attention"]}, "no model"),
        ({"maps": 48}, "other weights|instead of"),
    ],
)
def test_a_hostile_card_is_refused_before_the_network_is_built(change, words, copy):
    card = json.loads(copy.with_suffix(".json").read_text())
    card["config"] |= change
    copy.with_suffix(".json").write_text(json.dumps(card))
    refused(copy, words)


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", "null", '{"config": []}', "", "\x00", " " * 2_000_000])
def test_what_is_no_card_is_refused(text, copy):
    copy.with_suffix(".json").write_text(text)
    refused(copy, "missing or damaged")


@pytest.mark.parametrize("task", [5, None, ["omniglot"], {}])
def test_a_card_of_an_odd_task_is_refused(task, copy):
    card = json.loads(copy.with_suffix(".json").read_text())
    copy.with_suffix(".json").write_text(json.dumps(card | {"task": task}))
    refused(copy, "task")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "integers"])
def test_weights_are_finite_floating_point_numbers(value, copy):
    weights = load_file(copy)
    name = sorted(weights)[0]
    if value == "integers":
        weights[name] = weights[name].int()
    else:
        weights[name].view(-1)[0] = value
    save_file(weights, copy)
    refused(copy, "floating-point" if value == "integers" else "not finite")


def test_300_mutated_cards_and_weights_end_in_a_network_or_in_one_sentence(tmp_path):
    rng, copy, network = np.random.default_rng(0), tmp_path / "small.safetensors", small_network("attention")
    checkpoints.save(copy, network.state_dict(), {"config": asdict(network.config), "task": "omniglot", "steps": 1})
    beside = copy.with_suffix(".json")
    card, weights = beside.read_bytes(), copy.read_bytes()
    tensors = load(weights)  # not from the file, which changes
    header = int.from_bytes(weights[:8], "little")

    def cases():
        for k in range(300):
            beside.write_bytes(card)
            match k % 4:
                case 0:
                    beside.write_bytes(damaged(card, rng))
                case 1:
                    beside.write_text(json.dumps(mutated(json.loads(card), rng)))
                case 2:
                    copy.write_bytes(damaged(weights, rng, within=header))
                case 3:
                    name = sorted(tensors)[rng.integers(len(tensors))]
                    save_file(tensors | {name: torch.from_numpy(odd_array(tensors[name].numpy(), rng))}, copy)
            yield lambda: checkpoints.load(copy)
            copy.write_bytes(weights)

    assert 0 < all_end_well(cases(), CheckpointError) < 150


def test_files_are_for_whom_other_files_are_for(tmp_path):
    beside = tmp_path / "beside"
    beside.write_text("")
    checkpoints.save_tensors(tmp_path / "weights.safetensors", {"x": torch.zeros(2)})
    assert (tmp_path / "weights.safetensors").stat().st_mode == beside.stat().st_mode

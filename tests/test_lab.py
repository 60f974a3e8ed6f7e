"""The laboratory's experiments, on small networks; what they show is in assets/lab."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from fewshot import checkpoints, lab
from fewshot.data import omniglot
from tests.conftest import small_network


@pytest.fixture
def checkpoint(tmp_path):
    """Saves a small network of a model: gives its path."""

    def save(model: str, steps: int = 0, task: str = "omniglot", **sizes) -> str:
        network = small_network(model, scale=0.1, layers=2, **sizes)
        path = tmp_path / f"{model}-{steps}.safetensors"
        card = {"config": asdict(network.config), "steps": steps, "task": task}
        checkpoints.save(path, network.state_dict(), card)
        return str(path)

    return save


@pytest.fixture
def drawings(packed_file):
    return omniglot.load(packed_file).split("validation")


def test_inner_steps(checkpoint, drawings, packed_file, tmp_path):
    name = checkpoint("meta")
    written = lab.run("inner-steps", [name], packed_file, tmp_path / "out")
    curves = json.loads(written[0].read_text())["models"][name]["shots"]["4"]
    assert len(curves["targets"]) == len(curves["supports"]) == 11
    assert curves["supports"][1] < curves["supports"][0]
    assert written[1].stat().st_size > 1000
    for other in ("attention", "attentive-meta"):  # the one takes no steps, the other none on one support
        with pytest.raises(checkpoints.CheckpointError, match="not a Meta PixelCNN"):
            lab.inner_steps([checkpoint(other)], drawings)


def test_inner_loss(checkpoint, packed_file, tmp_path):
    names = [checkpoint("meta", steps) for steps in (200, 100)]
    numbers, _ = lab.run("inner-loss", names, packed_file, tmp_path / "out")
    rows = json.loads(numbers.read_text())["along"]
    assert [row["steps"] for row in rows] == [100, 200]
    assert 0 < rows[0]["inner_and_supports"] <= 1
    assert rows[0]["after_task"] < rows[0]["before"]


def test_ablations(checkpoint, drawings, packed_file, tmp_path, monkeypatch):
    monkeypatch.setattr(lab, "EVERY", 1)  # the made-up file has few characters, and one needs a wrong one
    name = checkpoint("attention")
    numbers, _ = lab.run("ablations", [name], packed_file, tmp_path / "out")
    scores = json.loads(numbers.read_text())["models"][name]
    assert scores.keys() == {"2", "4", "8"}
    assert len(scores["4"]) == len(set(scores["4"].values())) == 5  # each of them changes something
    with pytest.raises(checkpoints.CheckpointError, match="no attention"):
        lab.ablations([checkpoint("meta")], drawings)


def test_mirror(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(lab, "PHOTOS", 2)
    images = np.random.default_rng(0).integers(256, size=(4, 48, 48, 3), dtype=np.uint8)
    np.savez(tmp_path / "photos.npz", images=images, split=np.array([0, 1, 1, 1]))
    names = [checkpoint(model, task="mirror", channels=3, side=48) for model in ("conditional", "meta")]
    numbers, figure = lab.run("mirror", names, tmp_path / "photos.npz", tmp_path / "out")
    result = json.loads(numbers.read_text())
    assert result["photographs"] == 2
    conditional, meta = (result["models"][name]["nats_per_dim"] for name in names)
    assert (len(conditional), len(meta)) == (1, 3)
    assert len(set(meta)) == 3  # each step changes something
    assert figure.stat().st_size > 1000

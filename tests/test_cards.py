"""What the cards beside the weights say is what is measured."""

import json

import pytest

from fewshot import checkpoints
from fewshot import commands as cli
from fewshot.models import MODELS
from fewshot.tasks import OMNIGLOT
from tests.conftest import SHARED, VARIANTS, needs_shared


def said(model: str) -> dict[str, float]:
    """nats/dim of the validation alphabets by the number of supports, as the card says."""
    return checkpoints.read_card(checkpoints.resolve(f"{OMNIGLOT.key}-{model}"))["validation_nats_per_dim"]


@needs_shared
@pytest.mark.parametrize("model", VARIANTS)
def test_the_cards_say_what_evaluate_measures(model, tmp_path, monkeypatch):
    shots = "1" if MODELS[model].adapts else "4"  # steps on four drawings of each character take minutes
    out = tmp_path / "scores.json"
    monkeypatch.setattr("sys.argv", [
        "fewshot", "evaluate", "--checkpoint", f"{OMNIGLOT.key}-{model}", "--split", "validation", "--shots", shots,
        "--data", str(SHARED / "omniglot_45_alphabets.npz"), "--out", str(out),
    ])  # fmt: skip
    cli.main()
    score = json.loads(out.read_text())["shots"][shots]
    assert (score["characters"], score["targets"]) == (156, 1248)
    assert score["nats_per_dim"] == pytest.approx(said(model)[shots], abs=5e-5)


def test_reading_more_pays():
    nats = {model: said(model) for model in VARIANTS}
    assert nats["pixelcnn"]["1"] == pytest.approx(nats["pixelcnn"]["4"])
    assert nats["attention"]["4"] <= 0.062
    assert nats["meta"]["4"] < nats["meta"]["1"] - 0.002
    assert nats["meta"]["4"] < nats["pixelcnn"]["4"] - 0.006
    assert nats["meta"]["4"] < nats["conditional"]["4"] - 0.001  # as in the paper
    assert nats["attention"]["4"] < nats["conditional"]["4"] - 0.002
    assert nats["conditional"]["4"] < nats["pixelcnn"]["4"] - 0.002

"""The flip task: characters, each to be drawn from its mirror image."""

import json
import sys

import numpy as np
import pytest

import fewshot
from fewshot import checkpoints
from fewshot.commands import main
from fewshot.data import flip, omniglot
from fewshot.data.errors import DataError
from fewshot.evaluation import evaluate_mirror
from fewshot.interface.service import SERVICE
from fewshot.payload import pack_images, unpack
from fewshot.tasks import FLIP
from fewshot.training.augment import augment
from fewshot.training.train import TrainConfig, train
from tests.conftest import small_network
from tests.test_registry import save


@pytest.fixture
def drawings(packed_file):
    return omniglot.load(packed_file).split("training")


def test_the_support_is_the_mirror_image_also_of_what_was_changed(drawings):
    known = {image.tobytes() for image in drawings.images}
    plain, changed = flip.FlipSampler(drawings, 4, seed=1), flip.FlipSampler(drawings, 4, seed=1, transform=augment)
    for sampler in (plain, changed):
        batches = [sampler.batch(step) for step in range(8)]
        for supports, targets in batches:
            assert supports.shape == targets.shape == (4, 1, 26, 26)
            np.testing.assert_array_equal(supports, targets[..., ::-1])
        new = [image.tobytes() not in known for _, targets in batches for image in targets[:, 0]]
        assert any(new) == (sampler is changed)
        # The same again, and in two processes.
        for ours, again in zip(batches[3], sampler.batch(3), strict=True):
            np.testing.assert_array_equal(ours, again)
        for rank in (0, 1):
            np.testing.assert_array_equal(sampler.batch(3, rank, 2).targets, batches[3].targets[rank::2])
    with pytest.raises(DataError, match="needs 1000 drawings, the data has 120"):
        flip.FlipSampler(drawings, 1000, seed=0)


def test_some_drawings_of_each_character_are_scored(drawings):
    images, group = flip.some(drawings, 3, seed=0)
    assert images.shape == (18, 26, 26)
    assert group.tolist() == [character for character in range(6) for _ in range(3)]
    for image, character in zip(images, group, strict=True):
        own = drawings.images[drawings.characters()[character]]
        assert (own == image).all(axis=(1, 2)).any()
    reads_itself = small_network("attention", own=True, stride=2)  # beside the support, which alone is looked at here
    assert 0 <= evaluate_mirror(reads_itself, images[:2])["attention_at_mirror"] < 1
    network = small_network("conditional")
    of_drawings, of_characters = evaluate_mirror(network, images), evaluate_mirror(network, images, group)
    assert of_drawings["nats_per_dim"] == of_characters["nats_per_dim"]
    assert of_drawings["standard_error"] != of_characters["standard_error"]


@pytest.mark.parametrize("model", ["meta", "attention"])
def test_a_training_reports_what_it_learnt_and_is_evaluated(model, packed_file, tmp_path, monkeypatch, capsys):
    network = ("maps=8", "layers=3", "penultimate=8", "encoder_maps=8", "vector=8")
    config = TrainConfig(
        packed_file, "flip", model, tmp_path, steps=2, every=1, characters=2, compile=False, network=network
    )
    weights = train(config)
    assert weights.name == f"flip-{model}.safetensors"
    _, card = checkpoints.load(weights)
    assert (card["task"], card["images"], card["config"]["channels"]) == ("flip", 4, 1)
    assert "120 drawings of the training alphabets" in card["data"]
    assert ("attention_at_mirror" in card["validation"]) == (model == "attention")
    command = ["fewshot", "evaluate", "--checkpoint", str(weights), "--data", str(packed_file)]
    monkeypatch.setattr(sys, "argv", [*command, "--split", "validation", "--out", str(tmp_path / "scores.json")])
    main()
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert (scores["drawings"], scores["characters"]) == (32, 4)
    assert scores["mirror"]["nats_per_dim"] == pytest.approx(card["validation"]["nats_per_dim"], abs=1e-5)
    assert "32 drawings of 4 characters" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", [*command, "--wrong-supports"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "--wrong-supports is for characters, emoji and products." in capsys.readouterr().err


def test_one_drawing_is_read_and_what_is_given_is_drawn(monkeypatch, tmp_path):
    monkeypatch.setattr(checkpoints, "SHIPPED", tmp_path)
    name = save(tmp_path, FLIP, "attention")
    one, other, *_ = FLIP.ready_made(FLIP.side).values()
    assert one.shape == (1, 26, 26)
    with pytest.raises(fewshot.InputError, match="at most 1"):
        fewshot.load(name).generate(np.concatenate([one, other]))
    given = {"pixels": pack_images(one, 1)}
    tray = {"photos": [given], "beginning": given | {"rows": 9}}
    chunks = list(SERVICE.draw(None, tray, name, 0.0, 1.0, 3, None))
    assert {(chunk["task"], chunk["channels"], chunk["shots"]) for chunk in chunks} == {("flip", 1, 1)}
    drawn = np.concatenate([unpack(chunk)["image"] for chunk in chunks])
    np.testing.assert_array_equal(drawn[: 9 * 26], one[0, :9].ravel())

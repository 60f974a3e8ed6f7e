"""Photographs and the mirror task."""

import json
import sys

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image, ImageOps

from fewshot import checkpoints
from fewshot.commands import main
from fewshot.data import photos
from fewshot.data.errors import DataError
from fewshot.evaluation import evaluate_mirror
from fewshot.training.train import TrainConfig, train
from tests.conftest import SHARED, needs_shared, small_network


def made_up(n: int, side: int = photos.SIDE) -> np.ndarray:
    """Pictures [n, side, side, 3], each a smooth ramp of two colours with some noise."""
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 1, side)[None, None, :, None] * rng.uniform(50, 200, (n, 1, 1, 3))
    return np.clip(ramp + rng.uniform(0, 55, (n, side, side, 3)), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def photos_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("photos") / "photos.npz"
    np.savez(path, images=made_up(30), split=(np.arange(30) >= 24).astype(np.int8))
    return path


def test_supports_are_mirror_images_and_training_sees_no_photo_that_is_held_out(photos_file):
    both = photos.load(photos_file)
    training, validation = both.split("training"), both.split("validation")
    assert (len(training), len(validation)) == (24, 6)
    sampler, seen, halves = photos.MirrorSampler(training, 8, seed=0, growing=60), set(), []
    for step in range(60):
        supports, targets = sampler.batch(step)
        assert (supports[:, 0, :, ::-1] == targets[:, 0]).all()
        seen |= {one.tobytes() for one in targets[:, 0]}
        halves.append(targets.shape[2] == photos.SIDE // 2)
        parts = [sampler.batch(step, rank, 2).targets for rank in (0, 1)]
        assert (np.stack(parts, axis=1).reshape(targets.shape) == targets).all()
    smaller = photos.shrink(training, photos.SIDE // 2)
    assert seen == {one.tobytes() for one in (*training, *smaller)}
    first, last = sum(halves[:20]), sum(halves[40:])  # ever fewer photographs at half their side
    assert first > 12
    assert last < 8
    assert photos.MirrorSampler(training, 8, seed=0).batch(0).targets.shape[2] == photos.SIDE  # for a canvas


def test_shrunk_pixels_are_means():
    images = made_up(2)
    small = photos.shrink(images, 24)
    assert small.shape == (2, 24, 24, 3)
    assert abs(int(small[1, 3, 5, 2]) - images[1, 6:8, 10:12, 2].mean()) <= 0.5
    assert (photos.shrink(images, 48) == images).all()


def test_a_folder_of_pictures_is_read_upright_and_cropped_to_the_middle(tmp_path):
    wide = np.zeros((60, 120, 3), np.uint8)
    wide[:, 30:90] = (200, 100, 50)  # the middle square
    for name in ("train/cat/a.png", "train/dog/b.jpeg", "val/c.JPEG"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(wide).save(tmp_path / name)
    turned = Image.Exif()
    turned[0x0112] = 6  # lies on its side
    Image.fromarray(wide).save(tmp_path / "val" / "d.jpg", exif=turned)
    both = photos.load(tmp_path)
    assert both.held_out.tolist() == [False, False, True, True]
    assert (abs(both.images[:, 8:40, 8:40].astype(int) - (200, 100, 50)) < 12).all()
    (tmp_path / "train" / "bad.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"bad\.png"):
        photos.load(tmp_path)


def test_bad_data_is_named_in_one_sentence(tmp_path):
    np.savez(tmp_path / "wrong.npz", images=np.zeros((2, 32, 32, 3), np.uint8), split=np.zeros(2))
    (tmp_path / "empty").mkdir()
    for name in ("none.npz", "wrong.npz", "empty"):
        with pytest.raises(DataError, match=name):
            photos.load(tmp_path / name)


def test_attention_at_the_mirrored_place_is_found():
    network = small_network("attention", channels=3, stride=1, copies=True)
    height, width = 4, 6
    places = torch.arange(height * width).unflatten(0, (height, width))
    alpha = torch.zeros(1, network.config.heads, height * width, 1 + height * width)
    alpha[0, :, places.flatten(), 1 + places.flip(1).flatten()] = 1
    network.attention = lambda targets, memory: [alpha]
    image = made_up(1, 12)[:, :height, :width]
    assert evaluate_mirror(network, image)["attention_at_mirror"] == pytest.approx(1)
    alpha[:] = alpha.roll(2, dims=3)  # two columns further, except at the ends of rows
    assert evaluate_mirror(network, image)["attention_at_mirror"] == 0
    # Spread over everything, a pixel has the share that its neighbours are of all.
    alpha[:] = 1 / (height * width)
    neighbours = (height * 3 - 2) * (width * 3 - 2)
    assert evaluate_mirror(network, image)["attention_at_mirror"] == pytest.approx(neighbours / (height * width) ** 2)


@pytest.mark.parametrize("model", ["conditional", "attention"])
def test_a_training_on_photographs_reports_what_it_learnt(model, photos_file, tmp_path, monkeypatch, capsys):
    config = TrainConfig(photos_file, "mirror", model, tmp_path, steps=2, every=1, characters=2, compile=False)
    weights = train(config)
    assert weights.name == f"mirror-{model}.safetensors"
    network, card = checkpoints.load(weights)
    assert network.config.channels == 3
    assert (card["task"], card["images"]) == ("mirror", 4)
    assert card["validation"]["nats_per_dim"] > 0
    assert ("attention_at_mirror" in card["validation"]) == (model == "attention")
    command = ["fewshot", "evaluate", "--checkpoint", str(weights), "--data", str(photos_file)]
    monkeypatch.setattr(sys, "argv", [*command, "--split", "validation", "--out", str(tmp_path / "scores.json")])
    main()
    score = json.loads((tmp_path / "scores.json").read_text())["mirror"]
    assert score["nats_per_dim"] == pytest.approx(card["validation"]["nats_per_dim"], abs=1e-5)
    assert "6 in number" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", [*command, "--split", "test"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "no split 'test'" in capsys.readouterr().err


@needs_shared
def test_the_shipped_mirror_networks_on_photographs_they_never_saw():
    """Attention copies; without it, the mirror image cannot be drawn. The first forty of four hundred stand for all."""
    held_out = photos.load(SHARED / "photos_48.npz").split("validation")[:40]
    attention = evaluate_mirror(checkpoints.load("mirror-attention")[0], held_out)
    assert attention["nats_per_dim"] <= 0.05
    assert attention["attention_at_mirror"] >= 0.95
    conditional = evaluate_mirror(checkpoints.load("mirror-conditional")[0], held_out)
    assert conditional["nats_per_dim"] > 2
    assert conditional["attention_at_mirror"] is None


def of_another_source(side: int) -> np.ndarray:
    """Photographs that come with scikit-image, [5, side, side, 3]."""
    pictures = [getattr(skimage.data, name)() for name in ("astronaut", "chelsea", "coffee", "rocket", "retina")]
    fit = [ImageOps.fit(Image.fromarray(p), (side, side), Image.Resampling.LANCZOS) for p in pictures]
    return np.stack([np.asarray(one) for one in fit])


@pytest.mark.parametrize("changed", ["not", "shifted", "cropped"])
def test_the_shipped_mirror_network_has_learnt_where_and_not_what(changed):
    """It copies photographs of another source, also shifted and cropped."""
    images = of_another_source(96 if changed == "cropped" else 48)
    if changed == "shifted":
        images = np.roll(images, (7, -11), axis=(1, 2))
    elif changed == "cropped":
        images = images[:, 10:58, 40:88]
    score = evaluate_mirror(checkpoints.load("mirror-attention")[0], images)
    assert score["nats_per_dim"] <= 0.05
    assert score["attention_at_mirror"] >= 0.95


@needs_shared
def test_the_photographs():
    both = photos.load(SHARED / "photos_48.npz")
    assert (len(both.split("training")), len(both.split("validation"))) == (7000, 400)

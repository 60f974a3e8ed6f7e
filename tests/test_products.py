"""Products: three photographs of one, and a fourth to be drawn."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from fewshot import checkpoints
from fewshot.commands import main
from fewshot.data import products
from fewshot.data.errors import DataError
from fewshot.evaluation import evaluate_products
from fewshot.models.inputs import to_tensor
from fewshot.training.train import TrainConfig, train
from tests.conftest import SHARED, needs_shared, small_network

PHOTOS_OF = [4, 2, 9, 4, 5, 1, 4, 4, 4, 12]  # each of ten products; the first five are Stanford's


def made_up(n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, products.SIDE, products.SIDE, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def products_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("products") / "products.npz"
    class_id = np.repeat(np.arange(len(PHOTOS_OF)), PHOTOS_OF)
    np.savez(path, images=made_up(len(class_id)), class_id=class_id, source=(class_id >= 5).astype(np.uint8))
    return path


def test_every_fifth_product_of_each_source_is_held_out(products_file):
    training, validation, everything = (products.load(products_file, s) for s in ("training", "validation", "all"))
    assert set(validation.class_id) == {4, 9}
    assert set(training.class_id) == set(range(10)) - {4, 9}
    assert len(training.images) + len(validation.images) == len(everything.images) == sum(PHOTOS_OF)
    assert (everything.stanford == (everything.class_id < 5)).all()


def numbers(data: products.Products) -> dict[bytes, int]:
    """The place of each photograph, and of its mirror image, by what it shows."""
    return {
        shown.tobytes(): i
        for i, image in enumerate(data.images)
        for shown in (image, np.ascontiguousarray(image[:, ::-1]))
    }


def test_training_episodes_show_one_product_and_never_the_target(products_file):
    data = products.load(products_file)
    number, sampler, seen = numbers(data), products.ProductSampler(data, 6, seed=1), set()
    for step in range(150):
        supports, targets = sampler.batch(step)
        assert supports.shape == (6, 3, 32, 32, 3)
        assert targets.shape == (6, 1, 32, 32, 3)
        for of_support, (target,) in zip(supports, targets, strict=True):
            places = [number[np.ascontiguousarray(one).tobytes()] for one in of_support]
            aim = number[np.ascontiguousarray(target).tobytes()]
            assert aim not in places
            assert {data.class_id[place] for place in places} == {data.class_id[aim]}
            assert len(set(places)) == min(3, PHOTOS_OF[data.class_id[aim]] - 1)
            seen.add(aim)
        halves = [sampler.batch(step, rank, 2).targets for rank in (0, 1)]
        assert (np.stack(halves, axis=1).reshape(targets.shape) == targets).all()
    alone = data.class_id.tolist().index(5)  # a product of one photograph
    assert seen == set(range(len(data.images))) - {alone}


def test_evaluation_takes_every_product_and_each_target_once(products_file):
    data = products.load(products_file)
    number = numbers(data)
    episodes, class_id, stanford = products.evaluation_episodes(data, targets=4, seed=0)
    aims = [number[target.tobytes()] for (target,) in episodes.targets]
    assert len(set(aims)) == len(aims) == sum(min(4, n) for n in PHOTOS_OF if n > 1)
    assert (data.class_id[aims] == class_id).all()
    assert (stanford == (class_id < 5)).all()
    for aim, supports in zip(aims, episodes.supports, strict=True):
        places = {number[support.tobytes()] for support in supports}
        assert len(places) == min(3, PHOTOS_OF[data.class_id[aim]] - 1)
        assert aim not in places
    again = products.evaluation_episodes(data, targets=4, seed=0)
    assert (again.episodes.supports == episodes.supports).all()


def test_scores_are_means_over_photographs_by_source(products_file):
    network = small_network("attention", channels=3, side=32)
    scores = evaluate_products(network, products.load(products_file), targets=4, seed=0)
    assert (scores["stanford"]["products"], scores["stanford"]["photographs"]) == (5, 18)
    assert (scores["others"]["products"], scores["others"]["photographs"]) == (4, 16)
    assert 3 < scores["stanford"]["nats_per_dim"] < 30
    assert 0 < scores["others"]["standard_error"] < 1


def test_wrong_supports_are_of_another_product_of_the_same_source(products_file, monkeypatch):
    data, given = products.load(products_file), []
    number = numbers(data)

    def score(network, episodes):
        given.append(episodes)
        return torch.zeros(len(episodes.targets))

    monkeypatch.setattr("fewshot.evaluation.nats_per_dim", score)
    evaluate_products(None, data, targets=4, seed=0)
    evaluate_products(None, data, targets=4, seed=0, wrong_supports=True)
    right, wrong = given
    assert (right.targets == wrong.targets).all()
    for supports, (target,) in zip(wrong.supports, wrong.targets, strict=True):
        own, (other,) = data.class_id[number[target.tobytes()]], {data.class_id[number[s.tobytes()]] for s in supports}
        assert other != own
        assert (other < 5) == (own < 5)
    lone = replace(data, class_id=np.minimum(data.class_id, 5))  # a single one that is not Stanford's
    with pytest.raises(DataError, match="at least 2 products"):
        evaluate_products(None, lone, targets=4, seed=0, wrong_supports=True)


def test_the_official_release_is_read(tmp_path):
    for name, first in (("Ebay_train.txt", 1), ("Ebay_test.txt", 11)):
        rows = ["image_id class_id super_class_id path"]
        for product in range(first, first + 6):
            for i in range(2):
                path = f"chair_final/{product}_{i}.JPG"
                (tmp_path / "chair_final").mkdir(exist_ok=True)
                Image.new("RGB", (60, 40), (product, 100, 50)).save(tmp_path / path, format="JPEG")
                rows.append(f"{2 * product + i} {product} 3 {path}")
        (tmp_path / name).write_text("\n".join(rows) + "\n")
    sets = {split: products.load(tmp_path, split) for split in (*products.SPLITS, "all")}
    assert set(sets["validation"].class_id) == {5}
    assert set(sets["training"].class_id) == {1, 2, 3, 4, 6}
    assert set(sets["test"].class_id) == set(range(11, 17))
    assert len(sets["all"].images) == 24
    assert sets["test"].stanford.all()
    assert abs(sets["test"].images[0].astype(int) - (11, 100, 50)).max() < 8


def test_data_that_is_none_is_refused_with_one_sentence(tmp_path, products_file):
    (tmp_path / "broken.npz").write_bytes(b"no archive")
    np.savez(tmp_path / "photos.npz", images=made_up(3), split=np.zeros(3))
    (tmp_path / "empty").mkdir()
    (tmp_path / "odd").mkdir()
    for name in ("broken.npz", "photos.npz"):
        with pytest.raises(DataError, match="not a packed file of 32x32 products"):
            products.load(tmp_path / name)
    with pytest.raises(DataError, match=r"Ebay_train\.txt"):
        products.load(tmp_path / "empty")
    for row in ("1 two 3", "1 two 3 a.jpg", "1 \u00b2 3 a.jpg", f"1 {10**30} 3 a.jpg"):
        (tmp_path / "odd" / "Ebay_train.txt").write_text(
            f"\ufeffimage_id class_id super_class_id path\n{row}\n", "utf-8"
        )
        with pytest.raises(DataError, match=r"Ebay_train\.txt"):
            products.load(tmp_path / "odd")
    with pytest.raises(DataError, match="no data"):
        products.load(tmp_path / "nothing")
    with pytest.raises(DataError, match="no test products"):
        products.load(products_file, "test")
    with pytest.raises(DataError, match="no split"):
        products.load(products_file, "dev")


@pytest.mark.parametrize("model", ["conditional", "attention"])
def test_a_run_from_another_variants_weights_starts_as_that_model(tmp_path, products_file, model):
    settings = {"data": products_file, "task": "products", "characters": 2, "steps": 1, "every": 1, "compile": False}
    weights = train(TrainConfig(model="pixelcnn", out=tmp_path, **settings))
    train(TrainConfig(model=model, out=tmp_path, initial=weights, snapshots=True, **settings))
    before, _ = checkpoints.load(weights)
    after, _ = checkpoints.load(tmp_path / f"products-{model}-00000.safetensors")
    supports, targets = map(to_tensor, products.ProductSampler(products.load(products_file), 2, seed=0).batch(0))
    with torch.no_grad():
        torch.testing.assert_close(after(targets, supports), before(targets, supports))


def test_a_network_is_trained_evaluated_and_draws_from_the_command_line(tmp_path, products_file, monkeypatch, capsys):
    config = TrainConfig(products_file, task="products", steps=2, every=2, characters=2, out=tmp_path, compile=False)
    weights = train(config)
    card = json.loads(weights.with_suffix(".json").read_text())
    assert card["task"] == "products"
    assert set(card["validation"]) == {"stanford", "others"}

    def run(*arguments: str) -> None:
        monkeypatch.setattr(sys, "argv", ["fewshot", *arguments])
        main()

    run("evaluate", "--checkpoint", str(weights), "--data", str(products_file), "--out", str(tmp_path / "score.json"))
    score = json.loads((tmp_path / "score.json").read_text())["products"]
    assert score["stanford"]["photographs"] == 4 + 2 + 8 + 4 + 5
    assert "others" in capsys.readouterr().out
    Image.fromarray(made_up(1)[0]).save(tmp_path / "a.png")
    run(
        "generate", "--checkpoint", str(weights), "--out", str(tmp_path / "drawn"), "--support", str(tmp_path / "a.png")
    )
    (drawn,) = (tmp_path / "drawn").glob("*.png")
    assert min(Image.open(drawn).size) >= 256


@needs_shared
def test_the_real_products_have_none_in_two_splits():
    file = SHARED / "products_32.npz"
    training, validation = products.load(file, "training"), products.load(file, "validation")
    assert not set(training.class_id) & set(validation.class_id)
    assert len(products.load(file).images) == 7221
    assert validation.stanford.sum() > 50


@needs_shared
def test_attention_pays_on_products_that_were_never_seen():
    held_out = products.load(SHARED / "products_32.npz", "validation")
    scores = {}
    for model in ("pixelcnn", "conditional", "attention"):
        network, card = checkpoints.load(f"products-{model}")
        measured = evaluate_products(network, held_out, targets=8, seed=0)
        nats = {source: score["nats_per_dim"] for source, score in measured.items()}
        assert nats == pytest.approx(card["validation"], abs=5e-5)
        scores[model] = nats
    for source in ("stanford", "others"):
        assert scores["attention"][source] <= scores["conditional"][source]


@needs_shared
@pytest.mark.parametrize("source", ["stanford", "others"])
@pytest.mark.parametrize("model", ["conditional", "attention"])
def test_reading_the_product_is_better_than_reading_nothing(model, source):
    """By the cards, which the test above measures again."""
    cards = {name: checkpoints.read_card(checkpoints.resolve(f"products-{name}")) for name in (model, "pixelcnn")}
    assert cards[model]["validation"][source] < cards["pixelcnn"]["validation"][source]

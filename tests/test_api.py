"""The one way to call a model, its checkpoints, and what it answers to bad input."""

import json
import math
import os
import shutil
import subprocess
import sys
from copy import deepcopy
from dataclasses import asdict

import numpy as np
import pytest
import torch

import fewshot
from fewshot import FewShotModel, InputError, checkpoints, payload
from fewshot.data import photos
from fewshot.data.omniglot import Drawings
from fewshot.evaluation import evaluate
from fewshot.export import formats
from fewshot.models.inputs import to_tensor
from tests.conftest import VARIANTS, small_network, strokes_image

SUPPORTS = np.stack([strokes_image(np.random.default_rng(i), 26) for i in range(4)])
SHIPPED = [f"omniglot-{model}" for model in VARIANTS]


def test_the_variants_are_shipped():
    assert set(SHIPPED) <= set(checkpoints.shipped())
    for name in SHIPPED:
        weights = checkpoints.resolve(name)
        assert weights.stat().st_size < 16e6
        card = checkpoints.read_card(weights)
        assert {"protocol", "data", "steps", "validation_nats_per_dim", "command", "commit"} <= card.keys()


@pytest.mark.parametrize("name", SHIPPED)
def test_shapes_and_shares(name):
    model = fewshot.load(name)
    run = model.generate(SUPPORTS, samples=2, seed=1)
    assert run.images.shape == run.probabilities.shape == (2, 26, 26)
    assert set(np.unique(run.images)) <= {0, 1}
    assert (run.images[0] != run.images[1]).any()
    if model.attends:
        assert run.attention.shape == (2, 676, 4, 4, 13, 13)
        shares = run.attention.sum((3, 4, 5))
        assert (shares <= 1 + 1e-5).all()
        assert (shares > 0).all()
    else:
        assert run.attention is None


def test_rows_come_while_the_rest_is_drawn():
    rows = []
    for run in fewshot.load("omniglot-attention").stream(SUPPORTS, seed=2):
        rows.append(run.rows)
        assert not run.probabilities[:, run.rows :].any()
        assert (run.probabilities[:, : run.rows] > 0).all()
    assert rows == list(range(1, 27))


def test_the_same_seed_draws_the_same_picture_in_a_batch_or_alone():
    model = fewshot.load("omniglot-attention")
    alone, batch = model.generate(SUPPORTS, seed=3), model.generate(SUPPORTS, samples=3, seed=3)
    np.testing.assert_array_equal(alone.images[0], batch.images[0])
    assert (model.generate(SUPPORTS, seed=4).images != alone.images).any()


def test_the_order_of_the_supports_only_orders_the_heatmaps():
    model, order = fewshot.load("omniglot-attention"), [2, 0, 3, 1]
    run, permuted = model.generate(SUPPORTS, seed=5), model.generate(SUPPORTS[order], seed=5)
    np.testing.assert_array_equal(run.images, permuted.images)
    np.testing.assert_allclose(permuted.attention, run.attention[:, :, :, order], atol=1e-4)


def test_a_prefix_is_kept_and_completed():
    prefix = SUPPORTS[0][:10]
    run = fewshot.load("omniglot-attention").generate(SUPPORTS, samples=2, prefix=prefix)
    assert (run.images[:, :10] == prefix).all()


@pytest.mark.parametrize("name", SHIPPED)
def test_score_agrees_with_generation_and_evaluation(name):
    model = fewshot.load(name)
    run = model.generate(SUPPORTS, samples=3, seed=6)
    p = np.where(run.images == 1, run.probabilities, 1 - run.probabilities)
    nats = model.score(run.images, SUPPORTS)
    np.testing.assert_allclose(nats, -np.log(p), atol=1e-3)
    originals = np.zeros((8, 1379), np.uint8)
    drawings = Drawings(np.concatenate([SUPPORTS, SUPPORTS[::-1]]), originals, np.zeros(8, int), ("Madeup/01",))
    scores = evaluate(model.network, drawings, shots=(2,), targets=3, seed=0)
    order = np.random.default_rng(0).permutation(8)
    expected = model.score(drawings.images[order[:3]], drawings.images[order[3:5]]).mean()
    assert scores["2"]["nats_per_dim"] == pytest.approx(expected, rel=1e-4)


def test_what_reads_needs_a_support_unless_it_was_trained_without_too():
    assert fewshot.load("omniglot-pixelcnn").generate([]).images.shape == (1, 26, 26)
    assert fewshot.load("emoji-attention").generate([]).images.shape == (1, 32, 32, 3)
    for name in ("omniglot-conditional", "omniglot-attention"):
        with pytest.raises(fewshot.InputError, match="at least one drawing"):
            fewshot.load(name).generate([])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"supports": np.zeros((9, 26, 26))}, "9 supports are too many"),
        ({"supports": np.zeros((2, 28, 28))}, "shape"),
        ({"supports": np.zeros((26, 26))}, "shape"),
        ({"supports": [[1], [1, 0]]}, "binary"),
        ({"supports": np.zeros((1, 26, 26), complex)}, "binary"),
        ({"supports": np.zeros((1, 26, 26), object)}, "binary"),
        ({"supports": None}, "binary"),
        ({"supports": np.full((1, 26, 26), 0.5)}, "binary"),
        ({"supports": np.full((1, 26, 26), math.nan)}, "binary"),
        ({"temperature": 0}, "above 0"),
        ({"temperature": -1}, "above 0"),
        ({"temperature": math.nan}, "must be a number"),
        ({"temperature": math.inf}, "must be a number"),
        ({"temperature": "hot"}, "must be a number"),
        ({"seed": -1}, "must be between"),
        ({"seed": 2**60}, "must be between"),
        ({"seed": 0.5}, r"seed \(chance number\) must be a whole number"),
        ({"seed": None}, r"seed \(chance number\) must be a whole number"),
        ({"seed": 1j}, r"seed \(chance number\) must be a whole number"),
        ({"temperature": 10**400}, "must be a number"),
        ({"temperature": 1e-300}, "above 0"),
        ({"prefix": [[0], [1, 0]]}, "prefix"),
        ({"samples": 0}, "number of samples must be between"),
        ({"samples": 1000}, "number of samples must be between"),
        ({"prefix": np.zeros((3, 20))}, "prefix"),
        ({"prefix": np.zeros((27, 26))}, "prefix"),
        ({"prefix": np.full((3, 26), 2)}, "prefix"),
    ],
)
def test_bad_input_gives_one_sentence(arguments, sentence):
    model = fewshot.load("omniglot-attention")
    with pytest.raises(fewshot.InputError, match=sentence) as error:
        model.generate(**({"supports": SUPPORTS} | arguments))
    assert "\n" not in str(error.value)
    assert str(error.value).endswith(".")


def test_unknown_and_damaged_checkpoints(tmp_path):
    with pytest.raises(fewshot.CheckpointError, match=r"no checkpoint 'omniglot-atention'.*omniglot-attention"):
        fewshot.load("omniglot-atention")
    for name in ("../../secret", "x" * 5000, "nul\0", None, 3, ["omniglot-attention"]):
        with pytest.raises(fewshot.CheckpointError, match="no checkpoint"):
            fewshot.load(name)

    whole = checkpoints.resolve("omniglot-pixelcnn")
    for damage in ("truncated", "empty", "no card", "broken card", "another network", "wrong type", "endless"):
        copy = tmp_path / damage / whole.name
        copy.parent.mkdir()
        shutil.copy(whole, copy)
        shutil.copy(whole.with_suffix(".json"), copy.with_suffix(".json"))
        card = json.loads(copy.with_suffix(".json").read_text())
        if damage == "truncated":
            copy.write_bytes(copy.read_bytes()[:5000])
        elif damage == "empty":
            copy.write_bytes(b"")
        elif damage == "no card":
            copy.with_suffix(".json").unlink()
        elif damage == "broken card":
            copy.with_suffix(".json").write_text("{")
        else:
            card["config"]["maps"] = {"another network": 5, "wrong type": "32", "endless": 10**9}[damage]
            copy.with_suffix(".json").write_text(json.dumps(card))
        with pytest.raises(fewshot.CheckpointError, match="damaged") as error:
            fewshot.load(copy)
        assert "\n" not in str(error.value)


def test_a_checkpoint_survives_a_round_trip(tmp_path):
    network, _ = checkpoints.load("omniglot-attention")
    path = tmp_path / "copy.safetensors"
    checkpoints.save(path, network.state_dict(), {"config": asdict(network.config), "task": "omniglot"})
    copy, card = checkpoints.load(path)
    assert copy.config == network.config
    assert card["task"] == "omniglot"
    for name, value in checkpoints.kept(network.state_dict()).items():
        assert torch.equal(copy.state_dict()[name], value.float())


def test_a_path_is_loaded_anew_when_its_file_changed(tmp_path, monkeypatch):
    for folder, name in (("one", "omniglot-pixelcnn"), ("two", "omniglot-attention")):
        (tmp_path / folder).mkdir()
        for suffix in (".safetensors", ".json"):
            shutil.copy(checkpoints.resolve(name).with_suffix(suffix), tmp_path / folder / f"model{suffix}")
        monkeypatch.chdir(tmp_path / folder)
        assert fewshot.load("model.safetensors").attends is (folder == "two")
        assert fewshot.load("model.safetensors") is fewshot.load(tmp_path / folder / "model.safetensors")


def test_import_is_quick_and_loads_no_gradio():
    heavy = ("gradio", "matplotlib", "skimage", "torchvision")
    code = f"import sys, fewshot; sys.exit(any(m.split('.')[0] in {heavy} for m in sys.modules))"

    def seconds(code: str) -> float:
        """Of the processor, not of the clock: other processes do not count."""
        before = os.times()
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    # Beside torch, which alone takes from one to three.
    torch_alone = min(seconds("import torch, numpy") for _ in range(2))
    assert min(seconds(code) for _ in range(2)) < torch_alone + 1


def test_influence_is_how_the_logit_moves_with_the_supports():
    supports = np.stack([strokes_image(np.random.default_rng(i), 26) for i in range(2)])
    for name in ("omniglot-conditional", "omniglot-meta", "omniglot-attention"):
        model = fewshot.load(name)
        influence = model.influence(supports[0], supports, 12, 13)
        network, (a, b) = (
            deepcopy(model.network).double(),
            (to_tensor(x[None]).double() for x in (supports, supports[:1])),
        )
        direction = torch.from_numpy(np.random.default_rng(3).normal(size=a.shape))

        def logit(e):
            return network(b, a + e * direction)[0, 0, 0, 12, 13].item()  # noqa: B023

        # Inner steps bend: over 1e-5, the learned loss may turn a corner.
        slope = (logit(1e-7) - logit(-1e-7)) / 2e-7
        assert (influence * direction[0, :, 0].numpy()).sum() == pytest.approx(slope, rel=1e-2, abs=1e-4)
        assert np.abs(influence).max() > 0
    with pytest.raises(InputError, match="reads no support"):
        fewshot.load("omniglot-pixelcnn").influence(supports[0], supports, 12, 13)
    with pytest.raises(InputError, match="row must be between"):
        model.influence(supports[0], supports, 26, 13)


def test_inner_steps():
    model = fewshot.load("omniglot-meta")
    supports = np.stack([strokes_image(np.random.default_rng(i), 26) for i in range(2)])
    run = model.generate(supports, inner_steps=0)
    assert run.inner_steps == 0
    np.testing.assert_allclose(run.probabilities_before, run.probabilities, atol=1e-5)
    assert run.support_nats[0] == pytest.approx(model.score(supports, supports, inner_steps=0).mean(), rel=1e-5)
    run = model.generate(supports, temperature=0.7, inner_steps=3)
    assert run.inner_steps == 3
    assert run.support_nats[-1] == pytest.approx(model.score(supports, supports, inner_steps=3).mean(), rel=1e-4)
    assert run.support_nats[1] < run.support_nats[0]
    run = model.generate(supports, samples=2, temperature=0.7, inner_steps=3)
    without = model.generate(supports, temperature=0.7, inner_steps=0, prefix=run.images[1])
    np.testing.assert_allclose(run.probabilities_before[1:], without.probabilities, atol=1e-5)
    assert np.abs(run.probabilities_before - run.probabilities).max() > 0.01
    mirror, hills = fewshot.load("mirror-meta"), photos.samples("mirror", 48)["hills"]
    for use in (mirror.generate, lambda supports, inner_steps: mirror.score(hills, supports, inner_steps)):
        with pytest.raises(InputError, match="Too many inner steps"):
            use(hills, inner_steps=5)
    for wrong in (-1, 11, 1.5, "2"):
        with pytest.raises(InputError, match="number of inner steps"):
            model.generate(supports, inner_steps=wrong)
    with pytest.raises(InputError, match="takes no inner steps"):
        fewshot.load("omniglot-attention").generate(supports, inner_steps=1)
    run = fewshot.load("omniglot-attention").generate(supports)
    assert run.support_nats is run.probabilities_before is None


@pytest.fixture(scope="module")
def in_colour():
    network = small_network("attention", scale=0.3, channels=3, stride=1, copies=True, side=8)
    return FewShotModel(network, {"task": "emoji"}, "photos")


def photographs(n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 8, 8, 3)).astype(np.uint8)


def test_in_colour_images_have_three_channels_and_the_score_is_that_of_what_was_drawn(in_colour):
    supports = photographs(2)
    run = in_colour.generate(supports, samples=3, seed=1, prefix=supports[0, :2])
    assert run.images.shape == (3, 8, 8, 3)
    assert run.attention.shape == (3, 64, 4, 2, 8, 8)
    assert (run.images[:, :2] == supports[0, :2]).all()
    assert (run.images[0] != run.images[1]).any()
    nats = in_colour.score(run.images, supports)
    assert nats.shape == (3, 8, 8)
    np.testing.assert_allclose(np.exp(-nats), run.probabilities, rtol=1e-2, atol=1e-7)
    np.testing.assert_array_equal(in_colour.generate(supports, seed=1, prefix=supports[0, :2]).images[0], run.images[0])


@pytest.mark.parametrize(
    ("supports", "sentence"),
    [
        (photographs(1)[..., 0], r"shape \[number, 8, 8, 3\]"),
        (photographs(1)[:, :4], r"shape \[number, 8, 8, 3\]"),
        (photographs(1) / 255, "from 0 to 255"),
        (photographs(1).astype(int) + 1, "from 0 to 255"),
        ([], "at least one"),
        (photographs(9), "at most 8"),
        ([[1], [2, 3]], "in colour"),
    ],
)
def test_bad_photographs_give_one_sentence(in_colour, supports, sentence):
    if isinstance(supports, np.ndarray) and supports.dtype == int:
        assert supports.max() == 256
    with pytest.raises(InputError, match=sentence):
        in_colour.generate(supports)


def test_a_mirror_network_reads_one_photograph_and_a_product_network_three_or_more():
    network = small_network("attention", channels=3, side=8, stride=1)
    mirror = FewShotModel(network, {"task": "mirror"}, "mirror-attention")
    with pytest.raises(InputError, match="at most 1"):
        mirror.generate(photographs(2))
    assert len(mirror.generate(photographs(1)).supports) == 1
    products = FewShotModel(network, {"task": "products"}, "products-attention")
    two = photographs(2)
    assert (products.generate(two).supports == two[[0, 1, 0]]).all()
    np.testing.assert_array_equal(products.score(two, two), products.score(two, two[[0, 1, 0]]))
    assert (products.generate(photographs(5)).supports == photographs(5)).all()


def test_what_is_for_characters_only_says_so(in_colour):
    with pytest.raises(InputError, match="black and white only"):
        in_colour.influence(photographs(1)[0], photographs(1), 0, 0)


@pytest.mark.parametrize("name", [n for n in checkpoints.shipped("omniglot") if n != "omniglot-pixelcnn"])
def test_guidance_moves_drawings_and_says_so(name):
    model, supports = fewshot.load(name), np.stack([strokes_image(np.random.default_rng(i), 26) for i in range(2)])
    plain = model.generate(supports, samples=2, seed=3)
    guided = model.generate(supports, samples=2, seed=3, guidance=2.0, cut=0.03)
    assert (plain.guidance, plain.cut, guided.guidance, guided.cut) == (0, 0, 2, 0.03)
    assert (plain.images != guided.images).any()
    # What is shown is what was drawn from: nothing is left between the cut and certainty.
    chances = guided.probabilities
    assert ((chances == 0) | (chances == 1) | ((chances >= 0.03) & (chances <= 0.97))).all()
    assert (guided.images[chances == 1] == 1).all()
    assert not guided.images[chances == 0].any()


def test_a_model_that_reads_nothing_is_not_guided():
    model = fewshot.load("omniglot-pixelcnn")
    run = model.generate(np.zeros((0, 26, 26)), guidance=2.0)
    assert run.guidance == 0
    np.testing.assert_array_equal(run.images, model.generate(np.zeros((0, 26, 26))).images)


@pytest.mark.parametrize("name", ["guidance", "cut"])
@pytest.mark.parametrize("value", [-0.1, 5, float("nan"), float("inf"), "1", None, True])
def test_guidance_and_cut_out_of_range_are_refused(name, value):
    with pytest.raises(fewshot.InputError, match=f"The {name} must be"):
        fewshot.load("omniglot-attention").generate(np.ones((1, 26, 26)), **{name: value})


def test_guidance_in_colour_needs_what_draws_without_supports():
    with pytest.raises(InputError, match="needs a PixelCNN"):
        fewshot.load("mirror-attention").generate(np.zeros((1, 48, 48, 3), np.uint8), guidance=1.0)
    assert not fewshot.load("mirror-attention").facts.guides
    assert fewshot.load("products-attention").facts.guides


def test_a_network_that_has_learned_to_draw_without_supports_is_its_own_partner():
    network = small_network("attention", scale=0.2, own=True, drops_supports=True)
    model = fewshot.FewShotModel(network, {}, "mine")
    assert model.partner.sampler is model.sampler
    assert model.generate(np.zeros((0, 26, 26))).images.shape == (1, 26, 26)  # it needs none
    run = model.generate(np.ones((1, 26, 26)), guidance=1.0)
    assert run.own.shape == (1, 676, 4, 13, 13)
    assert run.attention.shape == (1, 676, 4, 1, 13, 13)


def test_what_was_drawn_without_supports_can_be_taken_home_in_every_format():
    for sizes in ({"own": True}, {"channels": 3, "palette": ("#ffffff", "#000000"), "side": 32}):
        card = {"task": "emoji" if "palette" in sizes else "omniglot"}
        model = fewshot.FewShotModel(small_network("attention", scale=0.2, drops_supports=True, **sizes), card, "mine")
        run = model.generate([])
        for name, data in formats.files(run, [key for key in formats.FORMATS if key != "zip"]):
            assert data, name
        assert payload.pack(run, "id")["shots"] == 0
    with pytest.raises(InputError, match="no support here"):
        fewshot.FewShotModel(small_network("attention", drops_supports=True), {}, "mine").influence(
            np.zeros((26, 26)), [], 3, 3
        )


def test_guidance_takes_no_partner_of_other_pictures(monkeypatch, tmp_path):
    """Its outputs would mean something else."""
    colours = ("#ffffff", "#000000", "#ff0000")
    sizes = {"channels": 3, "palette": colours, "side": 32}
    model = fewshot.FewShotModel(small_network("attention", **sizes), {"task": "emoji"}, "mine")
    images = np.full((1, 32, 32, 3), 255, np.uint8)
    monkeypatch.setattr(checkpoints, "SHIPPED", tmp_path)
    for other in ({"palette": colours[::-1]}, {"palette": ()}, {"side": 16}, {}):
        network = small_network("pixelcnn", **(sizes | other))
        checkpoints.save(
            tmp_path / "emoji-pixelcnn.safetensors",
            network.state_dict(),
            {"config": asdict(network.config), "task": "emoji"},
        )
        guides = fewshot.FewShotModel(model.network, model.card, "mine").facts.guides
        assert guides == (not other)
        if other:
            with pytest.raises(InputError, match="none of such pictures"):
                model.fit(images, images)
    assert model.fit(images, images).shape == (1,)


def test_pictures_of_other_colours_are_read_in_those_that_the_network_has():
    network = small_network("attention", channels=3, palette=("#ffffff", "#000000"), side=32)
    model = fewshot.FewShotModel(network, {"task": "emoji"}, "mine")
    given = np.full((1, 32, 32, 3), 250, np.uint8)
    given[:, :8] = 3
    run = model.generate(given, prefix=given[0, :9])
    assert set(np.unique(run.supports)) == {0, 255}
    assert (run.images[:, :9] == run.supports[:, :9]).all()
    np.testing.assert_array_equal(model.score(given, given), model.score(run.supports, run.supports))


def test_a_card_for_another_kind_of_pictures_is_refused():
    for task, channels in (("omniglot", 3), ("emoji", 1)):
        with pytest.raises(fewshot.CheckpointError, match="draws no pictures of"):
            fewshot.FewShotModel(small_network("pixelcnn", channels=channels), {"task": task}, "mine")


def test_without_a_pixelcnn_beside_it_guidance_gives_a_sentence(monkeypatch, tmp_path):
    model = fewshot.FewShotModel(small_network("conditional", scale=0.2), {}, "mine-conditional")
    monkeypatch.setattr(checkpoints, "SHIPPED", tmp_path)
    with pytest.raises(fewshot.InputError, match="needs a PixelCNN"):
        model.generate(np.ones((1, 26, 26)), guidance=1.0)

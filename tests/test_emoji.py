"""Emoji: versions of one by other artists, and another version to be drawn."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from skimage.color import rgb2lab

from fewshot import InputError, payload
from fewshot.commands import main
from fewshot.data import emoji
from fewshot.data.errors import DataError
from fewshot.evaluation import evaluate_emoji, most_read
from fewshot.tasks import EMOJI
from fewshot.training.augment import augment_emoji
from fewshot.training.train import TrainConfig, TrainingError, train
from tests.conftest import SHARED, needs_shared, small_network

COLOURS = np.array([list(bytes.fromhex(colour[1:])) for colour in emoji.PALETTE.values()], np.uint8)  # white last
ARTISTS = [8, 9, 6, 9, 4, 9, 7, 6]  # sources of each of eight emoji, the first so many of SOURCES
VALIDATION = {2, 5, 7}


def pictures(n: int) -> np.ndarray:
    """Pictures on white [n, 32, 32, 3], each with a square of its own, so that it is known again."""
    rng = np.random.default_rng(0)
    images = np.full((n, emoji.SIDE, emoji.SIDE, 3), 255, np.uint8)
    for image, place in zip(images, rng.permutation(81), strict=False):
        top, left = 3 + place // 9, 3 + place % 9
        image[top : top + 15, left : left + 12] = COLOURS[rng.integers(len(COLOURS) - 1)]
    return images


@pytest.fixture(scope="module")
def emoji_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("emoji") / "emoji.npz"
    class_id = np.repeat(np.arange(len(ARTISTS)), ARTISTS)
    np.savez(
        path,
        images=pictures(len(class_id)),
        class_id=class_id.astype(np.int16),
        class_name=np.array([f"emoji-{i}" for i in range(len(ARTISTS))]),
        split=np.isin(class_id, list(VALIDATION)).astype(np.int8),
        source=np.concatenate([np.arange(n) for n in ARTISTS]).astype(np.uint8),
        source_name=np.array(list(emoji.SOURCES)),
    )
    return path


def places(data: emoji.Emoji, images: np.ndarray) -> np.ndarray:
    """Where each of the pictures [..., 32, 32, 3] stands in the data."""
    number = {image.tobytes(): i for i, image in enumerate(data.images)}
    flat = images.reshape(-1, *images.shape[-3:])
    return np.array([number[image.tobytes()] for image in flat]).reshape(images.shape[:-3])


def test_no_emoji_is_in_two_splits(emoji_file):
    training, validation, everything = (emoji.load(emoji_file, split) for split in ("training", "validation", "all"))
    assert set(validation.class_id) == VALIDATION
    assert set(training.class_id) == set(range(8)) - VALIDATION
    assert len(everything.images) == sum(ARTISTS)


def test_training_episodes_have_targets_by_another_artist_than_the_supports(emoji_file):
    data = emoji.load(emoji_file)
    sampler, seen, shots_seen, copies = emoji.EmojiSampler(data, 3, seed=1), set(), set(), 0
    for step in range(200):
        supports, targets = sampler.batch(step)
        shots = supports.shape[1]
        assert targets.shape == (3, 1, 32, 32, 3)
        given, aims = places(data, supports), places(data, targets)[:, 0]
        assert len(set(data.class_id[aims])) == 3  # different emoji
        for of_episode, aim in zip(given, aims, strict=True):
            assert len(set(of_episode)) == shots
            assert set(data.class_id[of_episode]) == {data.class_id[aim]}
            assert data.artist[aim] not in data.artist[of_episode]
            artists = len(set(data.artist[of_episode]))
            others = len(set(data.artist[data.class_id == data.class_id[aim]])) - 1
            assert artists == min(shots, others)  # near copies only where nothing else is left
            copies += shots - artists
        shots_seen.add(shots)
        seen |= set(aims)
        halves = [sampler.batch(step, rank, 3).targets for rank in range(3)]
        assert (np.concatenate(halves) == targets).all()
    assert shots_seen == set(range(1, 9))
    assert copies > 0
    assert seen == set(range(len(data.images)))
    without = emoji.EmojiSampler(data, 3, seed=1, without=1.0).batch(0)
    assert without.supports.shape == (3, 0, 32, 32, 3)
    with pytest.raises(DataError, match="at least 4 emoji with 8 versions by other artists"):
        emoji.EmojiSampler(data, 4, seed=1)


def test_what_changes_an_episode_changes_all_of_it_alike_and_leaves_white_white():
    rng, same = np.random.default_rng(0), 0
    images = pictures(4)
    for _ in range(60):
        changed = augment_emoji(images, rng)
        assert changed.shape == images.shape
        assert changed.dtype == np.uint8
        assert (changed[..., None, :] == COLOURS).all(axis=-1).any(axis=-1).all()  # of the palette
        same += (changed == images).all()
        for before, after in zip(images, changed, strict=True):
            whites = [(image == 255).all(axis=2).sum() for image in (before, after)]
            assert whites[0] == whites[1]  # no square is moved out of the picture
    assert 20 < same < 40
    (one,) = images[:1]
    twice = augment_emoji(np.stack([one, one]), rng, share=1.0)
    assert (twice[0] == twice[1]).all()


def test_evaluation_has_the_same_targets_at_all_shots_nested_supports_and_different_artists(emoji_file):
    data = emoji.load(emoji_file)
    episodes, class_id = emoji.evaluation_episodes(data, shots=5, targets=3, seed=0)
    aims, given = places(data, episodes.targets)[:, 0], places(data, episodes.supports)
    enough = [i for i, n in enumerate(ARTISTS) if n - (n > 5) >= 6]  # two of nine sources are one artist
    assert sorted(set(class_id)) == enough
    assert len(set(aims)) == len(aims) == 3 * len(enough)
    for aim, of_episode in zip(aims, given, strict=True):
        assert set(data.class_id[of_episode]) == {data.class_id[aim]}
        assert len({*data.artist[of_episode], data.artist[aim]}) == 6
    again = emoji.evaluation_episodes(data, shots=5, targets=3, seed=0)
    assert (again.episodes.supports == episodes.supports).all()
    with pytest.raises(DataError, match="no emoji by 9 artists"):
        emoji.evaluation_episodes(data, shots=8, targets=1, seed=0)


def test_wrong_supports_are_the_same_artists_versions_of_another_emoji(emoji_file):
    data = emoji.load(emoji_file)
    right = emoji.evaluation_episodes(data, shots=5, targets=3, seed=0)
    wrong = emoji.evaluation_episodes(data, shots=5, targets=3, seed=0, wrong_supports=True)
    assert (right.episodes.targets == wrong.episodes.targets).all()
    for own, given in zip(right.episodes.supports, wrong.episodes.supports, strict=True):
        own, given = places(data, own), places(data, given)
        assert (data.artist[own] == data.artist[given]).all()
        assert len(set(data.class_id[given])) == 1
        assert data.class_id[given[0]] != data.class_id[own[0]]
    lone = data.class_id == 1
    lone = replace(data, images=data.images[lone], class_id=data.class_id[lone], artist=data.artist[lone])
    with pytest.raises(DataError, match="another emoji"):
        emoji.evaluation_episodes(lone, shots=5, targets=3, seed=0, wrong_supports=True)


def test_differences_are_paired(emoji_file, monkeypatch):
    """Two networks whose scores differ by a little, on targets whose scores differ by much."""
    data = emoji.load(emoji_file)
    brightness = data.images.mean(axis=(1, 2, 3))

    def score(network, episodes):
        aims = places(data, episodes.targets)[:, 0]
        return torch.from_numpy(brightness[aims] + network.worse * (1 + 0.01 * (aims % 2)))

    class Network:
        attends = False

        def __init__(self, worse):
            self.worse = worse

    monkeypatch.setattr("fewshot.evaluation.nats_per_dim", score)
    scores = evaluate_emoji(Network(0.2), data, (1, 5), targets=3, seed=0, against=Network(0.0))
    assert list(scores) == ["1", "5"]
    for one in scores.values():
        assert (one["emoji"], one["targets"], one["most_read"]) == (5, 15, None)
        assert 0.2 < one["difference"] < 0.202
        assert one["difference_error"] < 0.002 < one["standard_error"]
    assert evaluate_emoji(Network(0.2), data, (1,), targets=3, seed=0)["1"]["difference"] is None
    # With wrong supports the difference is to the right ones, which this network does not see.
    wrong = evaluate_emoji(Network(0.2), data, (1,), targets=3, seed=0, wrong_supports=True)["1"]
    assert wrong["difference"] == wrong["difference_error"] == 0


def test_the_most_read_support_has_its_share(emoji_file):
    data = emoji.load(emoji_file)
    episodes = emoji.evaluation_episodes(data, shots=3, targets=2, seed=0).episodes
    network = small_network("attention", channels=3, side=32)
    heads, patches = network.config.heads, 16 * 16

    def attention(targets, memory):
        alpha = torch.zeros(len(targets), heads, 32 * 32, 1 + 3 * patches)
        alpha[..., 0] = 0.5  # nothing
        alpha[:, :, :, 1 : 1 + patches] = 0.1 / patches
        alpha[:, :, :, 1 + patches : 1 + 2 * patches] = 0.3 / patches
        alpha[:, :, :, 1 + 2 * patches :] = 0.1 / patches
        return [alpha]

    network.attention = attention
    assert most_read(network, episodes) == pytest.approx(0.6, abs=1e-4)


def test_a_network_is_trained_and_compared_from_the_command_line(tmp_path, emoji_file, monkeypatch, capsys):
    settings = {"task": "emoji", "steps": 2, "every": 2, "characters": 2, "out": tmp_path, "compile": False}
    small = ("layers=2", "attend_after=1", "maps=8", "penultimate=8", "encoder_maps=8", "stride=8", "heads=1")
    weights = train(TrainConfig(emoji_file, network=small, shots=6, **settings))
    train(TrainConfig(emoji_file, network=small, shots=6, model="conditional", **settings))
    card = json.loads(weights.with_suffix(".json").read_text())
    assert (card["task"], card["config"]["channels"], card["config"]["side"]) == ("emoji", 3, 32)
    assert set(card["validation_nats_per_dim"]) == {"1", "3", "5"}

    def run(*arguments: str) -> None:
        monkeypatch.setattr(sys, "argv", ["fewshot", *arguments])
        main()

    evaluate = ("evaluate", "--checkpoint", str(weights), "--data", str(emoji_file), "--out", str(tmp_path / "a.json"))
    run(*evaluate, "--split", "validation")
    score = json.loads((tmp_path / "a.json").read_text())["shots"]
    nats = {shots: one["nats_per_dim"] for shots, one in score.items()}
    assert nats == pytest.approx(card["validation_nats_per_dim"], abs=1e-5)
    assert all(1 / int(shots) <= one["most_read"] <= 1 for shots, one in score.items())
    run(*evaluate, "--shots", "2", "--against", str(tmp_path / "emoji-conditional.safetensors"))
    assert "to emoji-conditional, paired" in capsys.readouterr().out
    compared = json.loads((tmp_path / "a.json").read_text())
    assert compared["against"] == "emoji-conditional"
    assert compared["shots"]["2"]["difference_error"] > 0
    black_and_white = (*small, 'palette=["#000000","#ffffff"]')
    with pytest.raises(TrainingError, match="is for other colours"):
        train(TrainConfig(emoji_file, network=black_and_white, initial=weights, **settings | {"out": tmp_path / "b"}))
    run(*evaluate, "--shots", "2", "--wrong-supports")
    assert "to the right supports, paired" in capsys.readouterr().out
    assert json.loads((tmp_path / "a.json").read_text())["shots"]["2"]["difference"] != 0
    for options, sentence in (
        (("--wrong-supports", "--against", str(weights)), "one difference at a time"),
        (("--against", "mirror-attention"), "must be for Emoji too"),
    ):
        with pytest.raises(SystemExit):
            run(*evaluate, *options)
        assert sentence in capsys.readouterr().err


def test_data_that_is_none_is_refused_with_one_sentence(tmp_path, emoji_file):
    (tmp_path / "broken.npz").write_bytes(b"no archive")
    with np.load(emoji_file) as arrays:
        whole = dict(arrays)
    wrong = {
        "less.npz": {"source": whole["source"][1:]},
        "beyond.npz": {"class_id": whole["class_id"] + 1},
        "third.npz": {"split": whole["split"] * 2},
        "numbers.npz": {"source_name": np.arange(9)},
        "small.npz": {"images": whole["images"][:, :31]},
    }
    for name, array in wrong.items():
        np.savez(tmp_path / name, **whole | array)
    for name in ("broken.npz", *wrong):
        with pytest.raises(DataError, match="not a packed file of 32x32 emoji"):
            emoji.load(tmp_path / name)
    with pytest.raises(DataError, match="no data"):
        emoji.load(tmp_path / "nothing")
    with pytest.raises(DataError, match="no split"):
        emoji.load(emoji_file, "test")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no icon packages"):
        emoji.load(tmp_path / "empty")


# Icon packages --------------------------------------------------------------------------------------------------------


def package(folder, name: str, icons: dict[str, str], aliases: dict[str, str] | None = None, **size: int) -> None:
    """An icon package, 20 units to a side, where `npm install` leaves it; icons may have a ``size`` of their own."""
    own = {n: {"body": body} | size for n, body in icons.items()}
    content = {"prefix": name, "width": 20, "height": 20, "icons": own}
    content["aliases"] = {alias: {"parent": parent} for alias, parent in (aliases or {}).items()}
    path = folder / "node_modules" / "@iconify-json" / name
    path.mkdir(parents=True)
    (path / "icons.json").write_text(json.dumps(content))


def square(colour: str) -> str:
    return f'<path fill="{colour}" d="M5 5h10v10H5z"/>'


def test_icon_packages_are_rendered_by_name(tmp_path):
    pytest.importorskip("resvg_py")
    package(tmp_path, "noto", {"anchor": square("red"), "cow": square("#0f0"), "no-such-emoji": square("red")})
    package(tmp_path, "fxemoji", {"anchor2": square("blue"), "closedbook": square("blue")}, {"anchor": "anchor2"})
    package(tmp_path, "twemoji", {"airplane": square("red")})  # for training
    data = emoji.load(tmp_path, "validation")
    shown = [data.class_name[c] for c in data.class_id]
    assert shown == ["anchor", "anchor", "closed-book", "cow"]
    assert len(set(data.artist)) == 2
    red, green, blue = (emoji.painted(np.array(one, np.uint8)).tolist() for one in np.eye(3, dtype=np.uint8) * 255)
    assert data.images[:, 16, 16].tolist() == [red, blue, blue, green]
    assert (data.images[:, :4] == 255).all()
    package(tmp_path, "openmoji", {"carrot": '<path fill="red" d="M0 0h40v20H0z"/>'}, width=40)
    wide = emoji.load(tmp_path, "validation").images[2]
    assert (wide[11:21] == red).all()
    assert (wide[[*range(5), *range(27, 32)]] == 255).all()
    assert emoji.load(tmp_path).class_name == tuple(emoji.names())
    assert len(emoji.load(tmp_path).images) == 6


@pytest.mark.parametrize(
    "content",
    [
        "no JSON",
        "[]",
        '{"icons": {"anchor": {}}}',
        '{"icons": {"anchor": {"body": 3}}}',
        '{"icons": {}, "aliases": {"anchor": {"parent": "anchor"}}}',
    ],
)
def test_a_damaged_package_is_named(tmp_path, content):
    (tmp_path / "noto").mkdir()
    (tmp_path / "noto" / "icons.json").write_text(content)
    with pytest.raises(DataError, match=r"icons\.json' is not an icon package"):
        emoji.load(tmp_path)


def test_what_cannot_be_rendered_is_named(tmp_path, monkeypatch):
    pytest.importorskip("resvg_py")
    package(tmp_path, "noto", {"anchor": "<path"})
    with pytest.raises(DataError, match="cannot be rendered, 'anchor'"):
        emoji.load(tmp_path)
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(DataError, match="needs resvg-py"):
        emoji.load(tmp_path)


def test_a_picture_is_painted_with_the_nearest_colours_of_the_palette():
    assert (emoji.painted(COLOURS) == COLOURS).all()
    anything = np.random.default_rng(0).integers(0, 256, (200, 3), dtype=np.uint8)
    once = emoji.painted(anything[None])
    assert (once == emoji.painted(once)).all()
    lab = rgb2lab(COLOURS)
    distance = np.linalg.norm(rgb2lab(anything)[:, None] - lab, axis=2)
    mine = (once[0][:, None] == COLOURS).all(axis=2)
    assert mine.any(axis=1).all()
    assert (distance[mine] < distance.min(axis=1) + 6).all()  # cells of four levels are told apart, and not single ones
    assert (distance[mine] == distance.min(axis=1)).mean() > 0.95


def test_what_is_painted_is_read_as_it_is():
    painted = np.full((32, 32, 3), 255, np.uint8)
    painted[8:24, 8:24] = tuple(bytes.fromhex(EMOJI.palette["red"][1:]))
    given = {"pixels": payload.pack_images(painted, 3)}
    np.testing.assert_array_equal(payload.read_supports([given], EMOJI, 32), painted[None])


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"pixels": "AAAA"}, "The pixels of 1 picture must be 1x32x32x3 bytes."),
        ({"pixels": "no base64"}, "A picture's pixels must be base64 text."),
        ({"pixels": None}, "A picture's pixels must be base64 text."),
        ({"strokes": [[[1, 1]]]}, 'A picture must be {"picture": ...} or {"pixels": ...}.'),
    ],
)
def test_a_painting_that_is_none_gets_a_sentence(given, sentence):
    with pytest.raises(InputError) as refused:
        payload.read_supports([given], EMOJI, 32)
    assert str(refused.value) == sentence


@needs_shared
def test_the_names_are_those_of_the_packed_file():
    for split in emoji.SPLITS:
        data = emoji.load(SHARED / "emoji_32.npz", split)
        assert [data.class_name[c] for c in np.unique(data.class_id)] == emoji.names(split)


@needs_shared
def test_the_ready_made_emoji_were_never_trained_on():
    validation = emoji.load(SHARED / "emoji_32.npz", "validation")
    for name, images in emoji_sets().items():
        shown = places(validation, images)
        assert {validation.class_name[c] for c in validation.class_id[shown]} == {name}


def emoji_sets() -> dict[str, np.ndarray]:
    return EMOJI.ready_made(EMOJI.side)

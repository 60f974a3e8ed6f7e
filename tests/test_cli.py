"""The command line."""

import json

import numpy as np
import pytest
from PIL import Image

from fewshot import __main__ as cli
from fewshot import bench, checkpoints
from fewshot.data import omniglot
from fewshot.quality import Quality
from tests.conftest import SHARED, needs_shared, small_network, strokes_image


def run(monkeypatch, *arguments: str) -> None:
    monkeypatch.setattr("sys.argv", ["fewshot", *arguments])
    cli.main()


def test_evaluate_writes_a_table_and_json(packed_file, tmp_path, monkeypatch, capsys):
    out = tmp_path / "scores" / "scores.json"
    run(
        monkeypatch, "evaluate", "--checkpoint", "omniglot-attention", "--data", str(packed_file),
        "--shots", "1", "4", "--seed", "3", "--out", str(out),
    )  # fmt: skip
    result = json.loads(out.read_text())
    assert result["checkpoint"] == "omniglot-attention"
    assert set(result["shots"]) == {"1", "4"}
    score = result["shots"]["4"]
    assert (score["characters"], score["targets"]) == (10, 80)
    assert 0 < score["standard_error"] < score["nats_per_dim"] < 1
    printed = capsys.readouterr().out
    assert f"{score['nats_per_dim']:.4f}" in printed
    run(
        monkeypatch, "evaluate", "--checkpoint", "omniglot-attention", "--data", str(packed_file),
        "--shots", "4", "--seed", "3", "--out", str(out), "--wrong-supports",
    )  # fmt: skip
    wrong = json.loads(out.read_text())
    assert wrong["wrong_supports"]
    assert wrong["shots"]["4"]["nats_per_dim"] != score["nats_per_dim"]
    assert wrong["shots"]["4"]["targets"] == 80


@needs_shared
def test_the_cards_say_what_evaluate_measures_and_reading_more_pays(tmp_path, monkeypatch):
    nats = {}
    for name in checkpoints.shipped("omniglot"):
        model = name.removeprefix("omniglot-")
        out = tmp_path / f"{model}.json"
        run(
            monkeypatch, "evaluate", "--checkpoint", name, "--split", "validation", "--shots", "1", "4",
            "--data", str(SHARED / "omniglot_45_alphabets.npz"), "--out", str(out),
        )  # fmt: skip
        scores = json.loads(out.read_text())["shots"]
        assert (scores["4"]["characters"], scores["4"]["targets"]) == (156, 1248)
        nats[model] = {shots: score["nats_per_dim"] for shots, score in scores.items()}
        card = checkpoints.read_card(checkpoints.resolve(name))["validation_nats_per_dim"]
        assert nats[model] == pytest.approx({shots: card[shots] for shots in scores}, abs=5e-5)
    assert nats["pixelcnn"]["1"] == pytest.approx(nats["pixelcnn"]["4"])
    assert nats["attention"]["4"] <= 0.062
    assert nats["meta"]["4"] < nats["meta"]["1"] - 0.002
    assert nats["meta"]["4"] < nats["pixelcnn"]["4"] - 0.006
    assert nats["meta"]["4"] < nats["conditional"]["4"] - 0.001  # as in the paper
    assert nats["attention"]["4"] < nats["conditional"]["4"] - 0.002
    assert nats["conditional"]["4"] < nats["pixelcnn"]["4"] - 0.002


def test_generate_writes_pictures_a_gif_and_the_trace(tmp_path, monkeypatch):
    supports = []
    for i in range(2):
        supports.append(str(tmp_path / f"{i}.png"))
        Image.fromarray(255 - 255 * strokes_image(np.random.default_rng(i), 105)).save(supports[-1])
    out = tmp_path / "out"
    run(
        monkeypatch, "generate", "--checkpoint", "omniglot-attention", "--support", *supports,
        "--samples", "3", "--seed", "0", "--out", str(out),
    )  # fmt: skip
    with np.load(out / "trace.npz") as trace:
        assert trace["attention"].shape == (3, 676, 4, 2, 13, 13)
        assert trace["supports"].shape == (2, 26, 26)
        first = trace["images"][0]
    picture = np.asarray(Image.open(out / "sample-1.png").convert("L").resize((26, 26), Image.Resampling.NEAREST))
    np.testing.assert_array_equal(picture < 128, first == 1)
    assert (out / "sample-3.png").exists()
    with Image.open(out / "drawing.gif") as gif:
        assert gif.n_frames > 100
        assert gif.width > 3 * 26 * 8


def test_evaluate_judges_drawings(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cli, "judge", lambda *_: Quality(0.5, 0.9, 0.1, 0.1, 0.2, 0.2, 3.0))
    monkeypatch.setattr(cli, "one_shot_accuracy", lambda *_: 0.75)
    monkeypatch.setattr(cli, "evaluate_network", lambda *_: {})
    data, out = tmp_path / "data.npz", tmp_path / "scores.json"
    monkeypatch.setattr(cli.omniglot, "load", lambda _: omniglot.Drawings(*([np.zeros((1, 1), np.uint8)] * 4)))
    monkeypatch.setattr(omniglot.Drawings, "split", lambda self, _: self)
    run(
        monkeypatch, "evaluate", "--checkpoint", "omniglot-pixelcnn", "--data", str(data), "--quality",
        "--out", str(out),
    )  # fmt: skip
    assert json.loads(out.read_text())["quality"]["one_shot_accuracy"] == 0.75
    assert "recognised real        0.9000" in capsys.readouterr().out


def test_report_draws_its_figures(packed_file, tmp_path, monkeypatch):
    run(monkeypatch, "report", "--data", str(packed_file), "--out", str(tmp_path / "figures"))
    for name in ("omniglot/shots", "omniglot/training", "omniglot/samples", "mirror/samples", "products/samples"):
        with Image.open(tmp_path / "figures" / f"{name}.png") as picture:
            assert len(np.unique(np.asarray(picture.convert("L")))) > 50


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("evaluate", "--checkpoint", "omniglot-attention", "--data", "missing.npz"), "no data at 'missing.npz'"),
        (("evaluate", "--checkpoint", "nonsense", "--data", "missing.npz"), "no checkpoint 'nonsense'"),
        (
            ("evaluate", "--checkpoint", "omniglot-pixelcnn", "--data", "x", "--quality", "--wrong-supports"),
            "do not go together",
        ),
        (("evaluate", "--checkpoint", "products-attention", "--data", "x", "--quality"), "--quality is for characters"),
        (("evaluate", "--checkpoint", "mirror-attention", "--data", "x", "--wrong-supports"), "for characters and"),
        (("train", "--data", "missing.npz", "--out", "{tmp}"), "no data at 'missing.npz'"),
        (("train", "--data", "missing.npz", "--every", "0"), "--every must be at least 1"),
        (("generate", "--checkpoint", "omniglot-pixelcnn", "--out", __file__), "exists"),
        (("generate", "--checkpoint", "omniglot-pixelcnn", "--out", "{tmp}", "--temperature", "-1"), "temperature"),
        (("generate", "--checkpoint", "omniglot-attention", "--out", "{tmp}"), "at least one drawing"),
        (("generate", "--checkpoint", "omniglot-attention", "--out", "{tmp}", "--support", "no.png"), "no picture"),
        (("generate", "--checkpoint", "omniglot-pixelcnn", "--out", "{tmp}", "--inner-steps", "1"), "no inner steps"),
    ],
)
def test_bad_input_ends_with_one_sentence(arguments, sentence, tmp_path, monkeypatch):
    with pytest.raises(SystemExit, match=sentence) as end:
        run(monkeypatch, *(a.format(tmp=tmp_path) for a in arguments))
    assert "\n" not in str(end.value)


def test_bench_times_training_in_one_process_and_in_two(monkeypatch, capsys):
    config = small_network("attention").config
    ladder = {"one": bench.Means(), "two": bench.Means(own_attention=True, keep_freed=True, processes=2)}
    monkeypatch.setattr(bench, "ModelConfig", lambda: config)
    monkeypatch.setattr(bench, "ladder", lambda: ladder)
    monkeypatch.setattr(bench, "ROUNDS", 1)
    run(monkeypatch, "bench", "--training")
    _, *lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["one", "two"]
    assert all(float(line.split()[1]) > 1 for line in lines)

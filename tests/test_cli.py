"""The command line."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from fewshot import bench, checkpoints, report
from fewshot import commands as cli
from fewshot.data import omniglot
from fewshot.quality import Quality
from tests.conftest import small_network, strokes_image

ROOT = Path(__file__).resolve().parents[1]


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
    name = "omniglot-attention-2-drawings-*-temperature-1-seed-0"
    (numbers,), (film, *_) = out.glob(f"{name}.npz"), sorted(out.glob(f"{name}-sample-?.gif"))
    pictures = sorted(out.glob(f"{name}-sample-?.png"))
    assert [path.suffix for path in sorted(out.iterdir())].count(".png") == len(pictures) == 3
    with np.load(numbers) as trace:
        assert trace["attention"].shape == (3, 676, 4, 2, 13, 13)
        assert trace["supports"].shape == (2, 26, 26)
        first = trace["images"][0]
    picture = np.asarray(Image.open(pictures[0]).convert("L").resize((26, 26), Image.Resampling.NEAREST))
    np.testing.assert_array_equal(picture < 128, first == 1)
    with Image.open(film) as gif:
        assert gif.n_frames > 100
        assert gif.width > 3 * 26 * 8


def test_evaluate_judges_drawings(tmp_path, monkeypatch, capsys):
    judged = []

    def judge(model, classifier, drawings, seed, draw):
        judged.append(draw)
        return Quality(0.0, 0.5 + draw.guidance, 0.9, 0.1, 0.1, 0.2, 0.2, 3.0)

    monkeypatch.setattr(cli, "judge", judge)
    monkeypatch.setattr(cli, "one_shot_accuracy", lambda *_: 0.75)
    monkeypatch.setattr(cli, "evaluate_network", lambda *_: {})
    data, out = tmp_path / "data.npz", tmp_path / "scores.json"
    monkeypatch.setattr(cli.omniglot, "load", lambda _: omniglot.Drawings(*([np.zeros((1, 1), np.uint8)] * 4)))
    monkeypatch.setattr(omniglot.Drawings, "split", lambda self, _: self)
    run(
        monkeypatch, "evaluate", "--checkpoint", "omniglot-pixelcnn", "--data", str(data), "--quality",
        "--out", str(out), "--guidance", "0", "0.25", "--cut", "0.01", "--temperature", "0.9", "1",
    )  # fmt: skip
    written = json.loads(out.read_text())["quality"]
    assert written["one_shot_accuracy"] == 0.75
    assert [tuple(draw) for draw in judged] == [(t, w, 0.01) for w in (0, 0.25) for t in (0.9, 1)]
    assert [line["recognised"] for line in written["drawings"]] == [0.5, 0.5, 0.75, 0.75]
    assert written["drawings"][0].items() >= {"guidance": 0, "cut": 0.01, "temperature": 0.9}.items()
    header, *lines = [line.split() for line in capsys.readouterr().out.splitlines()[2:7]]
    assert header[:5] == ["guidance", "cut", "temperature", "inkless", "recognised"]
    assert [line[:5] for line in lines][2] == ["0.25", "0.01", "0.9", "0", "0.75"]


def test_report_draws_its_figures(packed_file, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "SHOTS", (1, 4))
    monkeypatch.setattr(report, "SAMPLES", 1)
    shipped = checkpoints.shipped
    monkeypatch.setattr(checkpoints, "shipped", lambda *task: shipped(*task)[:1])  # all of them take a minute
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
        (("evaluate", "--checkpoint", "mirror-attention", "--data", "x", "--wrong-supports"), "characters, emoji and"),
        (("evaluate", "--checkpoint", "omniglot-pixelcnn", "--data", "x", "--guidance", "1"), "are for --quality"),
        (("evaluate", "--checkpoint", "omniglot-pixelcnn", "--data", "x", "--quality", "--cut", "1"), "The cut must"),
        (("train", "--data", "missing.npz", "--out", "{tmp}"), "no data at 'missing.npz'"),
        (("train", "--data", "missing.npz", "--every", "0"), "--every must be at least 1"),
        (("generate", "--checkpoint", "omniglot-pixelcnn", "--out", __file__), "exists"),
        (("generate", "--checkpoint", "omniglot-pixelcnn", "--out", "{tmp}", "--temperature", "-1"), "temperature"),
        (("generate", "--checkpoint", "omniglot-conditional", "--out", "{tmp}"), "at least one drawing"),
        (("generate", "--checkpoint", "omniglot-conditional", "--out", "{tmp}", "--formats", "bmp"), "no format 'bmp'"),
        (("generate", "--checkpoint", "omniglot-pixelcnn", "--out", "{tmp}", "--formats", "sheet"), "give no file"),
        (("generate", "--checkpoint", "omniglot-attention", "--out", "{tmp}", "--support", "no.png"), "no picture"),
        (("generate", "--checkpoint", "omniglot-pixelcnn", "--out", "{tmp}", "--inner-steps", "1"), "no inner steps"),
    ],
)
def test_bad_input_ends_with_one_sentence(arguments, sentence, tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit) as end:
        run(monkeypatch, *(a.format(tmp=tmp_path) for a in arguments))
    assert end.value.code in (1, 2)
    (said,) = capsys.readouterr().err.splitlines()
    assert re.search(sentence, said)


def test_bench_times_training_in_one_process_and_in_two(monkeypatch, capsys):
    config = small_network("attention", layers=2, heads=1, stride=4).config  # a step of larger ones takes seconds
    ladder = {"one": bench.Means(), "two": bench.Means(own_attention=True, keep_freed=True, processes=2)}
    monkeypatch.setattr(bench, "ModelConfig", lambda: config)
    monkeypatch.setattr(bench, "ladder", lambda: ladder)
    monkeypatch.setattr(bench, "ROUNDS", 1)
    run(monkeypatch, "bench", "--training")
    _, *lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["one", "two"]
    assert all(float(line.split()[1]) > 1 for line in lines)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--ema", "nan"),
        ("--learning-rate", "-1"),
        ("--learning-rate", "inf"),
        ("--changed", "5"),
        ("--seed", str(2**64)),
        ("--inner-steps", "5000"),
        ("--shots", "9"),
    ],
)
def test_settings_out_of_range_are_wrong_use(option, value, tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit) as end:
        run(monkeypatch, "train", "--data", "missing.npz", "--out", str(tmp_path), option, value)
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith(f"{option} must be at least")


@pytest.mark.parametrize(
    "arguments",
    [
        ("evaluate", "--checkpoint", "omniglot-attention", "--data", "{data}", "--out", "{file}/scores.json"),
        ("generate", "--checkpoint", "omniglot-pixelcnn", "--out", "{file}/out"),
        ("train", "--data", "{data}", "--out", "{file}/out"),
        ("train-classifier", "--data", "{data}", "--out", "{file}/weights.safetensors"),
        ("average", "--data", "{data}", "--weights", "one", "two", "--out", "{file}/out"),
        ("report", "--data", "{data}", "--out", "{file}/out"),
        ("download", "--data", "{file}/out"),
    ],
)
def test_an_output_that_cannot_be_written_is_found_before_the_work(
    arguments, packed_file, tmp_path, monkeypatch, capsys
):
    file = tmp_path / "file"
    file.write_text("not a folder")
    monkeypatch.setattr(cli.fewshot, "load", lambda name: SimpleNamespace(in_colour=False, task="omniglot"))
    with pytest.raises(SystemExit) as end:
        run(monkeypatch, *(a.format(data=packed_file, file=file) for a in arguments))
    assert end.value.code == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert "file" in said


def test_generate_takes_the_drawings_of_a_sheet(tmp_path, monkeypatch):
    page = Image.new("L", (900, 400), 255)
    for column in range(3):
        ImageDraw.Draw(page).line([(60 + 300 * column, 60), (200 + 300 * column, 300), (230 + 300 * column, 80)], 0, 12)
    page.save(tmp_path / "sheet.png")
    run(
        monkeypatch, "generate", "--checkpoint", "omniglot-attention", "--support", str(tmp_path / "sheet.png"),
        "--sheet", "--out", str(tmp_path / "out"), "--formats", "npz",
    )  # fmt: skip
    (numbers,) = (tmp_path / "out").iterdir()
    with np.load(numbers) as trace:
        assert trace["supports"].shape == (3, 26, 26)

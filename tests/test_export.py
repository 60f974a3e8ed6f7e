"""What a run is taken home as: each kind of file read back, and the player, offline in a file and in a notebook."""

import csv
import io
import json
import re
import shutil
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import fewshot
from fewshot import InputError, payload
from fewshot.data import omniglot, support_sets
from fewshot.data.drawing import render_strokes
from fewshot.data.tracing import trace
from fewshot.export import web
from fewshot.export.formats import FORMATS, files, find
from fewshot.export.player import to_html, to_iframe

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
READY = "window.player && player.state.run && player.state.run.rows === player.state.run.height"
HEAT = "[...document.querySelectorAll('.tile-heat')].map((canvas) => canvas.toDataURL()).join()"


@pytest.fixture(scope="module")
def supports():
    return next(iter(support_sets.read().values()))[:4]


@pytest.fixture(scope="module")
def run(supports):
    """Two samples with attention."""
    return fewshot.load("omniglot-attention").generate(supports, samples=2, seed=7, guidance=0.5, cut=0.01)


@pytest.fixture(scope="module")
def photograph():
    """One in colour."""
    model = fewshot.load("products-attention")
    return model.generate(next(iter(model.task.ready_made(model.side).values()))[:3], seed=1)


@pytest.fixture(scope="module")
def chromium():
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playwright:
        yield playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )


def content(run, key, sample=0):
    ((_, data),) = files(run, [key], sample)
    return data


# Names ---------------------------------------------------------------------------------------------------------------


def test_names_tell_model_supports_settings_and_seed(supports, run):
    assert re.fullmatch(
        r"omniglot-attention-4-drawings-[0-9a-f]{4}-faithfulness-0\.5-cut-0\.01-temperature-1-seed-7", run.file_name()
    )
    assert run.file_name(1) == f"{run.file_name()}-sample-2"
    meta = fewshot.load("omniglot-meta")
    drawn = meta.generate(supports[:1], seed=1, temperature=0.9, prefix=supports[0, :13], inner_steps=1)
    other = meta.generate(supports[1:2], seed=1, temperature=0.9, prefix=supports[0, :13], inner_steps=1)
    pattern = r"omniglot-meta-1-drawing-[0-9a-f]{4}-13-rows-given-steps-1-temperature-0\.9-seed-1"
    assert re.fullmatch(pattern, drawn.file_name(0))
    assert drawn.file_name() != other.file_name()
    reads_none = fewshot.load("omniglot-pixelcnn").generate(supports, seed=3)
    assert reads_none.file_name() == "omniglot-pixelcnn-temperature-1-seed-3"


# Pictures ------------------------------------------------------------------------------------------------------------


def test_png_is_black_on_white_or_on_clear_ground(run, photograph):
    for n in range(2):
        with Image.open(io.BytesIO(content(run, "png", n))) as picture:
            assert picture.size == (520, 520)
            white = np.array(picture.convert("RGB"))[10::20, 10::20]
        np.testing.assert_array_equal(white, 255 * (1 - run.images[n, ..., None].repeat(3, 2)))
        with Image.open(io.BytesIO(content(run, "clear", n))) as picture:
            clear = np.array(picture)[10::20, 10::20]
        np.testing.assert_array_equal(clear[..., 3], 255 * run.images[n])
        assert (clear[run.images[n] == 1, :3] == 0).all()
    with Image.open(io.BytesIO(content(photograph, "png"))) as picture:
        np.testing.assert_array_equal(np.array(picture.convert("RGB"))[10::20, 10::20], photograph.images[0])
    assert list(files(photograph, ["clear", "svg", "sheet"])) == []


def test_sheet_and_film(run, photograph):
    with Image.open(io.BytesIO(content(run, "sheet"))) as sheet:
        small = np.array(sheet.convert("L"))[4::8, 4::8] < 128
    np.testing.assert_array_equal(small[2:28, 2:28], run.images[0])
    np.testing.assert_array_equal(small[2:28, 30:56], run.images[1])
    assert small.sum() == run.images.sum()
    for drawn in (run, photograph):
        with Image.open(io.BytesIO(content(drawn, "gif"))) as film:
            side = drawn.images.shape[1]
            scale = 208 // side
            assert film.n_frames > 100
            assert film.width == scale * (side + 2 + side * len(drawn.supports))
            film.seek(film.n_frames - 1)
            last = np.array(film.convert("RGB"))[scale // 2 :: scale, scale // 2 :: scale][:side, :side].astype(int)
        if drawn is run:
            np.testing.assert_array_equal(last.mean(2) < 128, run.images[0])
        else:
            assert np.abs(last - drawn.images[0]).mean() < 12  # of 255 colours for a whole film


def test_strokes_are_traced(supports):
    """Ten drawings, drawn again by another pen than Chromium's: at 105x105, and pooled as the data are."""
    agree = []
    for image in np.concatenate(list(support_sets.read().values()))[:10]:
        strokes = [[[4 * x, 4 * y] for x, y in stroke] for stroke in trace(image)]
        agree.append((omniglot.max_pool(render_strokes(strokes)) == image).mean())
    assert min(agree) >= 0.97


def test_tracing_of_simple_shapes():
    dot, line, ring, cross = np.zeros((4, 26, 26), np.uint8)
    dot[5:7, 10:12] = 1
    line[12:14, 3:23] = 1
    ring[5:20, 5:20] = 1
    ring[7:18, 7:18] = 0
    cross[12:14, 3:23] = cross[3:23, 12:14] = 1
    assert trace(np.zeros((26, 26), np.uint8)) == []
    ((point,),) = trace(dot)
    assert point == pytest.approx((11, 6), abs=0.2)
    (along,) = trace(line)
    assert sorted(along)[0] == pytest.approx((4, 13), abs=1)
    assert sorted(along)[-1] == pytest.approx((22, 13), abs=1)
    (around,) = trace(ring)
    assert around[0] == around[-1]
    assert len(trace(cross)) == 4
    single = np.zeros((26, 26), np.uint8)
    single[3, 3] = 1
    assert len(trace(single)) == 1


@needs_chromium
def test_svg_of_ten_drawings_shows_them(chromium, run):
    """Painted by Chromium at 26x26 times 16, half covered pixels count as ink: at least 97 % of pixels agree."""
    page = chromium.new_page(viewport={"width": 416, "height": 416})
    shown = []
    drawings = [*np.concatenate(list(support_sets.read().values()))[:8], *run.images]
    for image in drawings:
        svg = content(replace(run, images=image[None]), "svg").decode()
        page.set_content(
            f"<style>body {{ margin: 0 }} svg {{ width: 416px; height: 416px; display: block }}</style>{svg}"
        )
        with Image.open(io.BytesIO(page.screenshot())) as picture:
            ink = 1 - np.array(picture.convert("L")).reshape(26, 16, 26, 16).mean((1, 3)) / 255
        shown.append(((ink >= 0.5) == image).mean())
    page.close()
    assert min(shown) >= 0.97, shown


# Numbers -------------------------------------------------------------------------------------------------------------


def test_npz_is_the_run(run, supports):
    with np.load(io.BytesIO(content(run, "npz"))) as read:
        for name in ("images", "probabilities", "attention", "own", "supports"):
            if getattr(run, name) is not None:
                np.testing.assert_array_equal(read[name], getattr(run, name))
        assert str(read["model"]) == "omniglot-attention"
        assert [float(read[name]) for name in ("seed", "temperature", "guidance", "cut", "given")] == [
            7,
            1,
            0.5,
            0.01,
            0,
        ]
    meta = fewshot.load("omniglot-meta").generate(supports, seed=2)
    with np.load(io.BytesIO(content(meta, "npz"))) as read:
        np.testing.assert_array_equal(read["support_nats"], meta.support_nats)
        np.testing.assert_array_equal(read["probabilities_before"], meta.probabilities_before)
        assert "attention" not in read


def test_csv_is_the_run(run, photograph):
    for drawn in (run, photograph):
        number, height, width = drawn.images.shape[:3]
        lines = list(csv.DictReader(io.StringIO(content(drawn, "csv").decode())))
        assert [(line["sample"], line["row"], line["column"]) for line in (lines[0], lines[-1])] == [
            ("1", "1", "1"),
            (str(number), str(height), str(width)),
        ]
        of_pixel = ["red", "green", "blue"] if drawn is photograph else ["ink"]
        image = np.array([[int(line[name]) for name in of_pixel] for line in lines], np.uint8)
        np.testing.assert_array_equal(image.ravel(), drawn.images.ravel())
        chance = np.array([line["probability"] for line in lines], np.float32)
        np.testing.assert_array_equal(chance, drawn.probabilities.ravel())
        heads, shots = drawn.attention.shape[2:4]
        names = [f"head{h + 1}_support{s + 1}" for h in range(heads) for s in range(shots)]
        shares = np.array([[line[name] for name in names] for line in lines], np.float32)
        np.testing.assert_array_equal(shares.ravel(), drawn.attention.sum((4, 5)).ravel())
        whole = [name for name in lines[0] if name.startswith("head1_")]
        assert sum(float(lines[300][name]) for name in whole) == pytest.approx(1, abs=1e-4)


def test_zip_holds_all_the_others(supports):
    one = fewshot.load("omniglot-conditional").generate(supports, samples=2, seed=1)
    with zipfile.ZipFile(io.BytesIO(content(one, "zip"))) as archive:
        names = archive.namelist()
        assert archive.read(f"{one.file_name(1)}.svg") == content(one, "svg", 1)
    whole = sum(found.whole for found in FORMATS.values()) - 1
    assert len(names) == len(set(names)) == whole + 2 * (len(FORMATS) - 1 - whole)
    assert all(name.startswith(one.file_name()) for name in names)


def test_figure_shows_the_pixel_and_the_recipe(run, photograph):
    figure = run.figure(12, 3, sample=1)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[0].startswith("Row 13, column 4: chance of ink")
    shares = [float(re.search(r": ([\d.e-]+) %", title)[1]) for title in titles[1:5]]
    expected = 100 * run.attention[1, 12 * 26 + 3].mean(0).sum((1, 2))
    assert shares == pytest.approx(expected, rel=0.01, abs=0.01)
    assert "no sample of the model" in figure.get_supxlabel()
    assert f"chance number {run.seed + 1}" in figure.get_supxlabel()  # which draws it alone
    with Image.open(io.BytesIO(content(run, "figure"))) as picture:
        assert picture.width > 1000
    assert content(photograph, "figure-svg").startswith(b"<?xml")
    for wrong in ((26, 0), (0, None), (-1, 0), (3.5, 2), ("3", 2), (True, 2)):
        with pytest.raises(InputError, match="A pixel is a row"):
            run.figure(*wrong)


def test_what_cannot_be_taken_home_says_why(run, supports, tmp_path):
    for odd in (0.5, "a", None):
        with pytest.raises(InputError, match="no sample"):
            run.to_html(tmp_path / "odd.html", sample=odd)
    with pytest.raises(InputError, match="no sample 2"):
        run.to_html(tmp_path / "player.html", sample=2)
    with pytest.raises(InputError, match="There is no format 'bmp'"):
        find("bmp")
    begun = next(fewshot.load("omniglot-pixelcnn").stream(supports, seed=1))
    with pytest.raises(InputError, match="not finished"):
        list(files(begun, ["png"]))


# The player in a file ------------------------------------------------------------------------------------------------


def test_bundle_has_each_module_once_after_what_it_imports():
    script = web.bundle("alone.js")
    order = re.findall(r"^// ([\w-]+\.js)$", script, re.MULTILINE)
    assert order[-1] == "alone.js"
    assert len(order) == len(set(order))
    assert order.index("dom.js") < order.index("painting.js") < order.index("player.js")
    assert not re.search(r"^(import|export)\b", script, re.MULTILINE)


def test_several_modules_as_one(tmp_path, monkeypatch):
    (tmp_path / "a.js").write_text('import { b as c } from "./b.js";\nexport const a = () => c() + 1;\n')
    (tmp_path / "b.js").write_text('import { where } from "./in/c.js";\nexport function b() {\n  return where;\n}\n')
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "c.js").write_text("export const where = import.meta.url.length;\n")
    monkeypatch.setattr(web, "WEB", tmp_path)
    with pytest.raises(ValueError, match="not understood"):
        web.module("a.js", [])
    text = web.module("a.js", ["in/c.js"])
    assert re.findall("^(?:import|export).*$", text, re.MULTILINE) == [
        'import * as $in_c from "./in/c.js";',
        "export const { a } = $a;",
    ]
    assert text.index("// b.js") < text.index("// a.js")


@pytest.mark.parametrize("line", ["export let x = 1;", 'import * as x from "./dom.js";', "export default 1;"])
def test_bundle_refuses_what_it_does_not_understand(line, tmp_path, monkeypatch):
    (tmp_path / "a.js").write_text(f"{line}\n")
    monkeypatch.setattr(web, "WEB", tmp_path)
    with pytest.raises(ValueError, match="not understood"):
        web.bundle("a.js")
    (tmp_path / "a.js").write_text('import { b } from "./b.js";\n')
    (tmp_path / "b.js").write_text('import { a } from "./a.js";\n')
    with pytest.raises(ValueError, match="import each other"):
        web.bundle("a.js")


def opened(chromium, path, **options):
    """The file in a browser without a network; what goes wrong there fails the test."""
    context = chromium.new_context(offline=True, **{"viewport": {"width": 1280, "height": 720}} | options)
    page = context.new_page()
    wrong = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: message.type == "error" and wrong.append(message.text))
    page.on("request", lambda r: r.url.startswith(("file:", "data:", "blob:", "about:")) or wrong.append(r.url))
    page.goto(path.as_uri())
    return page, wrong


@needs_chromium
def test_html_file_plays_locks_and_shows_heads_offline(chromium, run, tmp_path):
    run.to_html(tmp_path / "player.html", sample=1)
    assert (tmp_path / "player.html").stat().st_size < 1_500_000
    page, wrong = opened(chromium, tmp_path / "player.html")
    page.wait_for_function(READY)
    page.wait_for_function("player.state.playing && player.state.position > 20")
    page.locator(".player-canvas").press("End")
    image = page.evaluate("[...player.state.run.image]")
    np.testing.assert_array_equal(image, run.images[1].ravel())
    box = page.locator(".player-canvas").bounding_box()
    page.mouse.click(box["x"] + 5.5 / 26 * box["width"], box["y"] + 8.5 / 26 * box["height"])
    page.mouse.move(box["x"] + 1, box["y"] + 1)
    assert page.locator(".player-place").inner_text().startswith("Row 9, column 6")
    assert page.evaluate("player.state.locked") == 8 * 26 + 5
    heat = page.evaluate(HEAT)
    page.get_by_label("gaze B", exact=True).check(force=True)
    assert page.evaluate(HEAT) != heat
    shares = run.attention[1, 8 * 26 + 5, 1].sum((1, 2))
    said = [float(text.strip("<> %")) for text in page.locator(".tile .number").all_inner_texts()]
    assert said == pytest.approx(100 * shares, abs=0.6)
    with page.expect_download() as download:
        page.get_by_role("link", name="PNG").click()
    assert download.value.suggested_filename == f"{run.file_name(1)}.png"
    assert wrong == []
    page.context.close()


@needs_chromium
@pytest.mark.parametrize("name", ["omniglot-meta", "products-attention"])
def test_html_file_of_other_models(chromium, name, supports, photograph, tmp_path):
    """In the dark, on a phone: nothing is wider than the screen, and nothing asks for a model."""
    drawn = photograph if name == "products-attention" else fewshot.load(name).generate(supports, seed=1)
    drawn.to_html(tmp_path / "player.html")
    assert (tmp_path / "player.html").stat().st_size < 1_500_000
    options = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark", "reduced_motion": "reduce"}
    page, wrong = opened(chromium, tmp_path / "player.html", **options)
    page.wait_for_function(READY)
    assert page.evaluate("document.body.classList.contains('dark')")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator(".tile").count() == len(drawn.supports)
    assert page.locator(".player-influence").is_hidden()
    assert wrong == []
    page.context.close()


def test_nothing_in_a_run_can_leave_its_script(run):
    """A hostile name stays text."""
    evil = replace(run, facts=replace(run.facts, title="</script><script>alert(1)</script>", note="<!--<script>"))
    page = to_iframe(evil)
    assert page.count("<iframe") == 1
    assert "<script>alert(1)" not in page
    text = to_html(evil)
    assert "<script>alert(1)" not in text
    assert text.count("<script") == text.count("</script>") == 2


@needs_chromium
def test_notebook_shows_the_player(chromium, tmp_path):
    """A notebook that is executed; its HTML, opened offline, plays."""
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    nbconvert = pytest.importorskip("nbconvert", reason="nbconvert is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    import nbformat

    code = (
        "import fewshot\nmodel = fewshot.load('omniglot-attention')\n"
        "supports = next(iter(model.task.ready_made(model.side).values()))[:4]\nmodel.generate(supports, seed=7)"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.metadata["kernelspec"] = kernel
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(web.WEB.parents[2])}}).execute()
    # Without the template's links to scripts elsewhere: they are not the player's.
    body, _ = nbconvert.HTMLExporter(template_name="basic").from_notebook_node(notebook)
    (tmp_path / "notebook.html").write_text(body, encoding="utf-8")
    page, wrong = opened(chromium, tmp_path / "notebook.html")
    frame = page.locator("iframe").element_handle().content_frame()
    frame.wait_for_function(READY)
    frame.wait_for_function("player.state.position > 20")
    assert wrong == []
    page.context.close()


def test_a_chunk_in_a_file_is_the_run(run):
    text = re.search(r'<script type="application/json" id="content">(.*?)</script>', to_html(run), re.DOTALL)[1]
    arrays = payload.unpack(json.loads(text)["chunk"])
    np.testing.assert_array_equal(arrays["image"], run.images[0].ravel())
    np.testing.assert_array_equal(arrays["probabilities"], run.probabilities[0].ravel())
    np.testing.assert_allclose(arrays["shares"], run.attention[0].sum((3, 4)), atol=1e-5)

"""The engine of the browser in a browser: a page with no studio on it, a worker, and the weights' addresses."""

import base64
import os
import shutil
import socket
import threading
import zlib

import numpy as np
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.testclient import TestClient

import fewshot
from fewshot import checkpoints, payload
from fewshot.interface import catalogue, scripts, weights
from fewshot.interface.service import NEW_SEEDS, SERVICE
from fewshot.tasks import OMNIGLOT

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before gradio is imported
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE = 60_000  # milliseconds for anything, on a machine that does other things too
APP = Starlette(routes=[Route("/", lambda _: HTMLResponse("<title>None</title>")), scripts.ROUTE, weights.ROUTE])

# A page that brings the engine, and a server that says that it was asked.
PAGE = """async (facts) => {
  const { createLocalEngine } = await import("./studio-web/engine-local.js");
  const { startWorker } = await import("./studio-web/local/start.js");
  const asked = [];
  const server = {
    async *generate(_, __, { model }) { yield { error: `asked the server for ${model}` }; },
    along: async (_, { model }) => ({ error: `asked the server for ${model}` }),
    async *compare(_, models) { yield* models.map((model) => ({ model, error: "asked the server" })); },
  };
  const plain = ({ release: _, ...chunk }) => ({ ...chunk, data: chunk.data ? Array.from(chunk.data) : null });
  window.told = [];
  facts.models.nothing = { ...facts.models["omniglot-pixelcnn"] };
  const tellSeed = (seed) => told.push(seed);
  const engine = createLocalEngine(server, { start: startWorker, cores: 2, facts, always: true, tellSeed });
  window.generate = async (drawings, settings, most) => {
    const chunks = [];
    for await (const chunk of engine.generate(drawings, null, settings, new AbortController().signal)) {
      chunks.push(plain(chunk));
      if (chunks.length === most) break;
    }
    return chunks;
  };
  window.all = async (method, ...wish) => {
    const answers = [];
    for await (const answer of engine[method](...wish)) {
      const { data, release: _, ...facts } = answer; // large; the last of its arrays is the picture
      if (data) facts.image = Array.from(data.slice(-(answer.rows - answer.start) * answer.width));
      answers.push(facts);
    }
    return answers;
  };
  window.along = async (drawings, settings) => plain(await engine.along(drawings, settings));
  window.preview = (strokes) => engine.preview("any", { strokes });
}"""


@pytest.fixture(scope="module")
def page():
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with socket.socket() as listening, api.sync_playwright() as playwright:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(APP, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page()
            page.set_default_timeout(PATIENCE)
            wrong = []
            page.on("pageerror", lambda error: wrong.append(str(error)))
            page.goto(f"http://127.0.0.1:{listening.getsockname()[1]}/")
            page.evaluate(PAGE, catalogue.facts() | {"new_seeds": NEW_SEEDS})
            yield page
            browser.close()
            assert wrong == []
        finally:
            server.should_exit = True
            thread.join()


def settings(name, **changed):
    return {"model": name, "guidance": 0, "temperature": 1, "seed": 5, "inner_steps": 1, "fresh": False} | changed


def drawings(count):
    return next(iter(OMNIGLOT.ready_made(OMNIGLOT.side).values()))[:count]


def given(images, shots=None, beginning=None):
    supports = [{"pixels": payload.pack_images(image, 1)} for image in images]
    return {"supports": supports, "shots": shots, "beginning": beginning}


def arrays_of(chunk):
    """The arrays of a chunk of the browser, as those of payload.unpack."""
    return payload.unpack(chunk | {"data": base64.b64encode(zlib.compress(bytes(chunk["data"]), 1)).decode()})


@pytest.mark.parametrize("kind", ["pixelcnn", "conditional", "attention"])
def test_a_whole_picture_is_the_servers(page, kind):
    model, images, strokes = fewshot.load(f"{OMNIGLOT.key}-{kind}"), drawings(3), [[[30, 8], [75, 90]]]
    asked = settings(model.name, guidance=1, seed=2**40 + 7)
    of = given(images, 2, {"strokes": strokes, "rows": 9})
    chunk = page.evaluate("([drawings, settings]) => along(drawings, settings)", [of, asked])
    guidance, cut = (1, OMNIGLOT.cut) if model.facts.guides else (0, 0)
    prefix = OMNIGLOT.read_strokes(strokes)[:9]
    run = model.generate(images[:2], seed=asked["seed"], prefix=prefix, guidance=guidance, cut=cut)
    expected = payload.pack(run, chunk["id"])
    facts = expected.keys() - {"data"}
    assert {key: chunk[key] for key in facts} == {key: expected[key] for key in facts}
    arrays = arrays_of(chunk)
    for name, array in payload.unpack(expected).items():
        np.testing.assert_allclose(arrays[name], array, atol=0 if name == "image" else 2e-3, err_msg=name)
    (image,) = payload.unpack_images(chunk["pixels"], OMNIGLOT, OMNIGLOT.side)
    np.testing.assert_array_equal(image.ravel(), arrays["image"])


def test_rows_come_as_they_are_finished_and_may_be_left(page):
    model, images = fewshot.load("omniglot-conditional"), drawings(1)
    ask = "([drawings, settings, most]) => generate(drawings, settings, most)"
    assert [one["rows"] for one in page.evaluate(ask, [given(images), settings(model.name), 3])] == [1, 2, 3]
    chunks = page.evaluate(ask, [given(images), settings(model.name), None])
    assert [(one["start"], one["rows"]) for one in chunks] == [(row, row + 1) for row in range(26)]
    assert len({one["id"] for one in chunks}) == 1
    rows = np.stack([arrays_of(one)["image"] for one in chunks])
    np.testing.assert_array_equal(rows, model.generate(images, seed=5).images[0])


def test_a_new_seed_is_one_that_the_run_says_and_is_told(page):
    ask = "([drawings, settings, most]) => generate(drawings, settings, most)"
    asked = settings("omniglot-pixelcnn", fresh=True)
    seeds = [page.evaluate(ask, [given(drawings(1)), asked, 1])[0]["seed"] for _ in range(2)]
    assert seeds[0] != seeds[1]
    assert page.evaluate("told") == seeds


@pytest.mark.parametrize("name", ["omniglot-meta", "mirror-attention", "nothing"])
def test_the_server_draws_what_the_browser_cannot(page, name):
    said = {"error": f"asked the server for {name}"}
    arguments = [given(drawings(1)), settings(name)]
    assert page.evaluate("([drawings, settings]) => generate(drawings, settings)", arguments) == [said | {"data": None}]
    assert page.evaluate("([drawings, settings]) => along(drawings, settings)", arguments) == said | {"data": None}


def test_variations_are_the_servers_and_fit_as_well(page):
    wish = {"guidance": 0.5, "temperature": 1, "seed": 7, "inner_steps": None, "tray": None}
    for name in ("omniglot-attention", "omniglot-conditional", "omniglot-pixelcnn"):
        for guidance in (0.5, 0):
            of = given(drawings(3))
            asked = wish | {"model": name, "guidance": guidance, "pad": of, "samples": 3}
            recipe = {"task": OMNIGLOT.key, "drawings": of, "settings": settings(name, seed=7, guidance=guidance)}
            ours = page.evaluate("(recipe) => all('variations', recipe, 3)", recipe)
            theirs = list(SERVICE.variations(asked))
            for mine, its in zip(ours, theirs, strict=True):
                assert mine | {"fits": None} == {key: its[key] for key in mine} | {"fits": None}
                if its["fits"] is None:
                    assert mine["fits"] is None
                else:
                    np.testing.assert_allclose(mine["fits"], its["fits"], atol=0.01)


def test_comparisons_are_the_servers(page):
    """What some models draw, what a drawing costs them, and which set it belongs to."""
    sets = list(OMNIGLOT.ready_made(OMNIGLOT.side).values())
    of, name = given(drawings(3)), "omniglot-attention"
    recipe = {"task": OMNIGLOT.key, "drawings": of, "settings": settings(name, seed=7, guidance=0.5)}
    names = ["omniglot-meta", "omniglot-pixelcnn", name]
    chunks = page.evaluate("([recipe, names]) => all('compare', recipe, names)", [recipe, names])
    assert [one["rows"] for one in chunks[:-1]] == [*range(1, 27)] * 2
    assert chunks[-1] == {"model": "omniglot-meta", "error": "asked the server"}
    for n, model in ((0, "omniglot-pixelcnn"), (26, name)):
        guided = {"guidance": 0.5, "cut": OMNIGLOT.cut} if model == name else {}
        python = fewshot.load(model).generate(drawings(3), seed=7, **guided)
        np.testing.assert_array_equal([one["image"] for one in chunks[n : n + 26]], python.images[0])

    drawing = {"pixels": payload.pack_images(drawings(5)[4], 1)}
    (chunk,) = page.evaluate("([...wish]) => all('score', ...wish)", [recipe, [name], drawing])
    wish = {"pad": of, "tray": None, "inner_steps": None, "drawing": drawing}
    (expected,) = SERVICE.score(wish | {"models": [name]})
    nats, its = (np.frombuffer(base64.b64decode(one["nats"]), "<f4") for one in (chunk, expected))
    np.testing.assert_allclose(nats, its, atol=1e-3)
    assert chunk.keys() - {"image"} == expected.keys() - {"data"}

    looked = [[{"pixels": payload.pack_images(one, 1)} for one in each[:6]] for each in sets[:3]] + [[drawing]]
    names = [name, "omniglot-pixelcnn"]
    ours = page.evaluate("([...wish]) => all('recognise', ...wish)", [recipe, names, drawing, looked])
    theirs = list(SERVICE.recognise(wish | {"models": names, "sets": looked}))
    assert ours[1] == theirs[1] == {"model": "omniglot-pixelcnn", "nats": None}
    assert ours[0]["nats"][3] is theirs[0]["nats"][3] is None
    np.testing.assert_allclose(ours[0]["nats"][:3], theirs[0]["nats"][:3], atol=0.05)


def test_strokes_are_seen_without_the_server(page):
    strokes = [[[20, 30], [80.5, 75], [20, 80]], [[50, 10]]]
    expected = payload.pack_images(OMNIGLOT.read_strokes(strokes), 1)
    assert page.evaluate("(strokes) => preview(strokes)", strokes) == {"pixels": expected}
    assert "pad is empty" in page.evaluate("() => preview([])")["error"]


def test_weights_are_served_of_models_that_a_browser_can_draw_with():
    client = TestClient(APP)
    for name in ("omniglot-attention", "omniglot-pixelcnn"):
        described = client.get(f"/{weights.PATH}/{name}.json").json()
        assert described["model"] == name
        assert described["config"]["layers"] == 12
        assert described["partner"] == (None if name.endswith("pixelcnn") else "omniglot-pixelcnn")
        answer = client.get(f"/{weights.PATH}/{name}.safetensors")
        assert answer.content == checkpoints.resolve(name).read_bytes()
        assert answer.headers["cache-control"] == "no-cache"
    for file in ("omniglot-meta.json", "mirror-attention.safetensors", "omniglot-attention.txt", "x.json", "x"):
        assert client.get(f"/{weights.PATH}/{file}").status_code == 404

"""The studio without a browser: what travels, the endpoints as programs call them, and every kind of bad input."""

import base64
import io
import json
import math
import os
import re
import shutil
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import anyio
import numpy as np
import pytest
from PIL import Image, ImageDraw

import fewshot
from fewshot import CheckpointError, FewShotModel, InputError, payload
from fewshot.data import photos
from fewshot.data.pictures import PictureError
from fewshot.export.recipe import recipe
from fewshot.interface import catalogue
from fewshot.interface.guard import MOST_BYTES, SENT_TO
from fewshot.interface.service import PLACES, SERVICE, STEPS_ALONG
from fewshot.interface.turns import Turns
from fewshot.tasks import MIRROR, OMNIGLOT, PRODUCTS
from tests.conftest import small_network
from tools.load import press_generate, server

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before gradio is imported
gradio_client = pytest.importorskip("gradio_client")

CROSS = {"strokes": [[[20, 20], [85, 85]], [[85, 20], [20, 85]]]}
ATTENTION, CONDITIONAL, META, PIXELCNN = (f"omniglot-{m}" for m in ("attention", "conditional", "meta", "pixelcnn"))


def preview(given):
    return anyio.run(SERVICE.preview, given)


def preview_photo(wish):
    return anyio.run(SERVICE.preview_photo, wish)


@pytest.fixture(scope="module")
def cross_image():
    return payload.read_image(CROSS, OMNIGLOT, 26)


@pytest.fixture(scope="module")
def demo():
    from fewshot.interface import studio

    demo = studio.build()
    studio.launch(demo, prevent_thread_lock=True, quiet=True)
    yield demo
    demo.close(verbose=False)


@pytest.fixture(scope="module")
def url(demo):
    return demo.local_url


@pytest.fixture(scope="module")
def client(url):
    return gradio_client.Client(url, verbose=False)


# What travels --------------------------------------------------------------------------------------------------------


def test_drawing_and_its_pixels_are_the_same_support(cross_image):
    assert cross_image.shape == (26, 26)
    assert cross_image.any()
    again = payload.read_image({"pixels": payload.pack_images(cross_image, 1)}, OMNIGLOT, 26)
    np.testing.assert_array_equal(again, cross_image)


@pytest.mark.parametrize("name", [ATTENTION, CONDITIONAL, META, PIXELCNN])
def test_chunk_holds_the_run(name, cross_image):
    model = fewshot.load(name)
    run = model.generate(np.stack([cross_image, cross_image[::-1], cross_image.T]), seed=5)
    chunk = json.loads(json.dumps(payload.pack(run, "id")))
    arrays = payload.unpack(chunk)
    np.testing.assert_array_equal(arrays["image"], run.images[0].ravel())
    np.testing.assert_array_equal(arrays["probabilities"], run.probabilities[0].ravel())
    assert chunk["shots"] == 3
    assert chunk["kind"] == name.removeprefix("omniglot-")
    assert chunk["support_nats"] == run.support_nats
    if name == META:
        before = model.generate(run.supports, prefix=run.images[0], inner_steps=0).probabilities[0]
        np.testing.assert_allclose(arrays["probabilities_before"], before.ravel(), atol=1e-5)
    if run.attention is None:
        assert chunk["heads"] == 0
        return
    attention = run.attention[0]
    largest = attention.max(axis=(2, 3, 4), keepdims=True)
    np.testing.assert_allclose(arrays["attention"] / largest, attention / largest, atol=1 / 509)
    np.testing.assert_allclose(arrays["shares"], attention.sum(axis=(3, 4)), atol=1e-5)


def test_chunk_holds_what_was_read_of_the_drawing_itself(cross_image):
    model = FewShotModel(small_network("attention", own=True), {"task": "omniglot"}, "own drawing")
    run = model.generate(cross_image[None], seed=5)
    chunk = json.loads(json.dumps(payload.pack(run, "id", start=10)))
    arrays, seen = payload.unpack(chunk), slice(10 * 26, None)
    assert chunk["own_grid"] == [13, 13]
    own = run.own[0, seen]
    largest = np.maximum(run.attention[0, seen].max(axis=(2, 3, 4)), own.max(axis=(2, 3)))[..., None, None]
    np.testing.assert_allclose(arrays["own"] / largest, own / largest, atol=1 / 509)
    np.testing.assert_allclose(arrays["own_shares"], own.sum(axis=(2, 3)), atol=1e-5)
    attention, largest = run.attention[0, seen], largest[..., None]
    np.testing.assert_allclose(arrays["attention"] / largest, attention / largest, atol=1 / 509)


def test_influence_of_the_supports(cross_image):
    model, supports = fewshot.load(CONDITIONAL), np.stack([cross_image, cross_image.T])
    wish = {"model": CONDITIONAL, "supports": payload.pack_images(supports, 1), "shots": 2, "inner_steps": None}
    wish |= {"image": payload.pack_images(cross_image, 1), "row": 12, "column": 3}
    answer = json.loads(json.dumps(SERVICE.influence(wish)))
    maps = np.frombuffer(base64.b64decode(answer["maps"]), np.int8).reshape(2, 26, 26) / 127 * answer["largest"]
    np.testing.assert_allclose(maps, model.influence(cross_image, supports, 12, 3), atol=answer["largest"] / 250)
    for wrong in (
        {"row": 26},
        {"row": None},
        {"shots": 3},
        {"shots": -1},
        {"shots": "2"},
        {"image": "x"},
        {"model": "x"},
    ):
        assert SERVICE.influence(wish | wrong)["error"].endswith("."), wrong
    assert "takes no inner steps" in SERVICE.influence(wish | {"inner_steps": 1})["error"]
    assert "at most 5" in SERVICE.influence(wish | {"model": META, "inner_steps": 6})["error"]
    assert "error" in SERVICE.influence(None)
    with SERVICE.influences:
        assert SERVICE.influence(wish) == {"busy": True}


def test_rows_one_by_one_are_the_whole_run(cross_image):
    model = fewshot.load(ATTENTION)
    rows = []
    for run in model.stream(cross_image[None], seed=1):
        rows.append(payload.unpack(payload.pack(run, "id", start=run.rows - 1)))
    whole = payload.unpack(payload.pack(run, "id"))
    for name, array in whole.items():
        np.testing.assert_array_equal(np.concatenate([row[name] for row in rows]), array)


@pytest.mark.parametrize(
    ("drawings", "shots", "sentence"),
    [
        ([CROSS] * 9, None, "at most 8"),
        ("cross", None, "list of drawings"),
        ([CROSS], 2, "Shots"),
        ([CROSS], 0, "Shots"),
        ([CROSS], -1, "Shots"),
        ([CROSS], 1.5, "Shots"),
        ([CROSS], True, "Shots"),
        ([{"sketch": "x"}], None, "A drawing must be"),
        ([{"picture": "x"}], None, "base64"),
        ([None], None, "A drawing must be"),
        ([{"pixels": "AAAA"}], None, "26x26"),
        ([{"pixels": "not base64!"}], None, "base64"),
        ([{"pixels": 7}], None, "base64"),
        ([{"pixels": "é"}], None, "base64"),
        ([{"strokes": []}], None, "empty"),
        ([{"strokes": [[[math.nan, 0]]]}], None, "strokes"),
        ([{"strokes": "abc"}], None, "strokes"),
    ],
)
def test_bad_drawings_give_one_sentence(drawings, shots, sentence):
    with pytest.raises((InputError, PictureError), match=sentence) as caught:
        payload.read_supports(drawings, OMNIGLOT, 26, shots)
    assert str(caught.value).count("\n") == 0


# Photographs ---------------------------------------------------------------------------------------------------------

MIRROR_ATTENTION = "mirror-attention"


@pytest.fixture(scope="module")
def harbour():
    """A ready-made photograph's file, and what a mirror model sees of it."""
    file = photos.SAMPLES / "mirror" / "harbour.png"
    return base64.b64encode(file.read_bytes()).decode(), photos.read_photo(file.read_bytes(), 48)


def test_a_photograph_and_its_pixels_are_the_same_support(harbour):
    file, pixels = harbour
    np.testing.assert_array_equal(payload.read_image({"picture": file}, MIRROR, 48), pixels)
    np.testing.assert_array_equal(payload.read_image({"pixels": payload.pack_images(pixels, 3)}, MIRROR, 48), pixels)
    np.testing.assert_array_equal(payload.read_beginning({"picture": file, "rows": 7}, MIRROR, 48), pixels[:7])
    assert payload.read_beginning(None, MIRROR, 48) is None


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("photo", "list of photographs"),
        ([{"picture": ""}] * 9, "at most 8"),
        ([{"strokes": []}], "A photograph must be"),
        ([{"pixels": "AAAA"}], "48x48x3 bytes"),
        ([{"pixels": None}], "base64"),
        ([{"picture": "AAAA"}], "not a picture"),
        ([None], "A photograph must be"),
    ],
)
def test_bad_photographs_give_one_sentence(given, sentence):
    with pytest.raises((InputError, PictureError), match=sentence):
        payload.read_supports(given, PRODUCTS, 48)


@pytest.mark.parametrize("rows", [-1, 49, 1.5, True, None, "7"])
def test_bad_beginnings_give_one_sentence(rows, harbour):
    with pytest.raises(InputError, match="whole number from 0 to 48"):
        payload.read_beginning({"picture": harbour[0], "rows": rows}, MIRROR, 48)


def test_a_chunk_in_colour_holds_the_run(harbour):
    model = fewshot.load(MIRROR_ATTENTION)
    run = model.generate(harbour[1][None], seed=5, prefix=harbour[1][:40])
    chunk = json.loads(json.dumps(payload.pack(run, "id", start=38)))
    arrays = payload.unpack(chunk)
    assert (chunk["task"], chunk["channels"], chunk["shots"]) == ("mirror", 3, 1)
    assert base64.b64decode(chunk["supports"]) == harbour[1].tobytes()
    np.testing.assert_array_equal(arrays["image"], run.images[0, 38:].reshape(-1, 3))
    np.testing.assert_array_equal(arrays["probabilities"], run.probabilities[0, 38:].ravel())
    assert arrays["attention"].shape == (480, 1, 1, 48, 48)
    assert len(chunk["data"]) < 2_000_000


def test_a_drawing_goes_back_to_strokes(cross_image):
    traced = anyio.run(SERVICE.trace, {"task": "omniglot", "pixels": payload.pack_images(cross_image, 1)})
    again = OMNIGLOT.read_strokes(json.loads(json.dumps(traced))["strokes"])
    assert (again == cross_image).mean() >= 0.97
    blank = payload.pack_images(np.zeros((26, 26), np.uint8), 1)
    for wrong, sentence in (
        ({"task": "omniglot", "pixels": blank}, "blank"),
        ({"task": "omniglot", "pixels": "AA=="}, "must be"),
        ({"task": "mirror", "pixels": blank}, "no strokes"),
        ({"task": "none", "pixels": blank}, "There is no task"),
        ({"pixels": blank}, "did not arrive"),
        (None, "did not arrive"),
    ):
        assert sentence in anyio.run(SERVICE.trace, wrong)["error"]


def test_the_characters_of_a_sheet_are_offered_beside_the_picture_as_one():
    def sent(page):
        file = io.BytesIO()
        page.save(file, "PNG")
        return preview({"picture": base64.b64encode(file.getvalue()).decode()})

    page = Image.new("L", (900, 400), 255)
    pen = ImageDraw.Draw(page)
    for x in (60, 360, 660):
        pen.line([(x, 80), (x + 180, 260)], 0, 14)
    one = page.crop((0, 0, 300, 400))
    seen = sent(page)
    alone, *found = (payload.unpack_images(pixels, OMNIGLOT, 26)[0] for pixels in [sent(one)["pixels"], *seen["sheet"]])
    assert len(found) == 3
    assert all((each == alone).mean() > 0.99 for each in found)
    assert seen["pixels"] not in seen["sheet"]
    ImageDraw.Draw(one).ellipse((250, 60, 270, 80), 0)  # a dot belongs to the character beside it
    assert "sheet" not in sent(one)
    pen.rectangle((0, 0, 900, 400), 255)
    for i in range(80):  # more than anybody can mean
        x, y = 20 + 50 * (i % 16), 20 + 60 * (i // 16)
        pen.line([(x, y), (x + 20, y + 30)], 0, 3)
    assert set(sent(page)) == {"pixels"}


def test_photographs_are_previewed_as_the_model_sees_them(harbour):
    seen = preview_photo({"task": "mirror", "picture": harbour[0]})
    assert seen == {"pixels": payload.pack_images(harbour[1], 3)}
    for wrong in (None, {"task": "mirror"}, {"task": "x", "picture": harbour[0]}, {"task": "*", "picture": harbour[0]}):
        assert preview_photo(wrong)["error"].endswith("."), wrong
    assert "not a picture" in preview_photo({"task": "mirror", "picture": "AAAA"})["error"]


def test_ready_made_photographs_are_squares_in_colour():
    mirror, products = photos.samples("mirror", 48), photos.samples("products", 32)
    assert len(mirror) == 5
    assert all(views.shape == (1, 48, 48, 3) for views in mirror.values())
    assert all(views.shape == (4, 32, 32, 3) for views in products.values())


def test_a_program_mirrors_a_photograph_and_has_one_completed(client, harbour):
    last = client.predict([{"picture": harbour[0]}], MIRROR_ATTENTION, api_name="/generate")
    assert last["rows"] == 48
    assert np.abs(np.array(last["image"]) - harbour[1][:, ::-1]).mean() < 4
    beginning = {"picture": harbour[0], "rows": 30}
    completed = client.predict([{"picture": harbour[0]}], MIRROR_ATTENTION, beginning=beginning, api_name="/generate")
    np.testing.assert_array_equal(np.array(completed["image"])[:30], harbour[1][:30])
    for wrong, sentence in (([], "at least one photograph"), ([{"picture": harbour[0]}] * 2, "at most 1")):
        with pytest.raises(Exception, match=sentence):
            client.predict(wrong, MIRROR_ATTENTION, api_name="/generate")


# Endpoints -----------------------------------------------------------------------------------------------------------


def test_endpoints_are_named_and_documented(client):
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(endpoints) == {"/generate", "/read_picture", "/render_strokes"}
    assert all(len(endpoint["description"]) > 40 for endpoint in endpoints.values())
    names = [p["parameter_name"] for p in endpoints["/generate"]["parameters"]]
    expected = "supports model shots temperature seed inner_steps beginning guidance cut samples"
    assert names == expected.split()


def test_the_program_starts_and_serves(cross_image):
    """python app.py, from nothing to a picture."""
    with server() as (url, _):
        answer = gradio_client.Client(url, verbose=False).predict([CROSS], seed=2, api_name="/generate")
    np.testing.assert_array_equal(answer["image"], fewshot.load(ATTENTION).generate([cross_image], seed=2).images[0])


@pytest.mark.parametrize("name", [ATTENTION, CONDITIONAL, PIXELCNN])
def test_generate_is_what_python_gives(client, name, cross_image):
    answer = client.predict([CROSS, CROSS], name, None, 0.8, 7, api_name="/generate")
    run = fewshot.load(name).generate(np.stack([cross_image] * 2), seed=7, temperature=0.8)
    np.testing.assert_array_equal(answer["image"], run.images[0])
    np.testing.assert_allclose(answer["probabilities"], run.probabilities[0], atol=1e-6)
    assert answer["trace"]["rows"] == 26


def test_generate_gives_rows_as_they_come(client, cross_image):
    outputs = list(client.submit([CROSS], seed=7, api_name="/generate"))
    run = fewshot.load(ATTENTION).generate(cross_image[None], seed=7)
    for output in outputs:
        np.testing.assert_array_equal(output["image"][: output["rows"]], run.images[0, : output["rows"]])
        assert not np.any(output["image"][output["rows"] :])
    assert sorted({output["rows"] for output in outputs}) == [1, 2, 4, 8, 16, 26]
    assert [output["rows"] for output in outputs if output["trace"] is None] == [1, 2, 4, 8, 16]


def test_several_users_at_once(url):
    """A small class; `python -m tools.load` is a whole one."""
    assert press_generate(url, 6).max() < 30


def test_turns_go_by_rank():
    turns, order = Turns(), []

    def wait(rank):
        with turns.at(rank):
            order.append(rank)

    with ThreadPoolExecutor(4) as threads:
        with turns.at(0):
            for rank in (3, 1, 4, 2):
                threads.submit(wait, rank)
            deadline = time.monotonic() + 10
            while len(turns._waiting) < 4:
                assert time.monotonic() < deadline
                time.sleep(0.01)
        threads.shutdown()
        assert order == [1, 2, 3, 4]
        with turns.at(5):  # and it is free again
            pass


def test_who_leaves_frees_the_place(monkeypatch):
    """On a server with one place and slow pictures: a cancelled one, a closed one, a closed one that was waiting."""
    from fewshot.interface import endpoints, studio

    real_stream = SERVICE.stream

    def slow_stream(*arguments, **options):
        for run in real_stream(*arguments, **options):
            yield run
            time.sleep(0.5 if run.seed == 99 else 0)

    def drawing_slowly():
        call = f"{url}gradio_api/call/generate"
        body = json.dumps({"data": [[CROSS], ATTENTION, None, 1.0, 99, None, None, 0.0, 0.0, 1]}).encode()
        request = urllib.request.Request(call, body, {"Content-Type": "application/json"}, method="POST")
        return urllib.request.urlopen(f"{call}/{json.load(urllib.request.urlopen(request))['event_id']}")

    def assert_free():
        start = time.monotonic()
        assert client.predict([CROSS], seed=1, api_name="/generate")["trace"]["seed"] == 1
        assert time.monotonic() - start < 6  # a slow picture takes 13 s

    monkeypatch.setitem(endpoints.LIMITS, "concurrency_limit", 1)
    monkeypatch.setattr(SERVICE, "stream", slow_stream)
    demo = studio.build()
    _, url, _ = studio.launch(demo, prevent_thread_lock=True, quiet=True)
    try:
        client = gradio_client.Client(url, verbose=False)
        assert_free()
        job = client.submit([CROSS], seed=99, api_name="/generate")
        while not job.outputs():
            assert not job.done(), job.exception()
            time.sleep(0.02)
        job.cancel()
        assert_free()
        closed = drawing_slowly()
        assert b"generating" in closed.readline()
        waiting = drawing_slowly()
        waiting.close()
        closed.close()
        assert_free()
    finally:
        demo.close(verbose=False)


def test_draws_along(cross_image):
    wish = {"supports": [CROSS, CROSS], "shots": None, "model": ATTENTION, "temperature": 0.8, "seed": 7}
    chunk = SERVICE.draw_along(wish)
    run = fewshot.load(ATTENTION).generate(np.stack([cross_image] * 2), seed=7, temperature=0.8)
    arrays = payload.unpack(chunk)
    np.testing.assert_array_equal(arrays["image"], run.images[0].ravel())
    largest = run.attention[0].max(axis=(2, 3, 4), keepdims=True)
    np.testing.assert_allclose(arrays["attention"] / largest, run.attention[0] / largest, atol=0.51 / STEPS_ALONG)
    for wrong in ({"supports": []}, {"supports": [CROSS] * 9}, {"seed": None}, {"temperature": 0}, {"model": "x"}):
        assert SERVICE.draw_along(wish | wrong)["error"]
    for nothing in (None, [], {}, {"supports": [CROSS]}):
        assert "reload" in SERVICE.draw_along(nothing)["error"]
    with ExitStack() as held:
        for _ in range(PLACES):
            held.enter_context(SERVICE.along)
        assert SERVICE.draw_along(wish) == {"busy": True}
    assert SERVICE.draw_along(wish)["rows"] == 26


def test_defaults_and_shots(client):
    assert client.predict([CROSS], api_name="/generate")["trace"]["model"] == ATTENTION
    assert client.predict([CROSS] * 3, shots=2, api_name="/generate")["trace"]["shots"] == 2
    assert client.predict([], model=PIXELCNN, api_name="/generate")["trace"]["shots"] == 0


def test_drawings_by_endpoint(client, tmp_path, cross_image):
    drawing = client.predict(CROSS["strokes"], api_name="/render_strokes")
    np.testing.assert_array_equal(payload.read_image(drawing, OMNIGLOT, 26), cross_image)
    picture = Image.fromarray(np.kron(255 - 255 * cross_image, np.ones((8, 8), np.uint8)))
    picture.save(tmp_path / "cross.png")
    drawing = client.predict(gradio_client.handle_file(str(tmp_path / "cross.png")), api_name="/read_picture")
    assert payload.read_image(drawing, OMNIGLOT, 26).sum() > 20


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"supports": [CROSS] * 9}, "at most 8"),
        ({"supports": []}, "at least one drawing"),
        ({"supports": [{"pixels": "%%%"}]}, "base64"),
        ({"temperature": 0}, "temperature"),
        ({"temperature": -1}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": None}, "temperature"),
        ({"shots": 2}, "Shots"),
        ({"seed": 1.5}, "seed"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**60}, "seed"),
        ({"seed": "x"}, "seed"),
        ({"model": "omniglot-unknown"}, "no model"),
        ({"model": "../../etc/passwd"}, "no model"),
        ({"model": ["x"]}, "no model"),
    ],
)
def test_bad_input_gives_one_sentence(client, arguments, sentence):
    with pytest.raises(Exception, match=sentence):
        client.predict(**{"supports": [CROSS]} | arguments, api_name="/generate")
    assert client.predict([CROSS], api_name="/generate")["trace"]["rows"] == 26  # the server goes on


def call_by_hand(url, name, data):
    """What the server answers to a request that no client of ours would make."""
    call = f"{url}gradio_api/call/{name}"
    request = urllib.request.Request(call, json.dumps({"data": data}).encode(), {"Content-Type": "application/json"})
    event = json.load(urllib.request.urlopen(request))["event_id"]
    return urllib.request.urlopen(f"{call}/{event}").read().decode()


def test_temperature_that_is_not_a_number(url):
    """NaN is not JSON, but Python's JSON reads it."""
    answer = call_by_hand(url, "generate", [[CROSS], ATTENTION, None, math.nan, 0, None, None, 0.0, 0.0, 1])
    assert "event: error" in answer
    assert "temperature must be a number" in answer


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("broken.png", b"\x89PNG\r\n\x1a\nbroken", "picture"),
        ("text.png", b"hello", "not a picture"),
        ("drawing.svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        ("empty.png", b"", "picture"),
    ],
)
def test_bad_pictures_give_one_sentence(client, tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Exception, match=sentence):
        client.predict(gradio_client.handle_file(str(tmp_path / name)), api_name="/read_picture")


def test_picture_must_be_uploaded(client, url):
    """No file of the server can be read by its path."""
    picture = str(photos.SAMPLES / "mirror" / "harbour.png")
    assert client.predict(gradio_client.handle_file(picture), api_name="/read_picture")["pixels"]
    for path in (
        picture,
        {"path": picture, "meta": {"_type": "gradio.FileData"}},
    ):
        # By hand: the client would upload it.
        assert "event: error" in call_by_hand(url, "read_picture", [path])


def test_a_chunk_of_a_picture_without_supports_has_no_attention_on_any():
    model = fewshot.load("emoji-attention")  # which was trained without, too
    run = model.generate(np.zeros((0, 32, 32, 3), np.uint8), seed=1)
    arrays = payload.unpack(json.loads(json.dumps(payload.pack(run, "id"))))
    assert arrays["attention"].shape[2] == 0
    np.testing.assert_array_equal(arrays["image"], run.images[0].reshape(-1, 3))


def test_arguments_that_a_model_has_no_use_for_are_refused():
    harbour = base64.b64encode((photos.SAMPLES / "mirror" / "harbour.png").read_bytes()).decode()
    with pytest.raises(InputError, match="leave shots out"):
        next(SERVICE.stream(fewshot.load("mirror-attention"), [{"picture": harbour}], 1, 1.0, 0, None))


def test_a_photograph_on_the_page_is_mirrored_without_a_stray_pixel():
    """Chances below a thousandth are left out, and the picture says so."""
    photo = base64.b64encode((photos.SAMPLES / "mirror" / "harbour.png").read_bytes()).decode()
    tray = {"photos": [{"picture": photo}], "beginning": None}
    run = None
    for chunk in SERVICE.draw(None, tray, "mirror-attention", 1.5, 1.0, 3, None):
        run = chunk
    assert (run["guidance"], run["cut"]) == (0, MIRROR.cut)
    again = fewshot.load("mirror-attention").generate(
        payload.read_supports([{"picture": photo}], MIRROR, 48), seed=3, cut=MIRROR.cut
    )
    assert np.abs(again.images[0].astype(int) - again.supports[0][:, ::-1]).max() <= 3
    assert "chances below 0.001 cut (no sample of the model)" in recipe(again)


@pytest.mark.parametrize("strokes", [[], "abc", [[[1, 2, 3]]], [[["a", "b"]]], None])
def test_bad_strokes_give_one_sentence(client, strokes):
    with pytest.raises(Exception, match=r"pad is empty|strokes"):
        client.predict(strokes, api_name="/render_strokes")


def test_upload_from_the_pad_is_checked():
    assert "base64" in preview({"picture": None})["error"]
    assert "not a picture" in preview({"picture": base64.b64encode(b"hello").decode()})["error"]
    assert "error" in preview({"strokes": [[[1e400, 0]]]})
    assert "error" in preview(None)


def test_a_model_for_other_sizes_is_not_offered(monkeypatch, tmp_path):
    shutil.copytree(fewshot.checkpoints.SHIPPED, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(fewshot.checkpoints, "SHIPPED", tmp_path)
    before = catalogue.choices(MIRROR)
    shutil.copy(tmp_path / "mirror-conditional.safetensors", tmp_path / "mirror-a24.safetensors")
    card = json.loads((tmp_path / "mirror-conditional.json").read_text())
    card["config"]["side"] = 24
    (tmp_path / "mirror-a24.json").write_text(json.dumps(card))
    assert fewshot.load("mirror-a24").side == 24
    assert catalogue.choices(MIRROR) == before


def test_damaged_checkpoint_leaves_the_rest_usable(monkeypatch, tmp_path):
    from fewshot.interface import studio

    monkeypatch.setattr(fewshot.checkpoints, "SHIPPED", tmp_path)
    (tmp_path / "omniglot-damaged.safetensors").write_bytes(b"cut short")
    (label, name), *_ = [choice for choice in catalogue.choices(OMNIGLOT) if choice[1] == "omniglot-damaged"]
    assert name == "omniglot-damaged"
    assert "damaged" in label.split("\n")[1]
    with pytest.raises(CheckpointError, match="damaged"):
        catalogue.find("omniglot-damaged")
    assert "value" not in studio.as_trained("omniglot-damaged")
    assert catalogue.facts()["tasks"].keys() == {"omniglot"}
    assert catalogue.facts()["models"] == {}
    (tmp_path / "mirror-attention.safetensors").write_bytes(b"cut short")
    assert catalogue.facts()["tasks"]["mirror"]["side"] == 48
    message = SERVICE.example({"name": "none", "drawings": [payload.pack_images(np.eye(26, dtype=np.uint8), 1)]})
    assert "no model" in message["error"]


# Taking it home ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wish(cross_image):
    """What the page sends to save a picture."""
    return {
        "format": "npz", "model": ATTENTION, "supports": [{"pixels": payload.pack_images(cross_image, 1)}],
        "beginning": None, "seed": 3, "temperature": 0.9, "guidance": 0.5, "cut": 0.01, "inner_steps": None,
    }  # fmt: skip


def take_home(url, body):
    """The status, the headers and the body of what the route answers."""
    request = urllib.request.Request(f"{url}take-home", body if isinstance(body, bytes) else json.dumps(body).encode())
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def test_a_picture_is_taken_home_as_it_was_drawn(url, wish, cross_image):
    status, headers, data = take_home(url, wish)
    run = fewshot.load(ATTENTION).generate(cross_image[None], 1, 3, 0.9, guidance=0.5, cut=0.01)
    assert status == 200
    assert headers["content-disposition"] == f"attachment; filename*=UTF-8''{run.file_name()}.npz"
    with np.load(io.BytesIO(data)) as numbers:
        np.testing.assert_array_equal(numbers["images"], run.images)


def test_what_cannot_be_taken_home_gives_a_sentence(url, wish):
    many = {"format": "sheet", "pad": {"supports": wish["supports"], "shots": None}}
    for wrong in (
        {"format": "exe"}, {"format": None}, {"format": ["png"]}, {"format": "sheet"}, {"model": "../x"}, {"seed": -1},
        {"seed": None}, {"temperature": "1"}, {"temperature": 0}, {"guidance": 5}, {"cut": 1}, {"supports": 5},
        {"supports": []}, {"supports": [{"pixels": "x"}]}, {"supports": wish["supports"] * 9}, {"inner_steps": 1},
        {"beginning": {"rows": 3}}, many, many | {"samples": "2"}, many | {"samples": 1}, many | {"samples": 10**9},
    ):  # fmt: skip
        status, _, data = take_home(url, wish | wrong)
        assert status == 400, wrong
        assert json.loads(data)["error"].endswith("."), wrong
    for body in (b"", b"no JSON", b"[]", b"[" * 100_000):
        status, _, data = take_home(url, body)
        assert (status, json.loads(data)) == (400, {"error": "What to save did not arrive: reload the page."})


def test_wherever_something_can_be_sent_to_its_bytes_are_bounded(demo, url):
    paths = {route.path for route in demo.app.routes if "POST" in (getattr(route, "methods", None) or ())}
    paths |= {path for path, methods in demo.app.openapi()["paths"].items() if "post" in methods}  # of Gradio's router
    addresses = {re.sub(r"{[^}]*}", "x", path).lstrip("/") for path in paths}
    bounded = {address for address in addresses if SENT_TO.search(f"/{address}")}
    assert {SENT_TO.search(f"/{address}")[1] for address in bounded} == MOST_BYTES.keys() - {"wall"}  # of a class only
    for address in sorted(addresses - bounded):
        assert address.startswith(("gradio_api/", "login")), f"{address} is the studio's own: say how much it takes"
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{url}{address}", b"{}")
        assert (refused.value.code, refused.value.read()) == (404, b"Nothing can be sent to this address.")


@pytest.fixture
def project(cross_image):
    supports = [{"pixels": payload.pack_images(cross_image, 1)}, CROSS]
    return {
        "kind": "few-shot studio", "version": 1, "task": "omniglot", "model": META, "supports": supports, "shots": 1,
        "beginning": None, "view": {"position": 300, "locked": 5},
        "settings": {"seed": 3, "temperature": 0.9, "guidance": 0.5, "inner_steps": 2},
    }  # fmt: skip


def test_a_project_is_read_back(project):
    opened = json.loads(json.dumps(SERVICE.open_project(project)))
    assert opened == project
    assert SERVICE.open_project(opened | {"more": 1}) == opened
    empty = project | {"supports": [], "shots": None, "view": None}
    assert SERVICE.open_project(empty)["view"] == {"position": 676, "locked": None}
    pixels = project["supports"][0]["pixels"]
    muted = {"pixels": pixels, "strokes": CROSS["strokes"], "muted": True}
    changing = project | {"supports": [muted, CROSS, {"pixels": pixels}], "shots": 2}
    assert SERVICE.open_project(changing) == changing
    wrong = muted | {"pixels": payload.pack_images(np.zeros((26, 26), np.uint8), 1), "muted": 1}
    assert SERVICE.open_project(project | {"supports": [wrong]})["supports"] == [{"pixels": pixels, **CROSS}]
    photo = payload.pack_images(np.arange(48 * 48 * 3).reshape(48, 48, 3).astype(np.uint8), 3)
    mirror = project | {"task": "mirror", "model": "mirror-attention", "shots": None, "supports": [{"pixels": photo}]}
    mirror |= {"beginning": {"pixels": photo, "rows": 7}, "settings": project["settings"] | {"inner_steps": None}}
    assert SERVICE.open_project(mirror) == mirror


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"kind": "other"}, "This is no project of the studio."),
        ({"version": 2}, "another version"),
        ({"task": "mirror"}, "Meta PixelCNN draws no"),
        ({"task": []}, "There is no task"),
        ({"model": "../../etc/passwd"}, "There is no model"),
        ({"supports": None}, "it lacks its drawings"),
        ({"supports": [{"pixels": "x"}]}, "base64"),
        ({"supports": [CROSS, CROSS], "shots": None}, "only one drawing can be on the pad"),
        ({"supports": [{"pixels": "AA==", "strokes": [[["x", 1]]]}]}, "points"),
        ({"supports": [CROSS, CROSS | {"pixels": "", "muted": True}], "shots": 2}, "Shots must be"),
        ({"supports": [CROSS] * 9}, "too many"),
        ({"supports": [{"strokes": [[["x", 1]]]}]}, "points"),
        ({"shots": 3}, "Shots must be"),
        ({"settings": None}, "it lacks its settings"),
        (
            {"settings": {"seed": 1.5, "temperature": 1, "guidance": 0}},
            "The seed (chance number) must be a whole number",
        ),
        (
            {"supports": [], "shots": None, "settings": {"seed": {}, "temperature": 1, "guidance": 0}},
            "The seed (chance number) must be a whole number",
        ),
        ({"settings": {"seed": 1, "temperature": 99, "guidance": 0}}, "temperature"),
        ({"settings": {"seed": 1, "temperature": 1, "guidance": "<b>"}}, "faithfulness"),
        ({"settings": {"seed": 1, "temperature": 1, "guidance": 0, "inner_steps": 99}}, "inner steps"),
        ({"beginning": {"rows": 99}}, "rows that are given"),
        ({"view": {"position": 677}}, "a pixel that is not there"),
        ({"view": {"locked": "1"}}, "a pixel that is not there"),
        ({"view": 1}, "a pixel that is not there"),
    ],
)
def test_what_is_no_project_gives_a_sentence(project, wrong, sentence):
    said = SERVICE.open_project(project | wrong)["error"]
    assert sentence in said
    assert said.endswith(".")
    for nothing in (None, [], "x", 5):
        assert SERVICE.open_project(nothing) == {"error": "This is no project of the studio."}

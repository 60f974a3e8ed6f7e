"""Models side by side, without a browser: one recipe and one seed, a scored drawing, and the set it belongs to."""

import asyncio
import base64
import io
import json
import os
import re
import time

import numpy as np
import pytest

import fewshot
from fewshot import payload
from fewshot.interface.service import NEW_SEEDS, SERVICE, Service
from fewshot.tasks import OMNIGLOT, PRODUCTS
from tools.load import read_chunks

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before gradio is imported
ATTENTION, CONDITIONAL, META, PIXELCNN = (f"omniglot-{m}" for m in ("attention", "conditional", "meta", "pixelcnn"))
SETS = list(OMNIGLOT.ready_made(26).values())
SUPPORTS, DRAWING = SETS[0][:2], SETS[0][2]


def seen(image: np.ndarray, task=OMNIGLOT) -> dict:
    return {"pixels": payload.pack_images(image, task.channels)}


PAD = {"supports": [seen(one) for one in SUPPORTS], "shots": None}
COMPARED = {
    "models": [PIXELCNN, ATTENTION],
    "pad": PAD,
    "tray": None,
    "guidance": 0.5,
    "temperature": 1.0,
    "seed": 7,
    "inner_steps": 2,
}
SCORED = {"models": [PIXELCNN, ATTENTION], "pad": PAD, "tray": None, "drawing": seen(DRAWING), "inner_steps": 2}
SOUGHT = {
    "models": [CONDITIONAL],
    "drawing": seen(DRAWING),
    "sets": [[seen(one) for one in images] for images in SETS],
    "inner_steps": None,
}


def nats_of(chunk: dict) -> np.ndarray:
    return np.frombuffer(base64.b64decode(chunk["nats"]), "<f4")


def test_each_model_draws_the_same_recipe_with_the_same_seed():
    chunks = list(SERVICE.compare(COMPARED))
    assert [chunk["rows"] for chunk in chunks] == 2 * [1, 2, 4, 8, 16, 26]
    assert len({chunk["id"] for chunk in chunks}) == 2
    for name, of_model in ((PIXELCNN, chunks[:6]), (ATTENTION, chunks[6:])):
        assert {(chunk["model"], chunk["seed"]) for chunk in of_model} == {(name, 7)}
        guided = {"guidance": 0.5, "cut": OMNIGLOT.cut} if name == ATTENTION else {}
        run = fewshot.load(name).generate(SUPPORTS, seed=7, **guided)
        image = np.concatenate([payload.unpack(chunk)["image"] for chunk in of_model])
        np.testing.assert_array_equal(image, run.images[0].ravel())


def test_a_new_seed_is_the_same_for_all():
    seeds = [[chunk["seed"] for chunk in SERVICE.compare(COMPARED | {"seed": None})] for _ in range(3)]
    assert all(len(set(of_one)) == 1 for of_one in seeds)
    assert len({of_one[0] for of_one in seeds}) > 1


@pytest.mark.parametrize("name", [PIXELCNN, ATTENTION, META])
def test_a_scored_drawing_costs_what_the_model_says_and_has_what_was_read_for_it(name):
    (chunk,) = SERVICE.score(SCORED | {"models": [name]})
    model, steps = fewshot.load(name), 2 if name == META else None
    nats = nats_of(chunk)
    np.testing.assert_allclose(nats, model.score([DRAWING], SUPPORTS, steps).ravel(), atol=1e-5)
    assert (chunk["guidance"], chunk["cut"], chunk["temperature"], chunk["given"]) == (0, 0, 1, 26)
    assert (chunk["support_nats"] is None) == (name != META)
    arrays = payload.unpack(chunk)
    np.testing.assert_array_equal(arrays["image"], DRAWING.ravel())
    of_pixel = np.where(DRAWING.ravel(), arrays["probabilities"], 1 - arrays["probabilities"])
    np.testing.assert_allclose(np.exp(-nats), of_pixel, atol=1e-4)
    if name == ATTENTION:
        run = model.generate(SUPPORTS, prefix=DRAWING)
        np.testing.assert_allclose(arrays["attention"], run.attention[0], atol=run.attention.max() / 255)


def test_photographs_are_scored_too():
    photos = next(iter(PRODUCTS.ready_made(PRODUCTS.side).values()))
    tray = {"photos": [seen(one, PRODUCTS) for one in photos[:-1]], "beginning": None}
    wish = {"models": ["products-attention"], "pad": None, "tray": tray, "drawing": seen(photos[-1], PRODUCTS)}
    (chunk,) = SERVICE.score(wish)
    expected = fewshot.load("products-attention").score([photos[-1]], photos[:-1])
    np.testing.assert_allclose(nats_of(chunk), expected.ravel(), rtol=1e-3, atol=1e-3)


def test_a_drawing_is_recognised_among_the_ready_made_sets():
    """One-shot classification: log p(x | set) is the largest for the set that the drawing is of, without itself."""
    for which, images in enumerate(SETS[:3]):
        (answer,) = SERVICE.recognise(SOUGHT | {"drawing": seen(images[5])})
        assert int(np.argmin(answer["nats"])) == which
    others = SETS[0][[0, 1, 3, 4]]
    (answer,) = SERVICE.recognise(SOUGHT)
    expected = fewshot.load(CONDITIONAL).score([DRAWING], others).sum()
    assert answer["nats"][0] == pytest.approx(expected, rel=1e-5)
    (answer,) = SERVICE.recognise(SOUGHT | {"sets": [[seen(DRAWING)], [seen(SETS[1][0])]]})
    assert answer["nats"][0] is None
    assert answer["nats"][1] > 0


def test_a_model_that_reads_nothing_recognises_nothing():
    assert list(SERVICE.recognise(SOUGHT | {"models": [PIXELCNN]})) == [{"model": PIXELCNN, "nats": None}]


def test_what_one_model_cannot_do_others_still_do():
    nothing = COMPARED | {"pad": {"supports": [], "shots": None}, "models": [ATTENTION, PIXELCNN]}
    refused, *others = SERVICE.compare(nothing)
    assert refused["model"] == ATTENTION
    assert "at least one drawing" in refused["error"]
    assert {chunk["model"] for chunk in others} == {PIXELCNN}
    refused, other = SERVICE.score(SCORED | {"models": ["../x", PIXELCNN]})
    assert "no model" in refused["error"]
    assert other["model"] == PIXELCNN


@pytest.mark.parametrize(
    ("method", "wish", "sentence"),
    [
        *((method, None, "reload") for method in ("compare", "score", "recognise")),
        ("compare", COMPARED | {"models": []}, "one to 5 different models"),
        ("compare", COMPARED | {"models": [PIXELCNN, PIXELCNN]}, "one to 5 different models"),
        ("compare", COMPARED | {"models": [f"m{i}" for i in range(6)]}, "one to 5 different models"),
        ("compare", COMPARED | {"models": [[]]}, "one to 5 different models"),
        ("compare", COMPARED | {"models": [ATTENTION], "temperature": "x"}, "temperature"),
        ("compare", COMPARED | {"models": [ATTENTION], "seed": -1}, "seed"),
        ("compare", COMPARED | {"models": [ATTENTION], "pad": None}, "did not arrive"),
        ("score", SCORED | {"models": [ATTENTION], "drawing": {"pixels": "AAAA"}}, "26x26"),
        ("score", SCORED | {"models": [ATTENTION], "drawing": None}, "must be"),
        ("score", SCORED | {"models": [META], "inner_steps": 11}, "inner steps"),
        ("recognise", SOUGHT | {"sets": []}, "1 to 16 sets"),
        ("recognise", SOUGHT | {"sets": 17 * [[]]}, "1 to 16 sets"),
        ("recognise", SOUGHT | {"sets": [None]}, "must be a list"),
        ("recognise", SOUGHT | {"sets": [9 * [seen(DRAWING)]]}, "too many"),
        ("recognise", SOUGHT | {"sets": "x"}, "reload"),
    ],
)
def test_bad_wishes_get_one_sentence(method, wish, sentence):
    (answer,) = getattr(SERVICE, method)(wish)
    assert answer.keys() <= {"model", "error"}
    assert answer["error"].endswith(".")
    assert re.search(sentence, answer["error"])


def test_too_many_at_once_are_asked_to_wait_and_who_leaves_makes_room():
    service = Service(many=1)
    first = service.compare(COMPARED)
    next(first)
    (answer,) = service.score(SCORED)
    assert "try again" in answer["error"]
    first.close()
    assert next(service.score(SCORED))["rows"] == 26


def test_the_server_streams_lines():
    from starlette.applications import Starlette
    from starlette.testclient import TestClient

    from fewshot.interface import lines

    client = TestClient(Starlette(routes=lines.ROUTES))
    wish = COMPARED | {"models": [PIXELCNN]}

    def chunks_of(path: str, asked: dict) -> list[dict]:
        return list(read_chunks(io.BytesIO(client.post(path, json=asked).content)))

    rows = [chunk["rows"] for chunk in chunks_of("/compare", wish)]
    assert rows == [1, 2, 4, 8, 16, 26]
    assert "reload" in client.post("/recognise", content=b"{").json()["error"]

    one = wish | {"model": PIXELCNN}
    chunks = chunks_of("/draw", one | {"seed": None})
    assert [chunk["rows"] for chunk in chunks] == rows
    (seed,) = {chunk["seed"] for chunk in chunks}
    assert 0 <= seed < NEW_SEEDS
    again = chunks_of("/draw", one | {"seed": seed})
    assert [chunk["data"] for chunk in again] == [chunk["data"] for chunk in chunks]
    image = np.concatenate([payload.unpack(chunk)["image"] for chunk in chunks])
    np.testing.assert_array_equal(image, fewshot.load(PIXELCNN).generate(SUPPORTS, seed=seed).images[0].ravel())
    assert "There is no model" in client.post("/draw", json=one | {"model": "of-nobody"}).json()["error"]
    assert "reload" in client.post("/draw", json={}).json()["error"]
    for name, said in (
        (b"\\ud800", "reload"),
        (b"\xed\xa0\x80", "reload"),
        (b"\\ud83d\\ude00", "There is no model"),
    ):  # half a character, twice, and a whole one
        body = json.dumps(one | {"model": "?"}).encode().replace(b"?", name)
        assert said in client.post("/draw", content=body).json()["error"]


def test_a_fault_ends_the_lines_with_a_sentence_and_who_leaves_has_no_more_drawn(monkeypatch, capsys):
    from fewshot.interface import lines

    state = {"drawn": 0, "ended": False}

    def answers(wish, asker):
        try:
            while asker.wanted() and state["drawn"] < 100:
                state["drawn"] += 1
                yield {"rows": state["drawn"]}
                if wish == "fault":
                    raise ZeroDivisionError
                time.sleep(0.01)
        finally:
            state["ended"] = True

    async def read(wish, number):
        streamed = lines._while_wanted(answers, wish, "somebody")
        read = [json.loads(line) for _ in range(number) if (line := await anext(streamed, None))]
        await streamed.aclose()
        return read

    assert asyncio.run(read("fault", 9)) == [{"rows": 1}, {"error": lines.FAULT}]
    assert "ZeroDivisionError" in capsys.readouterr().err
    state.update(drawn=0, ended=False)
    assert len(asyncio.run(read("", 3))) == 3
    deadline = time.monotonic() + 30
    while not state["ended"]:  # the thread ends by itself
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert state["drawn"] < 100

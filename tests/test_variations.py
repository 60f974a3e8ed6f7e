"""Many pictures of one recipe, without a browser: their noise, how well they fit, and how they travel."""

import base64
import json
import os
import re
import urllib.error
import urllib.request

import numpy as np
import pytest

import fewshot
from fewshot import InputError, payload
from fewshot.interface.service import SERVICE, Service
from fewshot.tasks import MIRROR, OMNIGLOT

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before gradio is imported
ATTENTION, CONDITIONAL, META, PIXELCNN = (f"omniglot-{m}" for m in ("attention", "conditional", "meta", "pixelcnn"))
SUPPORTS = next(iter(OMNIGLOT.ready_made(26).values()))[:2]
WISH = {
    "pad": {"supports": [{"pixels": payload.pack_images(one, 1)} for one in SUPPORTS], "shots": None},
    "tray": None,
    "model": ATTENTION,
    "guidance": 0.5,
    "temperature": 1.0,
    "seed": 7,
    "inner_steps": None,
    "samples": 3,
}


def pictures(chunks: list[dict]) -> np.ndarray:
    """The pictures [N, H, W] of all chunks of one answer."""
    rows = []
    for chunk in chunks:
        shape = (chunk["number"], chunk["rows"] - chunk["start"], chunk["width"])
        bits = np.frombuffer(base64.b64decode(chunk["pixels"]), np.uint8)
        rows.append(np.unpackbits(bits, count=int(np.prod(shape))).reshape(shape))
    return np.concatenate(rows, axis=1)


@pytest.mark.parametrize("name", [ATTENTION, META])
@pytest.mark.parametrize("guidance", [0.0, 0.5])
def test_picture_n_is_what_its_own_seed_draws(name, guidance):
    model = fewshot.load(name)
    options = {"guidance": guidance, "cut": OMNIGLOT.cut if guidance else 0.0}
    many = model.generate(SUPPORTS, samples=4, seed=40, **options)
    for n in range(4):
        alone = model.generate(SUPPORTS, seed=40 + n, **options)
        np.testing.assert_array_equal(alone.images[0], many.images[n])
        np.testing.assert_allclose(alone.probabilities[0], many.probabilities[n], atol=1e-4)
    assert len({image.tobytes() for image in many.images}) == 4


def test_the_last_picture_has_a_seed_too():
    model = fewshot.load(PIXELCNN)
    with pytest.raises(InputError, match="must be between 0 and"):
        model.generate([], samples=2, seed=fewshot.api.MAX_SEED)


@pytest.mark.parametrize("name", [ATTENTION, CONDITIONAL, META])
def test_drawings_fit_their_own_supports_better_than_others(name):
    """The same drawing has more nats with its own supports than with another character's."""
    model = fewshot.load(name)
    own, other = (images[:4] for images in list(OMNIGLOT.ready_made(26).values())[:2])
    fits = model.fit(own[:2], own[2:])
    assert fits.shape == (2,)
    assert (fits > model.fit(own[:2], other[2:])).all()
    without = fewshot.load(PIXELCNN) if name == CONDITIONAL else None
    if without:
        expected = without.score(own[:2], []).sum(axis=(1, 2)) - model.score(own[:2], own[2:]).sum(axis=(1, 2))
        if not model.network.config.drops_supports:
            np.testing.assert_allclose(fits, expected, rtol=1e-4)


def test_what_reads_nothing_fits_all_alike_and_what_has_no_partner_says_so():
    assert not fewshot.load(PIXELCNN).fit(SUPPORTS, []).any()
    mirror = fewshot.load("mirror-attention")
    photos = next(iter(MIRROR.ready_made(mirror.side).values()))
    if not mirror.network.config.drops_supports:
        with pytest.raises(InputError, match="needs a PixelCNN"):
            mirror.fit(photos, photos)


def test_variations_come_row_by_row_and_then_with_their_fits():
    chunks = json.loads(json.dumps(list(SERVICE.variations(WISH))))
    assert [chunk["rows"] for chunk in chunks] == [1, 2, 4, 8, 16, 26, 26]
    assert [chunk["fits"] is None for chunk in chunks] == [True] * 6 + [False]
    run = fewshot.load(ATTENTION).generate(SUPPORTS, 3, 7, guidance=0.5, cut=OMNIGLOT.cut)
    np.testing.assert_array_equal(pictures(chunks), run.images)
    np.testing.assert_allclose(chunks[-1]["fits"], fewshot.load(ATTENTION).fit(run.images, SUPPORTS), rtol=1e-4)
    assert chunks[0]["seed"] == 7
    assert "data" not in chunks[0]
    many = list(SERVICE.variations(WISH | {"samples": 64, "model": PIXELCNN}))
    assert [chunk["fits"] for chunk in many] == [None] * 6
    assert sum(len(json.dumps(chunk)) for chunk in many) < 20_000


def test_a_seed_of_none_is_a_new_one():
    wish = WISH | {"seed": None, "model": PIXELCNN, "samples": 1}
    assert len({next(SERVICE.variations(wish))["seed"] for _ in range(4)}) > 1


def test_a_beginning_is_kept_in_each():
    strokes = [[[10, 10], [90, 10]], [[10, 10], [10, 90]]]
    beginning = {"strokes": strokes, "rows": 9}
    chunks = list(SERVICE.variations(WISH | {"pad": WISH["pad"] | {"beginning": beginning}}))
    given = payload.read_image(beginning, OMNIGLOT, 26)
    assert given[:9].any()
    drawn = pictures(chunks)
    assert (drawn[:, :9] == given[:9]).all()
    assert (drawn[:, 9:] != given[9:]).any()
    assert chunks[0]["given"] == 9


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"samples": 65}, "number of samples must be between 1 and 64"),
        ({"samples": "16"}, "number of samples must be a whole number"),
        ({"seed": -1}, "seed"),
        ({"temperature": 0}, "temperature"),
        ({"guidance": 9}, "guidance"),
        ({"model": "../x"}, "no model"),
        ({"pad": None}, "did not arrive"),
        ({"pad": {"supports": [], "shots": None}}, "at least one drawing"),
        ({"pad": WISH["pad"] | {"beginning": {"rows": 99}}}, "from 0 to 26"),
        ({"pad": WISH["pad"] | {"beginning": {"rows": 3, "strokes": "x"}}}, ""),
        ({"pad": WISH["pad"] | {"shots": 3}}, "[Ss]hots"),
    ],
)
def test_bad_wishes_get_one_sentence(change, sentence):
    (answer,) = SERVICE.variations(WISH | change)
    assert set(answer) == {"error"}
    assert answer["error"].endswith(".")
    assert re.search(sentence, answer["error"])
    for nothing in (None, [], {}, "x", 3):
        (answer,) = SERVICE.variations(nothing)
        assert "reload" in answer["error"]


def test_too_many_at_once_are_asked_to_wait_and_who_leaves_makes_room():
    service = Service(many=1)
    first = service.variations(WISH)
    next(first)
    (answer,) = service.variations(WISH)
    assert "try again" in answer["error"]
    first.close()
    assert next(service.variations(WISH))["rows"] == 1


@pytest.fixture(scope="module")
def url():
    from fewshot.interface import studio

    demo = studio.build()
    _, url, _ = studio.launch(demo, prevent_thread_lock=True, quiet=True)
    yield url
    demo.close(verbose=False)


def test_the_server_streams_lines(url):
    def ask(data: bytes) -> list[dict]:
        with urllib.request.urlopen(urllib.request.Request(f"{url}variations", data)) as answer:
            return [json.loads(line) for line in answer]

    assert pictures(ask(json.dumps(WISH).encode())).shape == (3, 26, 26)
    for bad in (b"{", b"null", b"\xff"):
        assert "reload" in ask(bad)[0]["error"]
    with pytest.raises(urllib.error.HTTPError, match="405"):
        urllib.request.urlopen(f"{url}variations")
    foreign = urllib.request.Request(f"{url}variations", b"{}", {"Sec-Fetch-Site": "cross-site"})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(foreign)

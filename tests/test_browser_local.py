"""The studio whose visitors' browsers draw: nothing is seen of it, and the server draws what they cannot."""

import io
import re

import numpy as np
import pytest
from PIL import Image

import fewshot
from fewshot import checkpoints, payload
from fewshot.interface.service import NEW_SEEDS, SERVICE
from tests import test_browser
from tests.test_browser import ALL_ROWS, STATE, api, draw, point_at, saved

pytestmark = test_browser.pytestmark
# The same browser; a fixture that another one needs must be here too.
launch, browser, open_page = (getattr(test_browser, name) for name in ("launch", "browser", "open_page"))

LIVE = f"{STATE}.run.live && {STATE}.run.rows === 26"


@pytest.fixture(scope="module")
def drawn():
    """The names of the models that the server has drawn with."""
    return []


@pytest.fixture(scope="module")
def url(drawn):
    from fewshot.interface import studio

    recipe = SERVICE._recipe

    def counted(model, *arguments):
        drawn.append(model.name)
        return recipe(model, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        demo = studio.build("browser")
        patch.setattr(SERVICE, "_recipe", counted)
        _, url, _ = studio.launch(demo, prevent_thread_lock=True, quiet=True)
        yield url
        demo.close(verbose=False)


def assert_pythons(page):
    """The player shows the picture that Python draws of the same supports with the same seed."""
    run = page.evaluate(
        f"(({{ model, seed, temperature, guidance, shots, supports, image }}) => "
        f"({{ model, seed, temperature, guidance, shots, supports, image: [...image] }}))({STATE}.run)"
    )
    model = fewshot.load(run["model"])
    supports = payload.unpack_images(run["supports"], model.task, model.side, run["shots"])
    guided = {"guidance": run["guidance"], "cut": model.task.cut if run["guidance"] else 0}
    python = model.generate(supports, 1, run["seed"], run["temperature"], **guided)
    np.testing.assert_array_equal(run["image"], python.images.ravel())
    return run


def choose_model(page, name):
    page.get_by_role("radio", name=re.compile(f"^{name}")).check()


def test_the_browser_draws_and_the_page_is_as_ever(open_page, drawn):
    page = open_page()
    draw(page, [(0.3, 0.2), (0.3, 0.8), (0.7, 0.8)], [(0.3, 0.5), (0.6, 0.5)])
    page.wait_for_function(LIVE)
    assert assert_pythons(page)["guidance"] > 0

    page.locator("#generate").click()
    page.wait_for_function(ALL_ROWS)
    run = assert_pythons(page)
    assert run["seed"] < NEW_SEEDS
    api.expect(page.locator("#seed input")).to_have_value(str(run["seed"]))
    page.wait_for_function(f"studio.settings.seed === {run['seed']}")
    assert page.evaluate("studio.settings.fresh")
    api.expect(page.locator("#stop")).to_be_disabled()
    point_at(page, 13, 8)
    api.expect(page.locator(".tile-heat").first).to_be_visible()
    assert drawn == []

    # What the server still does needs nothing of the run but what it was drawn from.
    name, content = saved(page, "Picture, on white")
    assert str(run["seed"]) in name
    picture = np.array(Image.open(io.BytesIO(content)).convert("L"))
    np.testing.assert_array_equal(picture[10::20, 10::20].ravel() < 128, run["image"])
    choose_model(page, "Conditional PixelCNN")
    page.wait_for_function(f"{LIVE} && {STATE}.run.model.endsWith('conditional')")
    point_at(page, 10, 12)
    page.wait_for_function(f"{STATE}.run.influences.has(10 * 26 + 12)")
    assert_pythons(page)

    choose_model(page, "Meta PixelCNN")
    page.wait_for_function(f"{LIVE} && {STATE}.run.model.endsWith('-meta')")
    assert drawn[-1] == "omniglot-meta"


def test_damaged_weights_leave_it_to_the_server(open_page, drawn):
    page = open_page()
    cut_off = checkpoints.resolve("omniglot-pixelcnn").read_bytes()[:100_000]
    page.route("**/omniglot-pixelcnn.safetensors", lambda route: route.fulfill(body=cut_off))
    drawn.clear()
    sentence = "omniglot-pixelcnn draws on the server: The weights file is cut off"
    with page.expect_console_message(lambda message: message.text.startswith(sentence)):
        choose_model(page, "PixelCNN")
        draw(page, [(0.3, 0.2), (0.3, 0.8)])
    page.wait_for_function(f"{LIVE} && {STATE}.run.model === 'omniglot-pixelcnn'")
    assert_pythons(page)
    assert drawn

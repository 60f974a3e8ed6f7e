"""A task whose supports can be painted: a person paints an emoji, takes two others' beside it, and has sixteen drawn.

With a small network of random weights: what is tested is the page.
"""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from fewshot import checkpoints
from fewshot.interface import catalogue
from fewshot.interface.service import SERVICE
from fewshot.interface.site import write_site
from fewshot.tasks import EMOJI
from tests import test_browser
from tests.test_browser import PATIENCE, STATE, WHOLE, api, saved, status
from tests.test_browser_local import assert_pythons
from tests.test_browser_site import served
from tests.test_browser_variations import BATCH, PLAYED, SIXTEEN
from tests.test_registry import save

pytestmark = test_browser.pytestmark
DRAWN = f"window.studio && {WHOLE} && {STATE}.run.task === 'emoji' && !studio.drawing"
browser, launch, open_page = (getattr(test_browser, name) for name in ("browser", "launch", "open_page"))


@pytest.fixture
def weights(monkeypatch, tmp_path):
    """Two models of characters, and one of emoji."""
    for name in (catalogue.DEFAULT_MODEL, "omniglot-pixelcnn"):
        for file in checkpoints.SHIPPED.glob(f"{name}.*"):
            (tmp_path / file.name).symlink_to(file)
    monkeypatch.setattr(checkpoints, "SHIPPED", tmp_path)
    save(tmp_path, EMOJI, "attention")


@pytest.fixture
def url(weights):
    from fewshot.interface import studio

    demo = studio.build("server")
    _, url, _ = studio.launch(demo, prevent_thread_lock=True, quiet=True)
    yield url
    demo.close(verbose=False)


def turn_to_emoji(page):
    page.get_by_role("radio", name=re.compile("^Emoji")).check()
    page.wait_for_function(DRAWN)


def choose(page, group, name):
    page.get_by_role("radiogroup", name=group).get_by_role("radio", name=name).check()


def paint(page, *places):
    """A line with the mouse, places (row, column) in pixels of the picture."""
    box = page.locator(".paint-canvas").bounding_box()
    points = [(box["x"] + (x + 0.5) / 32 * box["width"], box["y"] + (y + 0.5) / 32 * box["height"]) for y, x in places]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=3)
    page.mouse.up()


def photos(page):
    """What the model reads, [S, 32, 32, 3]."""
    texts = page.evaluate("studio.photos.value().photos.map(({ pixels }) => pixels)")
    return np.array([np.frombuffer(base64.b64decode(text), np.uint8).reshape(32, 32, 3) for text in texts])


def rgb(name):
    return tuple(bytes.fromhex(EMOJI.palette[name][1:]))


def test_an_emoji_is_painted_two_are_taken_and_sixteen_drawn(open_page):
    page = open_page(reduced_motion="reduce", viewport={"width": 1280, "height": 720})
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    turn_to_emoji(page)
    balloons = EMOJI.ready_made(32)["balloon"]
    np.testing.assert_array_equal(photos(page), balloons)  # an example, which nobody chose

    # Three colours: a red box that is filled, a blue string, a green spot.
    choose(page, "Colour", "red")
    choose(page, "Brush", "Brush, 1 pixel wide")
    paint(page, (4, 8), (4, 23), (18, 23), (18, 8), (4, 8))
    api.expect(status(page, "photos")).to_contain_text("made room for yours")
    choose(page, "Brush", "Fill an area")
    paint(page, (10, 15))
    choose(page, "Colour", re.compile("^blue"))
    choose(page, "Brush", "Brush, 2 pixels wide")
    paint(page, (19, 16), (30, 16))
    choose(page, "Colour", "green")
    # The spot by keys: from the middle one up, and a line to the right.
    canvas = page.locator(".paint-canvas")
    choose(page, "Brush", "Brush, 1 pixel wide")
    canvas.focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.down(" ")
    page.keyboard.press("ArrowRight")
    page.keyboard.up(" ")
    api.expect(page.locator(".paint-place")).to_have_text("Row 16, column 18: green.")
    (painted,) = photos(page)
    assert (painted[4:19, 8:24] == rgb("red")).all(axis=2).sum() == 15 * 16 - 2
    assert (painted[15, 16:18] == rgb("green")).all()
    assert (painted[20:30, 16] == rgb("blue")).all()
    assert (painted[:, :8] == 255).all()
    # What went wrong is taken back, by the button and by keys.
    choose(page, "Colour", re.compile("^white"))
    paint(page, (0, 0), (31, 31))
    assert (photos(page) != painted).any()
    page.locator(".paint").get_by_role("button", name="Undo").click()
    np.testing.assert_array_equal(photos(page), painted[None])
    page.get_by_role("button", name="Clear the pad").click()
    assert len(photos(page)) == 0
    page.keyboard.press("Control+z")
    np.testing.assert_array_equal(photos(page), painted[None])

    page.reload()
    page.wait_for_function(DRAWN)
    np.testing.assert_array_equal(photos(page), painted[None])

    page.get_by_role("button", name="Ready-made", exact=True).click()
    sets = page.locator("#photos-sets")
    for credit in EMOJI.credits:
        for text in credit:
            api.expect(sets).to_contain_text(text)
    for work in ("Noto Emoji", "Twemoji"):
        sets.get_by_role("button", name=f"Add the balloon of {work}").click()
    page.keyboard.press("Escape")
    given = np.concatenate([balloons[:2], painted[None]])
    np.testing.assert_array_equal(photos(page), given)

    page.locator("#sixteen").click()
    page.wait_for_function(SIXTEEN)
    np.testing.assert_array_equal(photos(page), given)
    api.expect(page.locator(".photos-tray .photo")).to_have_count(3)  # what was on the pad joined them
    assert len(page.evaluate(f"{BATCH}.recipe.photographs.photos")) == 3
    first = page.evaluate(f"{BATCH}.pictures[0].seed")
    page.get_by_role("button", name=f"Variation with chance number {first + 1}").click()
    page.wait_for_function(PLAYED, arg=first + 1)
    api.expect(page.locator(".tile")).to_have_count(3)
    box = page.locator(".player-canvas").bounding_box()
    page.mouse.click(box["x"] + 10.5 / 32 * box["width"], box["y"] + 20.5 / 32 * box["height"])
    page.wait_for_function(f"{STATE}.locked === 20 * 32 + 10")
    api.expect(page.locator(".player-place")).to_contain_text("Row 21, column 11")

    # All of it in a link, for somebody else.
    page.locator(".save summary").click()
    page.get_by_role("button", name="Copy a link").click()
    api.expect(page.locator(".save-said")).to_contain_text("The link is copied")
    link = page.evaluate("navigator.clipboard.readText()")
    page.evaluate("localStorage.clear()")
    other = page.context.new_page()
    other.goto(link)
    other.wait_for_function(DRAWN, timeout=test_browser.PATIENCE)
    np.testing.assert_array_equal(photos(other), given)
    other.wait_for_function(f"{STATE}.locked === 20 * 32 + 10", timeout=test_browser.PATIENCE)


def test_what_is_on_the_pad_is_completed_by_touch(open_page):
    page = open_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, reduced_motion="reduce")
    page.get_by_role("radio", name=re.compile("^Emoji")).check()
    page.wait_for_function("studio.photos.value().photos.length === 3 && !studio.drawing")
    box = page.locator(".paint-canvas").bounding_box()
    for choice in page.locator(".paint-palette label").all():
        assert min(choice.bounding_box()["width"], choice.bounding_box()["height"]) >= 44
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 4)
    page.wait_for_function("studio.photos.value().photos.length === 1")
    (painted,) = photos(page)
    assert (painted[7:9, 15:17] == rgb("black")).all()
    assert (painted == 255).all(axis=2).sum() == 32 * 32 - 4
    page.get_by_role("button", name="Complete it", exact=True).tap()
    page.get_by_label("Rows given").fill("16")
    api.expect(page.locator(".photos-whose")).to_have_text("of what is on the pad; the model draws the rest")
    value = page.evaluate("studio.photos.value()")
    assert (len(value["photos"]), value["beginning"]["rows"]) == (0, 16)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Ready-made", exact=True).tap()
    page.get_by_role("button", name="Use the ready-made cow").tap()
    old = page.evaluate(f"{STATE}.run.id")
    page.get_by_role("button", name="Generate").tap()
    page.wait_for_function(f"{WHOLE} && {STATE}.run.id !== {json.dumps(old)} && !studio.drawing")
    drawn = np.array(page.evaluate(f"[...{STATE}.run.image]"), np.uint8).reshape(32, 32, 3)
    np.testing.assert_array_equal(drawn[:16], painted[:16])
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_a_page_without_a_server_draws_emoji(weights, browser, tmp_path):
    write_site(tmp_path / "site")
    with served(tmp_path / "site") as address:
        page = browser.new_context(viewport={"width": 1280, "height": 720}, reduced_motion="reduce").new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(address)
        page.wait_for_function("window.studio")
        turn_to_emoji(page)
        assert page.evaluate("studio.settings.guidance") == EMOJI.guidance
        run = assert_pythons(page)
        assert run["shots"] == 3
        paint(page, (4, 4), (4, 20))
        page.locator("#generate").click()
        page.wait_for_function(f"{DRAWN} && {STATE}.run.shots === 1")
        assert_pythons(page)
        page.locator("#sixteen").click()
        page.wait_for_function(SIXTEEN)
        _, content = saved(page, "Picture, on white")
        picture = np.array(Image.open(io.BytesIO(content)).convert("RGB"))
        shown = np.array(page.evaluate(f"[...{STATE}.run.image]")).reshape(32, 32, 3)
        np.testing.assert_array_equal(picture[10::20, 10::20], shown)
        # What is on the page goes into a link, and comes back.
        project = page.evaluate("studio.project")
        page.context.close()
    assert project["task"] == "emoji"
    assert SERVICE.open_project(project)["supports"] == project["supports"]

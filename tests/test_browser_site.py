"""The studio without a server, as its users meet it: the site after a first visit, and the one file; no network."""

import base64
import io
import json
import re
import threading
import zlib
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image

from fewshot.interface.site import FILE_NAME, write_file, write_site
from tests import test_browser
from tests.test_browser import ALL_ROWS, CROSS, PATIENCE, READY, STATE, api, draw, point_at, saved, take_a_set
from tests.test_browser_local import assert_pythons, choose_model

pytestmark = test_browser.pytestmark
launch, browser = test_browser.launch, test_browser.browser  # the same browser
DESK = {"viewport": {"width": 1280, "height": 720}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
LIVE = f"{STATE}.run.live && {STATE}.run.rows === 26"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextmanager
def served(folder):
    """The address of a folder that a web server gives, as any host does."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def open_context(browser):
    """A fresh profile; afterwards no error was logged."""
    contexts, wrong = [], []

    def watch(page):
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: message.type == "error" and wrong.append(message.text))

    def open_it(**options):
        contexts.append(browser.new_context(**options))
        contexts[-1].on("page", watch)
        api.expect.set_options(timeout=PATIENCE)
        return contexts[-1]

    yield open_it
    for context in contexts:
        context.close()
    assert wrong == []


def link_of(page, address):
    """A link to what is on the page."""
    packed = zlib.compress(json.dumps(page.evaluate("studio.project")).encode())
    return f"{address}#studio={base64.urlsafe_b64encode(packed).decode().rstrip('=')}"


def use_the_studio(context, page, address, on_phone):
    """Draw, generate, lock, vary, compare, save, follow a lesson, open a link."""
    draw(page, *CROSS)
    page.wait_for_function(LIVE)
    assert assert_pythons(page)["guidance"] > 0
    page.locator("#generate").click()
    page.wait_for_function(ALL_ROWS)
    run = assert_pythons(page)
    assert page.evaluate("studio.settings").items() >= {"seed": run["seed"], "fresh": True}.items()
    page.evaluate("studio.playback.go(676)")
    point_at(page, 13, 8, click=True)
    assert page.evaluate(f"{STATE}.locked") == 13 * 26 + 8
    api.expect(page.locator(".tile-heat").first).to_be_visible()

    page.locator("#sixteen").click()
    page.wait_for_function("studio.variations.batch?.pictures.filter(({ fit }) => fit !== null).length === 16")
    api.expect(page.locator(".variations-strip > li")).to_have_count(16)

    link = link_of(page, address)
    if not on_phone:
        name, content = saved(page, "Picture, on white")
        assert str(run["seed"]) in name
        picture = np.array(Image.open(io.BytesIO(content)).convert("L"))
        np.testing.assert_array_equal(picture[10::20, 10::20].ravel() < 128, run["image"])

    page.locator("#compare-open").click()
    page.wait_for_function("Object.values(studio.compare.states).filter((each) => each?.run?.rows === 26).length === 2")
    seeds = page.evaluate("Object.values(studio.compare.states).map(({ run }) => run.seed)")
    assert len(set(seeds)) == 1
    page.locator("#compare-open").click()

    if on_phone:
        page.get_by_role("radio", name="Draw", exact=True).check()
    take_a_set(page)
    page.get_by_role("button", name="Lessons").click()
    found = page.locator(".lesson-menu button")
    api.expect(found).to_have_count(5)  # all but the one about practice, which needs a server
    for lesson in range(1 if on_phone else 5):
        found.nth(lesson).click()
        steps = int(page.locator(".lesson-place").inner_text().split()[-1])
        assert steps >= 3
        for step in range(1, steps + 1):
            api.expect(page.locator(".lesson-place")).to_contain_text(f"{step} ")
            page.wait_for_function(f"document.body.dataset.points && {STATE}.run.rows === 26")
            api.expect(page.locator(".is-error")).to_have_count(0)
            if step < steps:
                page.locator(".lesson footer .strong").click()
        page.locator(".lesson nav").get_by_role("button", name="Lessons").click()
    found.first.click()
    page.locator(".lesson nav").get_by_role("button", name="End the lesson").click()

    other = context.new_page()
    other.goto(link)
    other.wait_for_function(f"window.studio && {ALL_ROWS}")
    assert assert_pythons(other)["image"] == run["image"]
    other.wait_for_function(f"{STATE}.locked === {13 * 26 + 8}")
    choose_model(other, "PixelCNN")
    other.wait_for_function(f"{STATE}.run.model.endsWith('pixelcnn') && {STATE}.run.rows === 26")
    assert_pythons(other)


def test_the_site_works_without_a_network_after_the_first_visit(open_context, tmp_path):
    context = open_context(**DESK)
    page = context.new_page()
    write_site(tmp_path)
    with served(tmp_path) as address:
        page.goto(address)
        page.wait_for_function(READY)
        page.evaluate("navigator.serviceWorker.ready")
    context.set_offline(True)
    page.reload()
    page.wait_for_function(READY)
    use_the_studio(context, page, address, on_phone=False)


def test_one_file_works_from_a_double_click_and_on_a_phone(open_context, tmp_path):
    path = write_file(tmp_path)
    assert path.name == FILE_NAME
    assert path.stat().st_size < 20e6
    context = open_context(**PHONE)
    context.set_offline(True)
    page = context.new_page()
    page.goto(path.as_uri())
    page.wait_for_function(READY)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    api.expect(page.get_by_role("button", name="Upload pictures")).to_be_hidden()
    use_the_studio(context, page, path.as_uri(), on_phone=True)
    page.get_by_role("button", name="About").click()
    api.expect(page.locator("#about")).to_contain_text(re.compile("Meta PixelCNN.*need a server"))

"""Replicas behind the real nginx, with the configuration that is shipped, below a path."""

import os
import re
import shutil
import signal
import urllib.error
import urllib.request

import numpy as np
import pytest

import fewshot
from fewshot import payload
from fewshot.tasks import OMNIGLOT
from tools import replicas
from tools.load import drawings_of

gradio_client = pytest.importorskip("gradio_client")
MODEL = "omniglot-attention"
pytestmark = pytest.mark.skipif(replicas.NGINX is None, reason="nginx is not installed")


@pytest.fixture(scope="module")
def site():
    """Two replicas behind nginx: the address of their studio, and the replicas' process ids."""
    with replicas.site(2) as running:
        yield running


def expected(user):
    return fewshot.load(MODEL).generate(payload.read_supports(drawings_of(user), OMNIGLOT, 26), seed=user).images[0]


def cookie(url):
    answer = urllib.request.urlopen(url)
    assert answer.status == 200
    return re.match(r"(studio=\w+); Path=/studio/", answer.headers["Set-Cookie"])[1]


def test_everything_of_the_page_lies_below_its_path(site):
    url, _ = site
    assert urllib.request.urlopen(url.rstrip("/")).url == url
    page = urllib.request.urlopen(url).read().decode()
    assert re.search(r'"root":\s*"http://127\.0\.0\.1:\d+/studio"', page)
    assert urllib.request.urlopen(f"{url}studio-web/studio.js").status == 200
    request = urllib.request.Request(url, headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request)


def test_a_browser_draws_below_the_path(site):
    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is not installed")
    url, _ = site
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        failed = []
        page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
        page.goto(url)
        page.wait_for_function("window.studio", timeout=120_000)
        before = page.evaluate("document.querySelector('#player').innerText")
        page.locator("#generate").click()
        page.wait_for_function(
            "(before) => document.querySelector('#player').innerText !== before", arg=before, timeout=120_000
        )
        assert page.context.cookies(url)[0]["name"] == "studio"
        assert not failed
        browser.close()


def test_visitors_of_a_replica_that_ends_go_on_with_another(site):
    """Six visitors, of both replicas; one replica is killed, and the next picture of each is right."""
    url, pids = site
    visitors = [{"Cookie": cookie(url)} for _ in range(6)]

    def draw(user):
        client = gradio_client.Client(url, headers=visitors[user], verbose=False)
        return client.predict(drawings_of(user), MODEL, seed=user, api_name="/generate")["image"]

    for user in range(6):
        np.testing.assert_array_equal(draw(user), expected(user))
    os.kill(pids[0], signal.SIGKILL)
    for user in range(6):
        np.testing.assert_array_equal(draw(user), expected(user))

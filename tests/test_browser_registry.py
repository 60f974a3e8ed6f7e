"""A sixth variant and a fifth task, registered while the program runs: the page offers both and draws."""

import re

import pytest
import test_browser
from test_browser import STATE, WHOLE, api, generate, point_at, take_a_set
from test_registry import GREY, more, save  # noqa: F401  more is a fixture

from fewshot.tasks import OMNIGLOT

pytestmark = test_browser.pytestmark
browser, launch, open_page = (getattr(test_browser, name) for name in ("browser", "launch", "open_page"))


@pytest.fixture
def url(more):  # noqa: F811
    from fewshot.interface import studio

    save(more, OMNIGLOT, "tiny")
    save(more, GREY, "attention")
    demo = studio.build()
    _, url, _ = studio.launch(demo, prevent_thread_lock=True, quiet=True)
    yield url
    demo.close(verbose=False)


def test_both_are_offered_draw_and_are_shown(open_page):
    page = open_page(reduced_motion="reduce")
    player = page.locator(".player")
    page.get_by_role("radio", name="Tiny PixelCNN").check()
    take_a_set(page)
    assert generate(page).shape == (26, 26, 1)
    assert page.evaluate(f"{STATE}.run.model") == "omniglot-tiny"
    api.expect(player).to_contain_text("Tiny PixelCNN has no attention.")
    api.expect(player).to_have_class(re.compile("has-influence"))
    api.expect(player).not_to_have_class(re.compile("has-attention"))
    point_at(page, 13, 13, click=True)
    page.wait_for_function(f"{STATE}.run.influences.has(13 * 26 + 13)")
    api.expect(page.locator(".player-influence")).to_be_visible()
    api.expect(page.get_by_role("radiogroup", name="Which of its gazes is shown")).to_be_hidden()

    page.get_by_role("radio", name=re.compile("^Grey")).check()
    page.wait_for_function(f"{WHOLE} && {STATE}.run.task === 'grey'")
    assert generate(page).shape == (20, 20, 1)
    assert page.evaluate(f"{STATE}.run.model") == "grey-attention"
    api.expect(page.locator(".photos-help")).to_have_text("It is drawn again.")
    api.expect(page.locator(".tile")).to_have_count(2)
    api.expect(player).to_have_class(re.compile("has-attention"))
    api.expect(page.get_by_role("radiogroup", name="Which of its gazes is shown")).to_be_visible()

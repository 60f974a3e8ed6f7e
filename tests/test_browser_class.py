"""The studio for a class, in the real page: prepared links and the wall."""

import re

from tests.test_browser import (  # the fixtures too
    ALL_ROWS,
    CROSS,
    api,
    browser,
    draw,
    launch,
    open_page,
    pace,
    page,
    pytestmark,
    take_a_set,
    thumbnails,
    url,
)

__all__ = ["browser", "launch", "open_page", "pace", "page", "pytestmark", "url"]

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True, "reduced_motion": "reduce"}
# By name what the page can hide: how many elements it finds, and how many of these are seen.
PARTS = """async () => { const { PARTS } = await import(new URL("studio-web/hiding.js", document.baseURI));
    return Object.entries(PARTS).map(([name, { at }]) => { const found = [...document.querySelectorAll(at)];
    return [name, found.length, found.filter((element) => element.checkVisibility()).length]; }); }"""


def prepare(page, *labels):
    """Opens the panel, ticks what is hidden, all without names, and gives the link."""
    page.get_by_role("button", name="More", exact=True).click()
    page.get_by_role("button", name="Prepare for a class").click()
    ticks = page.locator("#prepare fieldset input")
    for tick in [page.locator("#prepare").get_by_label(label, exact=True) for label in labels] or ticks.all():
        tick.check()
    return page.locator(".prepare-link")


def test_a_prepared_link_on_a_phone_hides_all_that_it_says(open_page):
    page = open_page(reduced_motion="reduce")
    take_a_set(page)
    link = prepare(page)
    names = [name for name, found, _ in page.evaluate(PARTS) if found]
    api.expect(link).to_have_value(re.compile(rf"\?hide={','.join(names)}#studio="))
    api.expect(page.locator(".prepare-code svg")).to_be_visible()
    of_a_state = link.input_value()
    page.locator(".prepare-begins").select_option("3")
    page.locator(".prepare-step").select_option("2")
    api.expect(link).to_have_value(re.compile(rf"/\?lesson=3&step=2&hide={','.join(names)}$"))

    phone = open_page(**PHONE)
    phone.goto(of_a_state.replace("?hide=", "?hide=nonsense,"))
    phone.wait_for_function(f"window.studio && {ALL_ROWS}")
    api.expect(thumbnails(phone)).to_have_count(8)
    seen = {"Watch": phone.evaluate(PARTS)}  # where what it holds is shown
    phone.get_by_text("Draw", exact=True).tap()
    api.expect(phone.locator(".pad-paper")).to_be_visible()
    seen["Draw"] = phone.evaluate(PARTS)
    for view, parts in seen.items():
        assert [name for name, found, visible in parts if visible or not found] == [], view
    notice = phone.locator(".notice")
    api.expect(notice).to_contain_text("This link hides what is not there: nonsense.")
    notice.get_by_role("button", name="OK").tap()
    api.expect(notice).to_have_count(0)
    draw(phone, *CROSS)
    phone.get_by_role("button", name="Generate").tap()
    api.expect(phone.locator(".player-frame")).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") == 390

"""The studio for a class, in the real page: prepared links and the wall."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from fewshot.interface import wall
from fewshot.tasks import OMNIGLOT
from tests.test_browser import (  # the fixtures too
    ALL_ROWS,
    CROSS,
    STATE,
    api,
    browser,
    draw,
    launch,
    open_page,
    page,
    pytestmark,
    take_a_set,
    thumbnails,
)

__all__ = ["browser", "launch", "open_page", "page", "pytestmark"]

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True, "reduced_motion": "reduce"}
# By name what the page can hide: how many elements it finds, and how many of these are seen.
PARTS = """async () => { const { PARTS } = await import(new URL("studio-web/hiding.js", document.baseURI));
    return Object.entries(PARTS).map(([name, { at }]) => { const found = [...document.querySelectorAll(at)];
    return [name, found.length, found.filter((element) => element.checkVisibility()).length]; }); }"""


@pytest.fixture(scope="module")
def the_wall():
    return wall.Wall()


@pytest.fixture(scope="module")
def url(the_wall):
    from fewshot.interface import studio

    demo = studio.build()
    _, url, _ = studio.launch(demo, the_wall=the_wall, prevent_thread_lock=True, quiet=True)
    yield url
    demo.close(verbose=False)


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

    phone.goto(link.input_value().replace("lesson=3&step=2", "lesson=2&step=3"))  # a step is where it is about
    api.expect(phone.locator("#generate.is-pointed-at")).to_be_visible()
    api.expect(phone.locator(".pad-paper")).to_be_visible()
    for step in (4, 5):  # the next one is about the drawings too
        phone.locator(".lesson footer .strong").tap()
        api.expect(phone.locator(".lesson-place")).to_have_text(f"Step {step} of 6")
    api.expect(phone.locator(".player-frame.is-pointed-at")).to_be_visible()
    api.expect(phone.locator(".pad-paper")).to_be_hidden()


def send(page):
    """Sends the picture to the wall, and gives what the page says of it."""
    page.get_by_role("button", name="Send to the wall").click()
    said = page.locator("#to-wall [role=status]")
    api.expect(said).not_to_be_empty()
    return said.inner_text()


def test_two_pupils_and_the_teachers_wall(open_page, browser, url, the_wall):
    wrong = []
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    teacher = context.new_page()
    teacher.on("pageerror", lambda error: wrong.append(str(error)))
    teacher.goto(f"{url}{the_wall.entrance}")
    assert teacher.url == f"{url}wall"
    api.expect(teacher.locator(".empty")).to_be_visible()

    one, other = open_page(reduced_motion="reduce"), open_page(**PHONE)
    take_a_set(one)
    other.get_by_text("Watch", exact=True).tap()
    assert "this picture is an example" in send(other)
    other.get_by_text("Draw", exact=True).tap()
    draw(other, *CROSS)
    for pupil in (one, other):
        pupil.get_by_role("button", name="Generate").click()
        pupil.wait_for_function(ALL_ROWS)
        assert send(pupil) == wall.SENT
    cards = teacher.locator(".drawing")
    api.expect(cards).to_have_count(2)
    api.expect(cards.first).to_contain_text(f"Attention PixelCNN, faithfulness {OMNIGLOT.guidance}")

    with teacher.expect_download() as saved:  # the newest first, as the pupil sees it
        teacher.get_by_role("button", name="Save the sheet").click()
    sheet = np.array(Image.open(io.BytesIO(saved.value.path().read_bytes())).convert("L"))
    assert sheet.shape == (282, 488)
    drawn = np.array(other.evaluate(f"[...{STATE}.run.image]")).reshape(26, 26)
    np.testing.assert_array_equal(sheet[28:232:8, 28:232:8] < 128, drawn == 1)

    teacher.get_by_role("button", name="Share").last.click()
    for pupil in (one, other):
        api.expect(pupil.locator(".notice")).to_contain_text("Your teacher shares 8 drawings with everybody.")
    one.get_by_role("button", name="Not now").click()
    api.expect(one.locator(".notice")).to_have_count(0)
    api.expect(thumbnails(other)).to_have_count(1)
    other.get_by_role("button", name="Take the teacher's drawings").tap()
    api.expect(thumbnails(other)).to_have_count(8)
    other.get_by_text("Draw", exact=True).tap()
    other.locator(".pad-status [data-do=restore]").tap()
    api.expect(thumbnails(other)).to_have_count(1)
    assert other.context.request.get(f"{url}wall/drawings").status == 403

    teacher.get_by_role("button", name="Remove").first.click()
    api.expect(cards).to_have_count(1)
    teacher.get_by_role("button", name="Undo").click()
    api.expect(cards).to_have_count(2)
    teacher.get_by_role("button", name="Clear").click()
    api.expect(teacher.locator(".empty")).to_be_visible()
    context.close()
    assert wrong == []

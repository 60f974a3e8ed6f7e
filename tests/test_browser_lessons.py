"""Lessons, guessing and presenting, in the real page."""

import re

from fewshot.interface import lessons
from tests.test_browser import (  # the fixtures too
    ALL_ROWS,
    CROSS,
    STATE,
    api,
    browser,
    draw,
    launch,
    open_page,
    pace,
    page,
    pytestmark,
    status,
    take_a_set,
    thumbnails,
    url,
)

__all__ = ["browser", "launch", "open_page", "pace", "page", "pytestmark", "url"]

SIZES = """() => [...document.querySelectorAll("body *")].filter((element) => element.checkVisibility() &&
    [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim()) &&
    element.getBoundingClientRect().width > 2).map((element) => [parseFloat(getComputedStyle(element).fontSize),
    element.className, element.textContent.trim().slice(0, 40)])"""


def at_step(page, url, lesson, step, more=""):
    """The page at a step of a lesson, once its state is set up."""
    page.goto(f"{url}?lesson={lesson}&step={step}{more}")
    page.locator(".is-pointed-at").first.wait_for()


def test_a_whole_lesson_by_keyboard_and_the_drawings_come_back(page):
    draw(page, *CROSS)
    page.get_by_role("button", name="Add drawing").click()
    api.expect(thumbnails(page)).to_have_count(1)
    page.locator(".lesson-open").focus()
    page.keyboard.press("Enter")
    page.locator(".lesson-menu button").nth(3).focus()
    page.keyboard.press("Enter")
    steps = lessons.read("en")["lessons"][3]["steps"]
    for number, step in enumerate(steps, 1):
        api.expect(page.locator(".lesson-place")).to_have_text(f"Step {number} of {len(steps)}")
        api.expect(page.locator(".lesson-answer")).to_be_hidden()
        page.keyboard.press("Enter")
        api.expect(page.locator(".lesson-answer")).to_have_text(step["answer"])
        wanted = step["state"]
        page.wait_for_function(
            f"""([model, steps]) => !studio.drawing && {STATE}.run.model === model &&
                {STATE}.run.support_nats.length - 1 === steps && studio.settings.model === model""",
            arg=[f"{wanted['task']}-{wanted['model']}", wanted["inner_steps"]],
        )
        assert f"lesson=4&step={number}" in page.url
        page.keyboard.press("ArrowRight")
    api.expect(page.locator("#model input:checked")).to_have_value(f"{wanted['task']}-{wanted['model']}")
    page.keyboard.press("Escape")  # to play, and back
    api.expect(page.locator(".lesson")).to_be_hidden()
    page.locator(".lesson-resume").focus()
    page.keyboard.press("Enter")
    api.expect(page.locator(".lesson-place")).to_have_text(f"Step {len(steps)} of {len(steps)}")
    page.locator(".lesson footer .strong").focus()
    page.keyboard.press("Enter")
    api.expect(page.locator(".lesson")).to_be_hidden()
    api.expect(thumbnails(page)).to_have_count(1)
    assert "lesson" not in page.url


def test_after_a_lesson_an_empty_page_is_as_it_was_and_what_was_drawn_in_it_stays(page):
    before = page.evaluate("studio.settings")
    for drawn in (False, True):
        page.get_by_role("button", name="Lessons").click()
        page.locator(".lesson-menu button").first.click()
        page.locator(".is-pointed-at").first.wait_for()
        page.wait_for_function(
            f"before => String(studio.settings.fresh) !== String(before.fresh) && {ALL_ROWS}", arg=before
        )
        if drawn:
            page.get_by_role("button", name="Remove all").click()
            draw(page, *CROSS)
        page.locator(".lesson nav").get_by_role("button", name="End the lesson").click()
        page.wait_for_function(
            "before => Object.entries(before).every(([name, value]) => studio.settings[name] === value)", arg=before
        )
        api.expect(thumbnails(page)).to_have_count(0)
        assert len(page.evaluate("studio.pad.now().supports")) == int(drawn)


def test_after_a_lesson_the_picture_that_was_shown_is_back(page):
    take_a_set(page)
    page.locator("#sixteen").click()
    page.wait_for_function("studio.variations.batch?.pictures.every(({ rows }) => rows === 26)")
    page.locator(".variations .picture-play").nth(9).click()
    page.wait_for_function(f"{ALL_ROWS} && {STATE}.run.seed === studio.variations.batch.pictures[9].seed")
    seed = page.evaluate(f"{STATE}.run.seed")
    page.get_by_role("button", name="Lessons").click()
    page.locator(".lesson-menu button").first.click()
    page.wait_for_function(f"(seed) => {ALL_ROWS} && {STATE}.run.seed !== seed", arg=seed)
    page.locator(".lesson nav").get_by_role("button", name="End the lesson").click()
    page.wait_for_function(f"(seed) => {ALL_ROWS} && {STATE}.run.seed === seed", arg=seed)
    api.expect(status(page, "pad")).to_contain_text(f"chance number {seed} is back")


def test_what_was_drawn_before_a_lesson_that_was_left_open_is_there_at_the_next_visit(page, url):
    draw(page, *CROSS)
    page.get_by_role("button", name="Add drawing").click()
    api.expect(thumbnails(page)).to_have_count(1)
    at_step(page, url, 1, 2)
    api.expect(thumbnails(page)).to_have_count(4)
    page.goto(url)
    api.expect(thumbnails(page)).to_have_count(1)
    page.evaluate("""localStorage["fewshot-studio-before-lessons"] = '{"omniglot": {"task": "omniglot"}, "x": {}}'""")
    at_step(page, url, 1, 2)
    page.locator(".lesson nav").get_by_role("button", name="End the lesson").click()
    api.expect(page.locator(".lesson")).to_be_hidden()
    api.expect(thumbnails(page)).to_have_count(1)


def test_guess_the_next_pixel_the_row_and_the_picture(page, url):
    at_step(page, url, 1, 3)
    first = page.evaluate(f"{STATE}.run.image.indexOf(1)")
    start = page.evaluate(f"{STATE}.position")
    assert first - 2 <= start <= first
    chance = page.evaluate(f"{STATE}.run.chance[{start}]")
    page.keyboard.press("1")
    result = page.locator(".guess-result")
    said = re.compile(r"You: ink\. The machine gave ink (?:[<>] )?([\d.]+)\s%")
    api.expect(result).to_contain_text(said)
    shown = float(said.search(result.inner_text())[1])
    assert abs(shown - 100 * chance) <= 0.5
    assert page.evaluate(f"{STATE}.position") == start + 1
    api.expect(page.locator(".guess-tally")).to_contain_text("of 1.")

    page.locator(".guess select").select_option("row")
    page.locator(".guess-sheet").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    row_end = (start + 1) // 26 * 26 + 26
    assert page.evaluate(f"{STATE}.position") == row_end
    api.expect(result.locator("canvas")).to_have_count(3)

    page.locator(".guess select").select_option("picture")
    page.get_by_role("button", name="Show what it drew").click()
    assert page.evaluate(f"{STATE}.position") == 26 * 26
    api.expect(page.locator(".guess-question")).to_have_text("The picture is finished.")
    page.get_by_role("button", name="Go to the first ink").click()
    assert first - 2 <= page.evaluate(f"{STATE}.position") <= first


def test_presenting_is_large_and_goes_on_by_a_remote(open_page, url):
    page = open_page(viewport={"width": 1280, "height": 720}, reduced_motion="reduce")
    at_step(page, url, 3, 1, "&lang=de&present")
    small = [text for text in page.evaluate(SIZES) if text[0] < 18]
    assert small == []
    german = lessons.read("de")
    words, steps = german["words"], len(german["lessons"][2]["steps"])
    api.expect(page.locator(".lesson-place")).to_have_text(words["step"].format(step=1, steps=steps))
    for part in (".player-frame", ".player-tiles", ".lesson footer .strong"):
        box = page.locator(part).bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 720
    page.keyboard.press("PageDown")
    api.expect(page.locator(".lesson-answer")).to_be_visible()
    page.keyboard.press("PageDown")
    api.expect(page.locator(".lesson-place")).to_have_text(words["step"].format(step=2, steps=steps))
    page.keyboard.press("PageUp")
    api.expect(page.locator(".lesson-place")).to_have_text(words["step"].format(step=1, steps=steps))


def test_every_place_that_a_lesson_points_at_is_on_the_page(page):
    found = page.evaluate(
        """async () => { const { PLACES } = await import(new URL("studio-web/places.js", document.baseURI));
        return Object.entries(PLACES).map(([name, at]) => [name, document.querySelectorAll(at).length]); }"""
    )
    assert found
    assert [name for name, count in found if not count] == []


def test_on_a_phone_what_a_step_points_at_is_in_sight(open_page, url):
    page = open_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    at_step(page, url, 3, 3)
    panel = page.locator(".lesson").bounding_box()
    for part in (".player-heads", ".player-tiles"):
        box = page.locator(part).bounding_box()
        assert box["y"] >= panel["y"] + panel["height"]
        assert box["y"] + box["height"] <= 844

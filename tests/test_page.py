"""The page as a whole: what is in the window, what comes back, and what must never happen to who uses it."""

import re
from pathlib import Path

import pytest

from tests import test_browser
from tests.test_browser import (
    ALL_ROWS,
    CROSS,
    READY,
    STATE,
    WHOLE,
    api,
    draw,
    settings,
    status,
    take_a_set,
    thumbnails,
    turn_to,
)
from tests.test_browser_variations import sixteen

pytestmark = test_browser.pytestmark
# The same server and browser as there; a module has its own of each.
browser, launch, open_page, pace, page, slow_rows, url = (
    getattr(test_browser, name) for name in ("browser", "launch", "open_page", "pace", "page", "slow_rows", "url")
)
AXE = Path(__file__).resolve().parents[1] / "node_modules" / "axe-core" / "axe.min.js"
DESKTOP, PROJECTOR, TABLET, PHONE = (1280, 720), (1920, 1080), (768, 1024), (390, 844)
TOUCH = {"is_mobile": True, "has_touch": True}
OUTSIDE = """
(selectors) => selectors.filter((selector) => {
  const { left, top, right, bottom, width } = document.querySelector(selector).getBoundingClientRect();
  return !(width > 20 && left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight);
})
"""


def window(size, **options):
    """Options of a page in a window of a size; small ones are touched."""
    touch = TOUCH if size in (TABLET, PHONE) else {}
    return {"viewport": dict(zip(("width", "height"), size, strict=True)), "reduced_motion": "reduce"} | touch | options


def radio(page, name):
    return page.get_by_role("radio", name=re.compile(f"^{name}"))


@pytest.mark.parametrize("size", [DESKTOP, PROJECTOR, TABLET, PHONE], ids=lambda size: f"{size[0]}x{size[1]}")
def test_all_that_belongs_together_is_in_the_window(open_page, size):
    """Pad, picture, what it reads and Generate, without scrolling; on a phone in two views."""
    page = open_page(**window(size))
    take_a_set(page)
    page.get_by_role("button", name="Generate").click()
    page.wait_for_function(ALL_ROWS)
    api.expect(page.locator(".tile")).to_have_count(8)
    watched = [".player-frame", ".player-transport", ".tile:last-child > div", "#generate"]
    drawn = [".pad-paper", ".pad-tools", ".pad-tray", ".pad-more", "#generate"]
    for scheme in ("light", "dark"):
        page.evaluate("(dark) => document.body.classList.toggle('dark', dark)", scheme == "dark")
        if size == PHONE:
            assert page.evaluate(OUTSIDE, watched) == []  # where Generate leads
            api.expect(page.locator(".pad-paper")).to_be_hidden()
            radio(page, "Draw").check(force=True)
            assert page.evaluate(OUTSIDE, drawn) == []
            api.expect(page.locator(".player-frame")).to_be_hidden()
            radio(page, "Watch").check(force=True)
        else:
            assert page.evaluate(OUTSIDE, watched + drawn) == []
    if size in (DESKTOP, PROJECTOR):  # and the variations below them
        sixteen(page)
        page.wait_for_function("document.documentElement.scrollHeight <= innerHeight")
        assert page.evaluate(OUTSIDE, [*watched, *drawn, ".variations-strip .picture"]) == []
    assert page.evaluate("[scrollX, scrollY]") == [0, 0]
    assert page.evaluate("document.documentElement.scrollWidth") == size[0]


def test_a_larger_window_has_larger_pictures_and_text(open_page):
    sizes = """() => [".pad-paper", ".player-frame", "#generate"].map(
        (selector) => document.querySelector(selector).getBoundingClientRect().height
      ).concat(parseFloat(getComputedStyle(document.querySelector(".player-place")).fontSize))"""
    page = open_page(**window(DESKTOP))
    small = page.evaluate(sizes)
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.wait_for_function(
        f"(small) => ({sizes})().every((size, i) => Math.abs(size / small[i] / 1.5 - 1) < 0.02)", arg=small
    )
    # Twice as large by the browser's zoom, which halves the window: nothing is cut off.
    page.set_viewport_size({"width": 640, "height": 360})
    assert page.evaluate("document.documentElement.scrollWidth") == 640


def test_text_and_targets_are_large_enough(open_page):
    """Text of 14 px or more; what is touched is 44 px high, with what belongs to it."""
    page = open_page(**window(TABLET))
    take_a_set(page)
    small = """() => [...document.querySelectorAll(":is(#head, #bar, #reads, #columns) *")].filter((node) =>
      node.checkVisibility() && parseFloat(getComputedStyle(node).fontSize) < 14 &&
      [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim())
    ).map((node) => node.outerHTML)"""
    found = [html for html in page.evaluate(small) if "sr-only" not in html]
    assert found == []
    reached = """(selector) => [...document.querySelectorAll(selector)]
      .filter((node) => node.checkVisibility()).filter((node) => {
      const { left, right, top, bottom } = node.getBoundingClientRect();
      const middle = (top + bottom) / 2, x = (left + right) / 2;
      return ![middle - 21, middle + 21].every((y) => {
        const hit = document.elementFromPoint(x, y);
        return node.contains(hit) || hit?.closest("label")?.contains(node);
      });
    }).map((node) => node.outerHTML)"""
    page.locator(".player-canvas").click()
    targets = "#generate, #model label, #task label, .pad-tools button, .pad-along input, .player-transport button"
    found = page.evaluate(reached, f"{targets}, .player [data-do=unlock]")
    assert found == []


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed: npm ci")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(open_page, scheme):
    page = open_page(**window(DESKTOP, color_scheme=scheme))
    take_a_set(page)
    page.add_script_tag(path=AXE)
    run = """async () => (await axe.run(document, { resultTypes: ["violations"] })).violations
      .filter(({ impact }) => ["serious", "critical"].includes(impact))
      .map(({ id, nodes }) => [id, ...nodes.map(({ html, any }) => `${html.slice(0, 200)} ${any[0]?.message}`)])"""
    for opener in ("", "Settings", "Ready-made sets", "Compare", "One drawing, scored", "Which set is it?", "Lessons"):
        button = page.get_by_role("button", name=opener, exact=True)
        if opener:
            button.or_(page.locator(".compare-kinds").get_by_text(opener)).click()
        found = page.evaluate(run)
        assert found == [], f"{opener}: {found}"
        page.keyboard.press("Escape")


def test_drawers_open_and_close_by_keyboard(page):
    for button, drawer in (("Settings", "#settings"), ("Ready-made sets", "#pad-sets"), ("More", "#more")):
        page.get_by_role("button", name=button, exact=True).focus()
        page.keyboard.press("Enter")
        api.expect(page.locator(drawer)).to_be_visible()
        page.keyboard.press("Escape")
        api.expect(page.locator(drawer)).to_be_hidden()
        api.expect(page.get_by_role("button", name=button, exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Laboratory").press("Enter")
    api.expect(page.locator(".lab-figures")).to_be_visible()
    page.keyboard.press("Escape")
    api.expect(page.locator(".lab-figures")).to_be_hidden()
    api.expect(page.get_by_role("link", name="For programmers")).to_be_visible()  # beside it


def test_arrow_keys_choose_task_and_model(page):
    take_a_set(page)
    radio(page, "Attention PixelCNN").focus()
    page.keyboard.press("ArrowRight")
    api.expect(radio(page, "Attentive Meta PixelCNN")).to_be_checked()
    api.expect(page.locator("#reads")).to_contain_text("after practising on your drawings")
    page.wait_for_function("studio.settings.model === 'omniglot-attentive-meta'")
    radio(page, "Characters").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"{WHOLE} && {STATE}.run.task === 'flip'")
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(f"{WHOLE} && {STATE}.run.task === 'omniglot'")
    for group in ("task", "model"):
        assert page.locator(f"#{group} input:checked").count() == 1
        assert {each.get_attribute("name") for each in page.locator(f"#{group} input").all()} == {group}


def test_a_reload_brings_task_model_and_settings_back(page):
    turn_to(page, "mirror")
    radio(page, "Meta PixelCNN").check()
    page.locator(".player-speed").select_option("10")
    settings(page).locator("#temperature input[type=number]").fill("0.9")
    settings(page).locator("#inner-steps input[type=number]").fill("2")
    settings(page).get_by_label("Chance number", exact=True).fill("77")
    page.keyboard.press("Tab")
    wanted = {"model": "mirror-meta", "temperature": 0.9, "inner_steps": 2, "seed": 77, "fresh": False}
    told = "(wanted) => Object.entries(wanted).every(([name, value]) => window.studio?.settings?.[name] === value)"
    page.wait_for_function(told, arg=wanted)
    page.reload()
    page.wait_for_function(told, arg=wanted)
    api.expect(radio(page, "Mirror")).to_be_checked()
    api.expect(radio(page, "Meta PixelCNN")).to_be_checked()
    api.expect(page.locator(".player-speed")).to_have_value("10")
    page.wait_for_function(f"{WHOLE} && {STATE}.run.model === 'mirror-meta' && {STATE}.run.seed === 77")
    for damaged in ('{"task": "omniglot", "model": "none"}', '{"task": [], "model": 3}', "7", "{"):
        page.evaluate("(kept) => localStorage.setItem('fewshot-studio-settings', kept)", damaged)
        page.reload()
        page.wait_for_function(f"{READY} && studio.settings")
        api.expect(radio(page, "Attention PixelCNN")).to_be_checked()


def test_two_tabs_keep_their_own_drawings(page):
    draw(page, *CROSS)
    page.get_by_role("button", name="Add drawing").click()
    api.expect(thumbnails(page)).to_have_count(1)
    other = page.context.new_page()
    other.goto(page.url)
    other.wait_for_function(READY)
    api.expect(thumbnails(other)).to_have_count(0)
    take_a_set(other)
    api.expect(thumbnails(other)).to_have_count(8)
    for each, number in ((page, 1), (other, 8)):
        each.reload()
        each.wait_for_function(READY)
        api.expect(thumbnails(each)).to_have_count(number)
    url, context = page.url, page.context
    page.close()
    other.close()
    found = set()
    for _ in range(2):  # nothing of either is lost
        again = context.new_page()
        again.goto(url)
        again.wait_for_function(READY)
        found.add(thumbnails(again).count())
    assert found == {1, 8}


def test_undo_takes_back_what_was_done_last(page):
    draw(page, *CROSS)
    strokes = page.evaluate("studio.pad.now().supports")
    page.get_by_role("button", name="Add drawing").click()
    api.expect(thumbnails(page)).to_have_count(1)
    page.keyboard.press("Control+z")
    api.expect(thumbnails(page)).to_have_count(0)
    assert page.evaluate("studio.pad.now().supports") == strokes
    seed = settings(page).get_by_label("Chance number", exact=True)
    seed.fill("")
    seed.press_sequentially("42")
    seed.press("Control+z")
    assert page.evaluate("studio.pad.now().supports") == strokes  # the field's own undo
    assert seed.input_value() != "42"
    page.keyboard.press("Escape")
    radio(page, "Conditional").focus()
    page.keyboard.press("Control+z")
    assert page.evaluate("studio.pad.now().supports[0].strokes.length") == 1


def test_the_first_n_stay_n(page):
    take_a_set(page)
    page.get_by_label("use so many of the drawings").select_option("4")
    thumbnails(page).first.press("Delete")
    api.expect(page.get_by_label("use so many of the drawings")).to_have_value("4")
    assert page.evaluate("studio.pad.now().shots") == 4
    page.locator(".pad-status").get_by_role("button", name="Undo").click()
    assert page.evaluate("[studio.pad.now().supports.length, studio.pad.now().shots]") == [8, 4]


def test_a_stroke_that_is_being_drawn_survives_a_change_of_task(open_page):
    page = open_page()  # drawing along
    box = page.locator(".pad-canvas").bounding_box()
    page.mouse.move(box["x"] + 50, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 90, box["y"] + 90)
    radio(page, "Characters").focus()
    page.keyboard.press("ArrowRight")
    page.mouse.move(box["x"] + 120, box["y"] + 60)
    page.wait_for_function(f"{WHOLE} && {STATE}.run.task === 'flip' && !studio.drawing")
    page.mouse.up()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(f"{WHOLE} && {STATE}.run.task === 'omniglot' && !studio.drawing")
    api.expect(thumbnails(page)).to_have_count(0)
    assert page.evaluate("studio.pad.now().supports[0].strokes.length") == 1
    api.expect(page.locator(".is-error")).to_have_count(0)


def test_another_model_shows_its_own_picture_of_the_same_noise(page):
    """With drawing along off; the pad stays as it is."""
    draw(page, *CROSS)
    page.get_by_role("button", name="Generate").click()
    page.wait_for_function(f"{ALL_ROWS} && !studio.drawing")
    draw(page, CROSS[0])
    seed = page.evaluate(f"{STATE}.run.seed")
    for model in ("conditional", "pixelcnn"):
        radio(page, {"conditional": "Conditional", "pixelcnn": "PixelCNN"}[model]).check()
        page.wait_for_function(f"{WHOLE} && {STATE}.run.model === 'omniglot-{model}' && !studio.drawing")
        assert page.evaluate(f"{STATE}.run.seed") == seed
    api.expect(thumbnails(page)).to_have_count(1)
    assert page.evaluate("studio.pad.now().supports.length") == 2


# Counts what a screen reader would say, or describe anew.
LISTEN = """() => {
  window.said = [];
  const live = "[role=status], [role=alert], [aria-live], output";
  const isSaid = (node) => (node.nodeType === 1 ? node : node.parentElement)?.closest(live);
  new MutationObserver((records) => {
    const names = records.filter(({ type }) => type === "attributes").map(({ target }) => target.className);
    if (records.some(({ type, target }) => type !== "attributes" && isSaid(target))) said.push("live");
    said.push(...new Set(names));
  }).observe(document.body, { subtree: true, childList: true, characterData: true,
    attributeFilter: ["aria-label", "aria-valuetext"] });
}"""


def test_a_screen_reader_hears_at_most_one_thing_a_second_while_it_plays(open_page):
    page = open_page()
    page.wait_for_function(f"{STATE}.playing && {STATE}.position > 5")
    page.evaluate(LISTEN)
    start = page.evaluate("performance.now()")
    page.wait_for_function(f"{STATE}.position > 300")
    seconds = (page.evaluate("performance.now()") - start) / 1000
    said = page.evaluate("said")
    assert {name: said.count(name) for name in said if said.count(name) > seconds + 1} == {}
    assert said  # it is described now and then


def test_a_place_of_a_drawing_shows_which_pixels_read_it(page):
    take_a_set(page)
    page.get_by_role("button", name="Generate").click()
    page.wait_for_function(ALL_ROWS)
    readers = page.locator(".player-over")
    api.expect(readers).to_be_hidden()
    tile = page.locator(".tile-heat").nth(2)
    box = tile.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    api.expect(status(page, "player")).to_contain_text(re.compile(r"Drawing 3, row \d+, column \d+: .* with [<\d.]+ "))
    api.expect(readers).to_be_visible()
    shown = readers.evaluate(
        "(canvas) => [...canvas.getContext('2d').getImageData(0, 0, 26, 26).data].filter((_, i) => i % 4 === 3)"
    )
    assert max(shown) == 255  # the pixel that read it most
    assert min(shown) < 128
    page.mouse.down()
    page.mouse.up()
    page.mouse.move(5, 5)
    api.expect(readers).to_be_visible()  # locked
    page.get_by_role("button", name="Unlock").click()
    api.expect(readers).to_be_hidden()


def test_a_server_that_is_gone_is_told_of(browser, url):
    page = browser.new_page(reduced_motion="reduce")
    page.set_default_timeout(test_browser.PATIENCE)
    page.goto(url)
    page.wait_for_function(READY)
    take_a_set(page)
    page.context.set_offline(True)
    page.get_by_role("button", name="Generate").click()
    api.expect(status(page, "player")).to_contain_text("The server did not answer")
    page.wait_for_function("!studio.drawing")
    api.expect(thumbnails(page)).to_have_count(8)
    page.context.set_offline(False)
    page.get_by_role("button", name="Generate").click()
    page.wait_for_function(ALL_ROWS)
    page.close()

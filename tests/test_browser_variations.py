"""Many pictures at once, the shelf, undoing and completing, as their users meet them."""

import re

import numpy as np

import fewshot
from fewshot import payload
from fewshot.export.formats import files
from fewshot.tasks import OMNIGLOT
from tests import test_browser
from tests.test_browser import CROSS, READY, STATE, api, draw, saved, status, thumbnails, turn_to

pytestmark = test_browser.pytestmark
# The same browser and server; a fixture that another one needs must be here too.
pace, slow_rows, url, launch, browser, open_page, page = (
    getattr(test_browser, name) for name in ("pace", "slow_rows", "url", "launch", "browser", "open_page", "page")
)

BUTTON = "\N{MULTIPLICATION SIGN}16"
BATCH = "studio.variations.batch"
SIXTEEN = f"{BATCH}?.pictures.length === 16 && {BATCH}.pictures.every(({{ rows }}) => rows === {BATCH}.side)"
FITS = f"{BATCH}.pictures.every(({{ fit }}) => fit !== null)"
PLAYED = f"""(seed) => {STATE}.run.seed === seed && {STATE}.run.rows === {STATE}.run.height && !{STATE}.run.live &&
  String({STATE}.run.image) === String({BATCH}.pictures.find((picture) => picture.seed === seed).image)"""


def take_set(page, which=0):
    page.get_by_role("button", name="Ready-made sets").click()
    page.get_by_role("button", name="Use the ready-made set").nth(which).click()


def sixteen(page):
    """Have sixteen drawn in place of those that are there; their seeds in order."""
    old = page.evaluate(f"{BATCH}?.recipe.settings.seed")
    page.get_by_role("button", name=BUTTON).click()
    page.wait_for_function(f"(old) => {SIXTEEN} && {BATCH}.recipe.settings.seed !== old", arg=old)
    return page.evaluate(f"{BATCH}.pictures.map(({{ seed }}) => seed)")


def images(page):
    return np.array(page.evaluate(f"{BATCH}.pictures.map(({{ image }}) => [...image])"), np.uint8)


def variation(page, seed):
    return page.get_by_role("button", name=re.compile(f"^Variation with chance number {seed}\\b"))


def kept(page):
    return page.get_by_role("button", name=re.compile("^Kept picture"))


def own_drawings(page):
    return page.evaluate("studio.pad.now().supports")


def test_sixteen_at_once_are_played_walked_through_sorted_and_kept(page):
    take_set(page)
    page.get_by_label("use so many of the drawings").select_option("4")
    first, *others = sixteen(page)
    assert others == list(range(first + 1, first + 16))
    api.expect(status(page, "variations")).to_contain_text("16 variations")
    supports = payload.read_supports(own_drawings(page), OMNIGLOT, 26, 4)
    run = fewshot.load("omniglot-attention").generate(supports, 16, first, guidance=OMNIGLOT.guidance, cut=OMNIGLOT.cut)
    np.testing.assert_array_equal(images(page), run.images.reshape(16, -1))

    variation(page, first + 3).click()
    page.wait_for_function(PLAYED, arg=first + 3)
    assert page.evaluate(f"{STATE}.run.heads") == 4  # with its whole trace
    api.expect(page.locator(".player-facts")).to_contain_text(f"chance number\u00a0{first + 3}")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    api.expect(variation(page, first + 5)).to_be_focused()
    page.wait_for_function(PLAYED, arg=first + 5)
    api.expect(variation(page, first + 5)).to_have_attribute("aria-current", "true")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the star of the current one
    api.expect(kept(page)).to_have_count(1)
    page.wait_for_function(FITS)
    page.get_by_label("Order of the variations").select_option("fit")
    fits = page.locator(".variations .picture-caption b").all_inner_texts()
    numbers = [int(text.replace("\u2212", "-")) for text in fits]
    assert numbers == sorted(numbers, reverse=True)
    assert len(set(numbers)) > 1
    assert [saved(page, "All variations on one sheet")] == list(files(run, ["sheet"]))

    page.get_by_role("button", name="Show all").click()
    tops = {round(box.bounding_box()["y"]) for box in page.locator(".variations .picture").all()}
    assert len(tops) > 1
    page.get_by_role("button", name="16 more").click()
    page.wait_for_function(f"{BATCH}.pictures.length === 32")
    assert len({tuple(image) for image in images(page)[:16]}) > 10

    page.reload()  # what was watched is there again, and not the last one that was asked for
    page.wait_for_function(READY)
    page.wait_for_function(f"(seed) => {STATE}.run.seed === seed && {STATE}.run.rows === 26", arg=first + 5)
    api.expect(variation(page, first + 5)).to_have_attribute("aria-current", "true")


def test_nothing_to_read_gives_a_sentence_and_the_variations_stay(page):
    take_set(page)
    before = sixteen(page)
    page.get_by_role("button", name="Remove all").click()
    page.get_by_role("button", name=BUTTON).click()
    api.expect(status(page, "variations")).to_contain_text("at least one drawing")
    assert page.evaluate(f"{BATCH}.pictures.map(({{ seed }}) => seed)") == before
    page.locator(".pad-status").get_by_role("button", name="Undo").click()
    assert sixteen(page) != before
    page.locator(".variations-status").get_by_role("button", name="Undo").click()
    assert page.evaluate(f"{BATCH}.pictures.map(({{ seed }}) => seed)") == before


def test_a_kept_picture_brings_its_recipe_back_and_that_can_be_undone(page):
    take_set(page)
    page.get_by_role("radio", name=re.compile("^Conditional PixelCNN")).check()
    page.wait_for_function("studio.settings.model.endsWith('conditional')")
    first = sixteen(page)[0]
    theirs, image = own_drawings(page), images(page)[2].tolist()
    page.get_by_role("button", name="Keep on the shelf").nth(2).click()
    api.expect(kept(page)).to_have_count(1)

    take_set(page, 1)
    others = own_drawings(page)
    page.get_by_role("radio", name=re.compile("^Attention PixelCNN")).check()
    page.wait_for_function("studio.settings.model.endsWith('-attention')")
    page.reload()
    page.wait_for_function(READY)
    kept(page).click()
    page.wait_for_function(f"(image) => String({STATE}.run.image) === String(image)", arg=image)
    assert own_drawings(page) == theirs
    api.expect(page.get_by_role("radio", name=re.compile("^Conditional PixelCNN"))).to_be_checked()
    api.expect(page.get_by_label("Chance number", exact=True)).to_have_value(str(first + 2))
    page.wait_for_function(f"studio.settings.seed === {first + 2} && studio.settings.model.endsWith('conditional')")
    page.locator(".pad-status").get_by_role("button", name="Undo").click()
    assert own_drawings(page) == others
    api.expect(page.get_by_role("radio", name=re.compile("^Attention PixelCNN"))).to_be_checked()


def test_what_is_taken_off_the_shelf_comes_back_also_after_a_reload(page):
    take_set(page)
    sixteen(page)
    for n in range(3):
        page.get_by_role("button", name="Keep on the shelf").nth(n).click()
    api.expect(kept(page)).to_have_count(3)
    names = [kept(page).nth(n).get_attribute("aria-label") for n in range(3)]
    for _ in range(2):
        page.locator(".shelf").get_by_role("button", name="Take off the shelf").first.click()
    api.expect(kept(page)).to_have_count(1)
    page.reload()
    page.wait_for_function(READY)
    undo = page.locator(".shelf-status").get_by_role("button", name="Undo")
    undo.click()
    api.expect(kept(page)).to_have_count(2)
    undo.click()
    api.expect(kept(page)).to_have_count(3)
    assert [kept(page).nth(n).get_attribute("aria-label") for n in range(3)] == names
    api.expect(undo).to_be_hidden()


def test_own_drawings_come_back_from_under_several_sets_also_after_a_reload(page):
    draw(page, *CROSS)
    page.get_by_role("button", name="Add drawing").click()
    api.expect(thumbnails(page)).to_have_count(1)
    states = [own_drawings(page)]
    for change in (lambda: take_set(page), lambda: take_set(page, 1), lambda: thumbnails(page).first.press("Delete")):
        change()
        states.append(own_drawings(page))
    page.get_by_role("button", name="Remove all").click()
    assert own_drawings(page) == []
    page.reload()
    page.wait_for_function(READY)
    undo = page.locator(".pad-status").get_by_role("button", name="Undo")
    for state in reversed(states):
        undo.click()
        assert own_drawings(page) == state
    page.locator(".pad-tray").focus()
    page.keyboard.press("Control+z")  # the drawing goes back from the tray to the pad
    api.expect(thumbnails(page)).to_have_count(0)
    assert [len(one["strokes"]) for one in own_drawings(page)] == [2]
    api.expect(undo).to_be_hidden()

    mine = own_drawings(page)
    theirs = "{supports: [{strokes: [[[5, 5], [90, 90]]]}], shots: null, beginning: null}"
    page.evaluate(f"studio.recall({{...studio.recipe, drawings: {theirs}}})")
    assert own_drawings(page) != mine
    undo.click()  # what came onto the pad with the other recipe goes with it
    assert own_drawings(page) == mine


def test_two_tabs_keep_their_own_drawings_and_share_the_shelf(page):
    draw(page, *CROSS)
    page.get_by_role("button", name="Add drawing").click()
    api.expect(thumbnails(page)).to_have_count(1)
    mine = own_drawings(page)
    other = page.context.new_page()
    other.goto(page.url)
    other.wait_for_function(READY)
    api.expect(thumbnails(other)).to_have_count(0)
    take_set(other)
    theirs = own_drawings(other)
    draw(page, CROSS[0])
    page.get_by_role("button", name="Add drawing").click()
    api.expect(thumbnails(page)).to_have_count(2)
    for tab, number in ((page, 2), (other, 8)):
        tab.reload()
        tab.wait_for_function(READY)
        api.expect(thumbnails(tab)).to_have_count(number)
    assert own_drawings(page)[0] == mine[0]
    assert own_drawings(other) == theirs
    sixteen(page)
    page.get_by_role("button", name="Keep on the shelf").first.click()
    api.expect(kept(other)).to_have_count(1)

    page.close()  # what it leaves behind is there for the next tab
    again = other.context.new_page()
    again.goto(other.url)
    again.wait_for_function(READY)
    api.expect(thumbnails(again)).to_have_count(2)


def test_a_half_drawn_character_is_completed_sixteen_ways(page):
    take_set(page)
    draw(page, [(0.2, 0.15), (0.8, 0.15)], [(0.2, 0.15), (0.2, 0.4)])
    page.get_by_role("switch", name="Complete it").check()
    line = page.get_by_role("slider", name="Rows of your drawing that are given")
    rows = int(line.get_attribute("aria-valuenow"))
    assert 10 <= rows <= 12  # just below what is drawn
    handle, paper = line.bounding_box(), page.locator(".pad-canvas").bounding_box()
    page.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
    page.mouse.down()
    page.mouse.move(handle["x"] + handle["width"] / 2, paper["y"] + paper["height"] * 8 / 26, steps=4)
    page.mouse.up()
    api.expect(line).to_have_attribute("aria-valuenow", "8")
    page.keyboard.press("ArrowDown")
    api.expect(line).to_have_attribute("aria-valuenow", "9")
    beginning = page.evaluate("studio.pad.now().beginning")
    assert beginning["rows"] == 9
    assert len(own_drawings(page)) == 8  # it is no example
    given = payload.read_image(beginning, OMNIGLOT, 26)[:9]
    assert given.any()

    sixteen(page)
    drawn = images(page).reshape(16, 26, 26)
    assert (drawn[:, :9] == given).all()
    assert len({image.tobytes() for image in drawn}) > 10
    api.expect(thumbnails(page)).to_have_count(8)
    page.get_by_role("button", name="Generate").click()
    api.expect(page.locator(".player-facts")).to_contain_text("first 9 rows given")
    page.get_by_role("button", name="Keep on the shelf").first.click()
    page.get_by_role("switch", name="Complete it").uncheck()
    page.get_by_role("button", name="Clear", exact=True).click()
    kept(page).click()
    page.wait_for_function("studio.pad.now().beginning?.rows === 9")
    assert page.evaluate("studio.pad.now().beginning") == beginning
    page.reload()
    page.wait_for_function(READY)
    assert page.evaluate("studio.pad.now().beginning") == beginning


def test_photographs_vary_below_their_beginning(page):
    turn_to(page, "products")
    page.get_by_label("Rows given").fill("20")
    sixteen(page)
    drawn = images(page).reshape(16, 32, 32, 3)
    assert (drawn[:, :20] == drawn[0, :20]).all()
    assert (drawn[1:, 20:] != drawn[0, 20:]).any()
    page.get_by_role("button", name="Keep on the shelf").first.click()
    page.get_by_role("radio", name=re.compile("^Characters")).check()
    api.expect(page.locator(".variations .picture")).to_have_count(0)
    kept(page).click()  # of the other task
    page.wait_for_function(f"{STATE}.run.channels === 3 && {STATE}.run.rows === 32")
    api.expect(page.get_by_role("radio", name=re.compile("^Products"))).to_be_checked()
    api.expect(page.locator(".variations .picture")).to_have_count(16)


def test_a_finger_plays_and_keeps(open_page):
    page = open_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, reduced_motion="reduce")
    page.get_by_role("button", name="Ready-made sets").tap()
    page.get_by_role("button", name="Use the ready-made set").first.tap()
    page.get_by_role("button", name=BUTTON).tap()
    page.wait_for_function(SIXTEEN)
    star = page.get_by_role("button", name="Keep on the shelf").first
    assert min(star.bounding_box()["width"], star.bounding_box()["height"]) >= 44
    star.tap()
    api.expect(kept(page)).to_have_count(1)
    first = page.evaluate(f"{BATCH}.pictures[0].seed")
    variation(page, first + 1).tap(position={"x": 20, "y": 50})
    page.wait_for_function(PLAYED, arg=first + 1)
    assert page.evaluate("document.documentElement.scrollWidth") == 390

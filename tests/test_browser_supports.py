"""What can be done with a drawing that the model reads, as a person does it: by mouse, by keyboard and by touch."""

import base64
import io

import pytest
from PIL import Image, ImageDraw

from tests import test_browser
from tests.test_browser import READY, STATE, api, draw, drop, point_at, status, take_a_set, thumbnails, turn_to
from tests.test_browser_variations import kept, sixteen

pytestmark = test_browser.pytestmark
# The same browser and server; a fixture that another one needs must be here too.
pace, url, launch, browser, open_page, page = (
    getattr(test_browser, name) for name in ("pace", "url", "launch", "browser", "open_page", "page")
)

DONE = f"{STATE}.run.rows === {STATE}.run.height && !studio.drawing"
LOPSIDED = [(0.2, 0.2), (0.8, 0.8)], [(0.2, 0.8), (0.45, 0.8)]
SUPPORTS = "studio.pad.now().supports"


def do(page, i, action, key="click"):
    """Choose something from the menu of a drawing."""
    (thumbnails(page).nth(i).tap if key == "tap" else thumbnails(page).nth(i).click)()
    item = page.get_by_role("menuitem", name=action)
    item.tap() if key == "tap" else item.click()


def run(page):
    """What is shown: how many drawings were read, which, the chance number, and the picture."""
    page.wait_for_function(DONE)
    return page.evaluate(
        f"(({{ shots, supports, seed, image }}) => ({{ shots, supports, seed, image: [...image] }}))({STATE}.run)"
    )


def undo(page):
    page.locator(".pad-status").get_by_role("button", name="Undo").click()


def test_a_drawing_is_left_out_flipped_and_changed_and_the_picture_seen_before_and_after(page):
    add = page.get_by_role("button", name="Add drawing")
    for number in (1, 2):
        draw(page, *LOPSIDED)
        add.click()
        api.expect(thumbnails(page)).to_have_count(number)
    page.get_by_role("button", name="Generate").click()
    page.wait_for_function(f"!{STATE}.run.example && {DONE}")
    page.keyboard.press("End")
    point_at(page, 6, 6, click=True)
    first, drawings = run(page), page.evaluate(SUPPORTS)
    assert first["shots"] == 2

    # Left out, with the same chance number and the same pixel locked; before and after; and back.
    do(page, 1, "Leave out for now")
    page.wait_for_function(f"{STATE}.run.shots === 1")
    without = run(page)
    assert without["seed"] == first["seed"]
    assert page.evaluate(f"{STATE}.locked") == 6 * 26 + 6
    api.expect(page.locator(".thumb.muted")).to_have_count(1)
    api.expect(page.locator(".tile")).to_have_count(1)
    page.get_by_role("radio", name="before", exact=True).check()
    api.expect(page.locator(".tile")).to_have_count(2)
    assert run(page) == first
    page.keyboard.press("ArrowRight")  # in the group, to "after"
    api.expect(page.locator(".tile")).to_have_count(1)
    assert run(page) == without
    undo(page)
    page.wait_for_function(f"{STATE}.run.shots === 2")
    assert run(page) == first

    # By keyboard, and twice from one menu.
    thumbnails(page).nth(1).focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    api.expect(page.get_by_role("menuitem", name="Flip left and right")).to_be_focused()
    page.keyboard.press("Enter")
    api.expect(status(page, "pad")).to_contain_text("Flipped drawing 1.")
    (stroke, _), flipped = drawings[1]["strokes"], page.evaluate(f"{SUPPORTS}[0].strokes")
    assert flipped[0] == [[pytest.approx(103.9 - x), y] for x, y in stroke]
    page.wait_for_function(f"(old) => {STATE}.run.supports !== old", arg=first["supports"])
    page.keyboard.press("Enter")
    page.wait_for_function(f"(old) => JSON.stringify({SUPPORTS}[0].strokes) === old", arg=compact(page, drawings[1]))
    page.keyboard.press("Escape")
    api.expect(thumbnails(page).first).to_be_focused()

    # Onto the pad with its own strokes, changed there, and back into its place.
    do(page, 0, "Change it on the pad")
    api.expect(page.locator(".slot.is-away")).to_have_count(1)
    assert page.evaluate(f"{SUPPORTS}[0].strokes") == drawings[1]["strokes"]
    draw(page, [(0.1, 0.5), (0.9, 0.5)])
    page.get_by_role("button", name="Put the drawing back").click()
    api.expect(page.locator(".slot.is-away")).to_have_count(0)
    assert page.evaluate(f"{SUPPORTS}.map(({{ strokes }}) => strokes.length)") == [3, 2]
    page.wait_for_function(f"(old) => {STATE}.run.supports !== old", arg=first["supports"])
    assert run(page)["seed"] == first["seed"]
    api.expect(page.get_by_role("radiogroup", name="Before or after")).to_be_visible()
    for _ in range(2):
        undo(page)
    assert page.evaluate(f"{SUPPORTS}.map(({{ strokes }}) => strokes.length)") == [2, 2]
    api.expect(page.locator(".slot.is-away")).to_have_count(0)

    # What is left out stays so: on the shelf, after a reload, and in a link.
    do(page, 1, "Leave out for now")
    page.wait_for_function(f"{STATE}.run.shots === 1")
    muted = page.evaluate(SUPPORTS)
    sixteen(page)
    page.get_by_role("button", name="Keep on the shelf").first.click()
    api.expect(kept(page)).to_have_count(1)
    page.reload()
    page.wait_for_function(READY)
    assert page.evaluate(SUPPORTS) == muted
    take_a_set(page)
    api.expect(thumbnails(page)).to_have_count(8)
    kept(page).click()
    api.expect(page.locator(".thumb.muted")).to_have_count(1)
    page.wait_for_function(f"{STATE}.run.shots === 1")
    assert page.evaluate(SUPPORTS) == muted
    link = page.evaluate(
        "import(new URL('studio-web/project.js', document.baseURI)).then((its) => its.toFragment(studio.project))"
    )
    undo(page)
    api.expect(thumbnails(page)).to_have_count(8)
    page.evaluate("(link) => { location.hash = link; }", link)
    api.expect(thumbnails(page)).to_have_count(2)
    page.wait_for_function(f"{STATE}.run.shots === 1")
    assert [one.get("muted") for one in page.evaluate(SUPPORTS)] == [None, True]


def compact(page, drawing):
    return page.evaluate("(strokes) => JSON.stringify(strokes)", drawing["strokes"])


def sheet(number):
    """A picture file with so many crosses, each a little different."""
    page = Image.new("L", (1200, 900), 255)
    pen = ImageDraw.Draw(page)
    for i in range(number):
        x, y = 60 + 290 * (i % 4), 60 + 290 * (i // 4)
        pen.line([(x, y), (x + 140, y + 120 + 9 * i)], 0, 12)
        pen.line([(x + 140, y), (x, y + 140)], 0, 12)
    file = io.BytesIO()
    page.save(file, "PNG")
    return file.getvalue()


def test_a_sheet_is_offered_as_several_drawings(page, tmp_path):
    (tmp_path / "sheet.png").write_bytes(sheet(6))
    offer = page.get_by_role("dialog", name="This picture holds 6 characters")
    drop(page, ".player", [tmp_path / "sheet.png"])  # anywhere on the page
    offer.get_by_role("button", name="Character 2 of 6").click()
    offer.get_by_role("button", name="Take these 5").click()
    api.expect(thumbnails(page)).to_have_count(5)
    api.expect(status(page, "pad")).to_contain_text("Added 5 drawings.")
    drop(page, ".pad", [tmp_path / "sheet.png"])
    api.expect(offer).to_contain_text("There is room for 3.")
    api.expect(offer.get_by_role("button", name="Character 4 of 6")).to_be_disabled()
    offer.get_by_role("button", name="Take it as one").click()
    api.expect(thumbnails(page)).to_have_count(6)
    drop(page, ".pad", [tmp_path / "sheet.png"])
    api.expect(offer).to_be_visible()
    page.keyboard.press("Escape")
    api.expect(status(page, "pad")).to_contain_text("nothing of it was taken")
    undo(page)
    api.expect(thumbnails(page)).to_have_count(5)


def test_by_touch_a_ready_made_drawing_is_traced_and_a_photograph_turned(open_page):
    phone = open_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, reduced_motion="reduce")
    take_a_set(phone)
    pixels = phone.evaluate(f"{SUPPORTS}[2].pixels")
    do(phone, 2, "Change it on the pad", "tap")
    api.expect(phone.get_by_role("button", name="Put the drawing back")).to_be_enabled()
    phone.get_by_role("button", name="Put the drawing back").tap()
    api.expect(phone.locator(".slot.is-away")).to_have_count(0)
    first, again = (base64.b64decode(one) for one in (pixels, phone.evaluate(f"{SUPPORTS}[2].pixels")))
    assert sum((a ^ b).bit_count() for a, b in zip(first, again, strict=True)) <= 0.04 * 676
    turn_to(phone, "mirror")
    photograph = "studio.photos.value().photos[0].pixels"
    before = phone.evaluate(photograph)
    phone.locator(".photo").tap()
    turn = phone.get_by_role("menuitem", name="Turn by a quarter")
    seen = {before}
    for number in range(1, 5):
        turn.tap()
        api.expect(status(phone, "photos")).to_contain_text("Turned photograph 1.")
        seen.add(phone.evaluate(photograph))
        assert len(seen) == min(number + 1, 4)
    assert phone.evaluate(photograph) == before

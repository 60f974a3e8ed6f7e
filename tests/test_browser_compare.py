"""Models side by side, as their users meet them: at one locked pixel, on one drawing, and on which set it is of."""

import re

import numpy as np

import fewshot
from fewshot import payload
from fewshot.interface.service import SERVICE
from fewshot.tasks import OMNIGLOT
from tests import test_browser
from tests.test_browser import CROSS, STATE, api, draw, settings, take_a_set, thumbnails

pytestmark = test_browser.pytestmark
# The same browser and server; a fixture that another one needs must be here too.
pace, slow_rows, url, launch, browser, open_page, page = (
    getattr(test_browser, name) for name in ("pace", "slow_rows", "url", "launch", "browser", "open_page", "page")
)

STATES = "Object.values(studio.compare.states)"
FINISHED = f"""(number) => {STATES}.length === number &&
  {STATES}.every((state) => state?.run && state.run.rows === state.run.height && !state.drawing)"""


def box(page, name):
    return page.locator("#compare-models").get_by_role("checkbox", name=name, exact=True)


def compared(page, name):
    return page.locator(".compare").get_by_role("region", name=name, exact=True)


def look(page, kind):
    page.locator(".compare-kinds").get_by_role("radio", name=kind).check(force=True)


def image(page, name):
    return page.evaluate(f"[...studio.compare.states['{name}'].run.image]")


def test_two_models_at_one_locked_pixel_in_four_clicks(page):
    clicks = (
        "window.clicks = 0; document.addEventListener('click', (event) => event.isTrusted && window.clicks++, true)"
    )
    page.evaluate(clicks)
    take_a_set(page)
    page.get_by_role("button", name="Compare").click()
    page.wait_for_function(FINISHED, arg=2)
    attention, meta = compared(page, "Attention PixelCNN"), compared(page, "Meta PixelCNN")
    canvas = meta.locator(".player-canvas")
    size = canvas.bounding_box()["width"] / 26
    canvas.click(position={"x": 14.5 * size, "y": 13.5 * size})
    for one in (attention, meta):
        api.expect(one.locator(".player-place")).to_contain_text("Row 14, column 15")
        api.expect(one.locator(".player-inspected")).to_have_class(re.compile("is-locked"))
    assert page.evaluate("window.clicks") == 4
    api.expect(attention.locator(".tile")).to_have_count(8)
    api.expect(attention.locator(".player-attention")).to_be_visible()
    api.expect(meta.locator(".player-influence")).to_be_visible()
    api.expect(meta.locator(".player-attention")).to_be_hidden()

    # One recipe and one seed, each as its model draws it alone.
    supports = payload.read_supports(page.evaluate("studio.pad.now().supports"), OMNIGLOT, 26)
    (seed,) = page.evaluate(f"[...new Set({STATES}.map(({{ run }}) => run.seed))]")
    for name, steps in (("omniglot-attention", None), ("omniglot-meta", page.evaluate("studio.settings.inner_steps"))):
        run = fewshot.load(name).generate(
            supports, 1, seed, guidance=OMNIGLOT.guidance, cut=OMNIGLOT.cut, inner_steps=steps
        )
        assert image(page, name) == run.images[0].ravel().tolist()
    differing = np.not_equal(image(page, "omniglot-attention"), image(page, "omniglot-meta"))
    api.expect(meta.locator(".compare-figure")).to_have_text(f"{differing.sum()} of 676 pixels differ")
    alpha = "(canvas) => [...canvas.getContext('2d').getImageData(0, 0, 26, 26).data].filter((_, i) => i % 4 === 3)"
    np.testing.assert_array_equal(np.array(meta.locator(".compare-differing").evaluate(alpha)) > 0, differing)

    # One clock; a model that reads nothing says so; what was locked stays; Generate has all draw anew.
    attention.locator(".player-scrub").fill("300")
    assert page.evaluate(f"{STATES}.map(({{ position }}) => position)") == [300, 300]
    box(page, "PixelCNN").check(force=True)
    page.wait_for_function(FINISHED, arg=3)
    api.expect(compared(page, "PixelCNN").locator(".player-note")).to_contain_text("looks at none of your drawings")
    api.expect(compared(page, "PixelCNN").locator(".player-place")).to_contain_text("Row 14, column 15")
    page.wait_for_function("!studio.drawing")  # alone
    alone = page.evaluate(f"{STATE}.run.id")
    page.get_by_role("button", name="Generate").click()
    page.wait_for_function(f"(old) => {STATES}.every(({{ run }}) => run.seed !== old)", arg=seed)
    page.wait_for_function(FINISHED, arg=3)
    assert len(page.evaluate(f"[...new Set({STATES}.map(({{ run }}) => run.seed))]")) == 1

    # One is kept: then other settings and other drawings stand beside it, of the same seed.
    for name in ("PixelCNN", "Meta PixelCNN"):
        box(page, name).uncheck(force=True)
    page.get_by_role("button", name="Keep Attention PixelCNN").click()
    kept = compared(page, "Attention PixelCNN, kept")
    api.expect(kept).to_contain_text("kept: as now")
    page.wait_for_function(FINISHED, arg=2)
    seed = page.evaluate("studio.compare.states['kept 1'].run.seed")
    assert image(page, "kept 1") == image(page, "omniglot-attention")
    settings(page).locator("#guidance input[type=number]").fill("2")
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    api.expect(kept).to_contain_text(f"kept: faithfulness {OMNIGLOT.guidance}")
    page.wait_for_function(FINISHED, arg=2)
    page.get_by_label("use so many of the drawings").select_option("2")
    api.expect(kept).to_contain_text(f"kept: 8 drawings · faithfulness {OMNIGLOT.guidance}")
    page.wait_for_function(FINISHED, arg=2)
    for name, number, guidance in (("kept 1", 8, OMNIGLOT.guidance), ("omniglot-attention", 2, 2.0)):
        run = fewshot.load("omniglot-attention").generate(
            supports[:number], 1, seed, guidance=guidance, cut=OMNIGLOT.cut
        )
        assert image(page, name) == run.images[0].ravel().tolist()
    page.get_by_role("button", name="Remove Attention PixelCNN").click()
    api.expect(kept).to_have_count(0)

    # Back to one: the picture there is as it was.
    page.get_by_role("button", name="Back to one").click()
    api.expect(page.locator("#player .player-frame")).to_be_visible()
    api.expect(page.locator(".compare")).to_be_hidden()
    assert page.evaluate(f"{STATE}.run.id") == alone
    assert page.evaluate(STATES) == []


def test_a_drawing_is_scored_by_each_and_looked_for_in_the_sets(page):
    take_a_set(page)
    page.get_by_label("use so many of the drawings").select_option("4")
    page.get_by_role("button", name="Compare").click()
    box(page, "Meta PixelCNN").uncheck(force=True)
    box(page, "PixelCNN").check(force=True)
    look(page, "one drawing, scored")
    scored = f"(at) => {STATES}.length === 2 && {STATES}.every((state) => state?.run?.nats && state.run.shots === 3)"
    page.wait_for_function(scored)
    drawings = payload.read_supports(page.evaluate("studio.pad.now().supports"), OMNIGLOT, 26, 4)

    def costs(at):
        others = np.delete(drawings, at, axis=0)
        for title, name in (("Attention PixelCNN", "omniglot-attention"), ("PixelCNN", "omniglot-pixelcnn")):
            total = fewshot.load(name).score([drawings[at]], others).sum()
            figure = compared(page, title).locator(".compare-figure")
            api.expect(figure).to_contain_text(f"{total:.1f} nats")
            api.expect(figure).to_contain_text(f"{total / 676:.4f} nats/dim")
        api.expect(compared(page, "Attention PixelCNN").locator(".compare-figure")).to_contain_text("least")

    costs(3)
    api.expect(compared(page, "PixelCNN").locator(".player-over")).to_be_visible()
    page.get_by_role("radio", name="drawing 1", exact=True).check(force=True)
    costs(0)

    look(page, "which set is it?")
    sets = compared(page, "Attention PixelCNN").locator(".compare-sets li")
    api.expect(sets).to_have_count(6)
    api.expect(sets.first).to_contain_text("Loop and dot")
    api.expect(compared(page, "PixelCNN")).to_contain_text("reads no set")

    # What is drawn on the pad meanwhile is looked for as well.
    draw(page, *CROSS)
    page.get_by_label("use so many of the drawings").select_option("")
    thumbnails(page).first.press("Delete")
    api.expect(page.locator(".compare-given input")).to_have_count(8)
    api.expect(page.locator(".compare-given input").last).to_be_checked()
    drawn = page.evaluate("studio.pad.now().supports.at(-1)")
    ready = [[{"pixels": payload.pack_images(one, 1)} for one in images] for images in OMNIGLOT.ready_made(26).values()]
    (answer,) = SERVICE.recognise(
        {"models": ["omniglot-attention"], "drawing": drawn, "sets": ready, "inner_steps": None}
    )
    api.expect(sets.filter(has_text="Loop and dot")).to_contain_text(f"\u2212{answer['nats'][0]:.1f}")

"""The studio as its users meet it: the real page, the real models, a headless Chromium."""

import base64
import io
import json
import os
import re
import shutil
import threading
import time
import urllib.parse
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fewshot
from fewshot import payload
from fewshot.data import photos, support_sets
from fewshot.interface import catalogue, scripts
from fewshot.interface.guard import MOST_BYTES
from fewshot.interface.service import PLACES, SERVICE
from fewshot.tasks import OMNIGLOT

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before gradio is imported
api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

PATIENCE = 60_000  # milliseconds for anything that a page is to show, on a machine that does other things too
STATE = "studio.players[0].state"
READY = f"window.studio?.settings && {STATE}.run && {STATE}.run.rows === 26"
ALL_ROWS = f"{STATE}.run && {STATE}.run.rows === 26 && !{STATE}.run.example && !{STATE}.run.live"
HEAT = "[...document.querySelectorAll('.tile-heat')].map((canvas) => canvas.toDataURL()).join()"


@pytest.fixture(scope="module")
def pace():
    """A list whose only item is the time in seconds that the server waits after each row; infinity breaks it."""
    return [0.0]


@pytest.fixture
def slow_rows(pace):
    """The same for one test, however it ends."""
    yield pace
    pace[0] = 0.0


@pytest.fixture(scope="module")
def url(pace):
    from fewshot.interface import studio

    in_turns = SERVICE._in_turns

    def slowly(*arguments):
        for runs in in_turns(*arguments):
            yield runs
            time.sleep(pace[0])

    with pytest.MonkeyPatch.context() as patch:
        demo = studio.build("server")  # whose pace the tests set
        patch.setattr(SERVICE, "_in_turns", slowly)
        _, url, _ = studio.launch(demo, prevent_thread_lock=True, quiet=True)
        yield url
        demo.close(verbose=False)


@pytest.fixture(scope="module")
def launch():
    """Starts a browser, with further arguments; Playwright itself can run only once at a time."""
    with api.sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        yield lambda *more: playwright.chromium.launch(executable_path=CHROMIUM, args=[*arguments, *more])


@pytest.fixture(scope="module")
def browser(launch):
    return launch()


# What Gradio says of its requests that are under way when a page is left or loaded again.
LEFT = re.compile("AbortError: signal is aborted|errored out")


@pytest.fixture
def open_page(browser, url):
    """Opens the studio in a fresh profile; afterwards no request has left the machine, and no error was logged."""
    contexts, wrong = [], []

    def watch(page):
        page.on("request", lambda r: r.url.startswith((url, "data:", "blob:")) or wrong.append(f"request to {r.url}"))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: message.type == "error" and message_of(message.text))

    def message_of(text):
        if not LEFT.search(text):
            wrong.append(text)

    def open_it(**options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
        contexts.append(context)
        context.on("page", watch)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        api.expect.set_options(timeout=PATIENCE)
        page.goto(url)
        page.wait_for_function(READY)
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def page(open_page):
    """Without playback of its own, so that what is on the screen does not depend on the machine's speed."""
    return open_page(reduced_motion="reduce")


def draw(page, *strokes):
    """Draw strokes with the mouse, points in 0..1 of the pad."""
    box = page.locator(".pad-canvas").bounding_box()
    for stroke in strokes:
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point, steps=6)
        page.mouse.up()


def point_at(page, row, column, click=False):
    box = page.locator(".player-canvas").bounding_box()
    x, y = box["x"] + (column + 0.5) / 26 * box["width"], box["y"] + (row + 0.5) / 26 * box["height"]
    (page.mouse.click if click else page.mouse.move)(x, y)


def take_a_set(page):
    page.get_by_role("button", name="Ready-made sets").click()
    page.get_by_role("button", name="Use the ready-made set").first.click()


def settings(page):
    """The drawer with the settings, open."""
    drawer = page.locator("#settings")
    if not drawer.is_visible():
        page.get_by_role("button", name="Settings", exact=True).click()
    return drawer


def thumbnails(page):
    return page.locator(".pad-tray .thumb")


def status(page, part):
    return page.locator(f".{part}-status")


def frames(page, number=3):
    """Let the page paint so many frames."""
    for _ in range(number):
        page.evaluate("new Promise(requestAnimationFrame)")


def position(page):
    return page.evaluate(f"{STATE}.position")


def visible_rows(page):
    """How many rows of the picture's canvas are opaque, that is, drawn, once what is known is painted."""
    frames(page)
    script = """(canvas) => [...canvas.getContext('2d').getImageData(0, 0, 26, 26).data]
                            .filter((value, i) => i % 4 === 3 && value === 255).length / 26"""
    return page.locator(".player-canvas").evaluate(script)


CROSS = [(0.2, 0.2), (0.8, 0.8)], [(0.8, 0.2), (0.2, 0.8)]


def test_page_opens_with_an_example_that_plays(open_page):
    page = open_page()
    page.wait_for_function(f"{STATE}.position > 30")
    assert page.evaluate(f"{STATE}.run.example")
    api.expect(page.locator(".tile")).to_have_count(4)
    page.get_by_role("button", name="Pause").click()
    at = position(page)
    frames(page, 10)
    assert position(page) == at == int(at)


def test_what_newcomers_stumble_over(page):
    draw(page, [(0.5, 0.5), (1.2, 0.5), (1.2, 0.8), (0.5, 0.8)])
    strokes = page.evaluate("studio.pad.now().supports.at(-1).strokes")
    assert len(strokes) == 2, "a stroke ends at the pad's edge, and another one begins where the hand comes back"
    assert strokes[0][-1][1] < 60
    assert strokes[1][0][1] > 60

    take_a_set(page)
    page.get_by_role("button", name="Generate").click()
    page.wait_for_function(ALL_ROWS)
    for hint in page.locator("button.hint:visible").all():
        hint.click()
        api.expect(page.locator("[popover]:popover-open")).not_to_be_empty()
        page.keyboard.press("Escape")
    run = page.evaluate(f"{STATE}.run.id")
    page.get_by_role("radio", name=re.compile("^Mirror")).check()
    page.wait_for_function(f"{STATE}.run.task !== '{OMNIGLOT.key}' && !studio.drawing")
    other = page.evaluate(f"{STATE}.run.id")
    page.get_by_role("radio", name=re.compile("^Characters")).check()
    page.wait_for_function(f"{STATE}.run.id === '{run}'")
    page.get_by_role("radio", name=re.compile("^Mirror")).check()
    page.wait_for_function(f"{STATE}.run.id === '{other}' && {STATE}.position === {STATE}.run.pixels")  # all of it
    page.get_by_role("radio", name=re.compile("^Characters")).check()
    page.wait_for_function(f"{STATE}.run.id === '{run}'")
    page.locator("#photos-sets button").last.evaluate("button => button.click()")  # what is out of sight is changed
    page.get_by_role("radio", name=re.compile("^Mirror")).check()
    page.wait_for_function(f"{STATE}.run.task !== '{OMNIGLOT.key}' && !studio.drawing")
    assert page.evaluate(f"{STATE}.run.id") != other, "a picture of another photograph"


def test_an_address_without_https_draws_too(open_page):
    """As everyone's of a class: browsers keep some of their functions from these."""
    page = open_page()
    page.add_init_script("delete PointerEvent.prototype.getCoalescedEvents; delete Crypto.prototype.randomUUID")
    page.reload()
    page.wait_for_function(READY)
    draw(page, *CROSS)
    assert all(len(stroke) > 2 for stroke in page.evaluate("studio.pad.now().supports.at(-1).strokes"))
    page.get_by_role("button", name="Generate").click()
    page.wait_for_function(ALL_ROWS)


def test_draw_generate_inspect_and_upload(page, slow_rows, tmp_path):
    """The main job from end to end."""
    draw(page, *CROSS)
    page.get_by_role("button", name="Add drawing").click()
    api.expect(thumbnails(page)).to_have_count(1)
    draw(page, *CROSS)  # and this one stays on the pad: Generate counts it too
    page.get_by_role("radio", name=re.compile("^Attention PixelCNN")).check()
    page.get_by_role("button", name="Generate").click()
    page.wait_for_function(ALL_ROWS)
    api.expect(thumbnails(page)).to_have_count(2)
    api.expect(page.locator(".tile")).to_have_count(2)
    api.expect(page.locator(".player-facts")).to_contain_text("Attention PixelCNN · 2 drawings")
    assert visible_rows(page) == 26

    point_at(page, 5, 5)
    first = page.evaluate(HEAT)
    point_at(page, 20, 18)
    api.expect(page.locator(".player-place")).to_contain_text("Row 21, column 19")
    assert page.evaluate(HEAT) != first
    shares = [float(text.strip("<> %")) for text in page.locator(".player-reads .number").all_inner_texts()[:3]]
    assert sum(shares) == pytest.approx(100, abs=2)  # of two drawings and of nothing

    point_at(page, 5, 5, click=True)
    point_at(page, 20, 18)
    api.expect(page.locator(".player-place")).to_contain_text("Row 6, column 6")
    assert page.evaluate(HEAT) == first
    page.get_by_label("gaze B", exact=True).check(force=True)
    assert page.evaluate(HEAT) != first
    alone = page.evaluate(HEAT)
    page.get_by_label("each gaze by itself").check(force=True)
    quarter = """([x, y]) => { const canvas = document.querySelector('.tile-heat');
      const [width, height] = [canvas.width / 2, canvas.height / 2], part = document.createElement('canvas');
      Object.assign(part, { width, height });
      part.getContext('2d').drawImage(canvas, -x * width, -y * height);
      return part.getContext('2d').getImageData(0, 0, width, height).data.filter((_, i) => i % 4 === 3); }"""
    heats = [page.evaluate(quarter, at) for at in ([0, 0], [1, 0], [0, 1], [1, 1])]
    assert all(max(heat) > 0 for heat in heats)
    assert len({tuple(heat) for heat in heats}) == 4
    page.get_by_label("gaze B", exact=True).check(force=True)
    assert page.evaluate(HEAT) == alone
    page.keyboard.press("Escape")
    assert page.evaluate(f"{STATE}.locked") is None

    page.locator(".player-scrub").fill("100")
    assert visible_rows(page) == pytest.approx(100 / 26)
    page.get_by_role("radio", name="how sure it was").check(force=True)

    slow_rows[0] = 0.2
    page.get_by_role("button", name="Generate").click()
    page.wait_for_function(f"{STATE}.drawing && {STATE}.run.rows >= 2 && {STATE}.run.rows < 26")
    page.get_by_role("button", name="Stop").click()
    api.expect(status(page, "player")).to_contain_text(re.compile(r"Stopped after \d+ of 26 rows"))
    rows = page.evaluate(f"{STATE}.run.rows")
    api.expect(page.get_by_role("button", name="Stop")).to_be_disabled()
    page.wait_for_function("!studio.drawing")
    assert 2 <= page.evaluate(f"{STATE}.run.rows") <= 2 * rows < 26
    assert visible_rows(page) >= 2
    slow_rows[0] = 0.0
    page.get_by_role("button", name="Generate").click()
    page.wait_for_function(ALL_ROWS)

    Image.fromarray(np.kron(255 - 255 * np.eye(20, dtype=np.uint8), np.ones((9, 9), np.uint8))).save(tmp_path / "a.png")
    page.locator(".pad-files").set_input_files(tmp_path / "a.png")
    api.expect(thumbnails(page)).to_have_count(3)


# Counts requests to draw along, and those under way at the same time; notes when a picture was on the screen.
COUNT = """
() => {
  const really = { fetch: window.fetch, show: studio.players[0].show };
  window.counted = { asked: 0, underway: 0, most: 0, shown: [] };
  window.fetch = (...request) => {
    const answer = really.fetch.call(window, ...request);
    if (!String(request[0]).endsWith("/along")) return answer;
    counted.asked++;
    counted.most = Math.max(counted.most, ++counted.underway);
    const end = new TransformStream({ flush() { counted.underway--; } }); // before the page is told of the end
    return answer.then((its) => new Response(its.body.pipeThrough(end), its));
  };
  studio.players[0].show = async (chunk) => {
    await really.show(chunk);
    if (chunk.data) counted.shown.push(performance.now());
  };
}
"""
SETTLED = "counted.underway === 0"
# The page was told of the settings that its user sees.
TOLD = """([seed, temperature]) => studio.settings.seed === seed && studio.settings.temperature === temperature &&
          studio.settings.model === document.querySelector("#model input:checked").value"""


def assert_drawn_along(page, seed, temperature=1.0):
    """The player shows what the model draws of the drawings in the tray and on the pad."""
    page.wait_for_function(TOLD, arg=[seed, temperature])
    wish = page.evaluate("({...studio.pad.now(), ...studio.settings})")
    supports = payload.read_supports(wish["supports"], OMNIGLOT, 26, wish["shots"])
    model = fewshot.load(wish["model"])
    guided = {"guidance": wish["guidance"], "cut": OMNIGLOT.cut} if model.facts.guides and wish["guidance"] else {}
    expected = model.generate(supports, seed=seed, temperature=temperature, **guided)
    image = expected.images[0].ravel().tolist()
    drawn = f"(image) => {STATE}.run.live && {SETTLED} && `${{{STATE}.run.image}}` === `${{image}}`"
    page.wait_for_function(drawn, arg=image)
    frames(page)
    assert page.evaluate(drawn, image)
    assert visible_rows(page) == 26


def test_bad_uploads_give_a_sentence_and_the_drawings_stay(page, tmp_path):
    draw(page, *CROSS)
    page.get_by_role("button", name="Add drawing").click()
    api.expect(thumbnails(page)).to_have_count(1)
    draw(page, CROSS[0])
    Image.new("L", (200, 200), 255).save(tmp_path / "blank.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    (tmp_path / "drawing.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    (tmp_path / "huge.png").write_bytes(b"0" * 10_000_001)
    sentences = {"blank.png": "blank", "broken.png": "picture", "drawing.svg": "SVG", "huge.png": "10 MB"}
    for name, sentence in sentences.items():
        page.locator(".pad-files").set_input_files(tmp_path / name)
        api.expect(status(page, "pad")).to_contain_text(re.compile(f"{name}: .*{sentence}"))
        api.expect(page.locator(".pad-status").get_by_role("button")).to_have_text("Undo: Added a drawing")
    api.expect(thumbnails(page)).to_have_count(1)
    api.expect(page.get_by_role("button", name="Add drawing")).to_be_enabled()


def test_tray_and_reload(page):
    take_a_set(page)
    api.expect(thumbnails(page)).to_have_count(8)
    draw(page, *CROSS)
    page.get_by_role("button", name="Add drawing").click()
    api.expect(status(page, "pad")).to_contain_text("at most 8")
    pixels = "(i) => document.querySelectorAll('.thumb canvas')[i].toDataURL()"
    first, second = page.evaluate(pixels, 0), page.evaluate(pixels, 1)
    thumbnails(page).first.focus()
    page.keyboard.press("ArrowRight")
    assert [page.evaluate(pixels, i) for i in (0, 1)] == [second, first]
    thumbnails(page).nth(1).drag_to(thumbnails(page).first)
    assert [page.evaluate(pixels, i) for i in (0, 1)] == [first, second]
    page.keyboard.press("Delete")
    api.expect(thumbnails(page)).to_have_count(7)
    page.locator(".pad-status").get_by_role("button", name="Undo").click()
    api.expect(thumbnails(page)).to_have_count(8)
    page.get_by_label("use so many of the drawings").select_option("3")
    api.expect(page.locator(".thumb.unused")).to_have_count(5)
    page.get_by_role("button", name="Generate").click()
    page.wait_for_function(ALL_ROWS)
    api.expect(page.locator(".tile")).to_have_count(3)

    page.reload()
    page.wait_for_function(READY)
    api.expect(thumbnails(page)).to_have_count(8)
    api.expect(page.locator(".thumb.unused")).to_have_count(5)
    api.expect(page.get_by_role("button", name="Add drawing")).to_be_enabled()  # the pad's strokes are back too
    for damaged in ('{"drawings": [7, "x"], "strokes": [3, [[1]]]}', '{"drawings": [7, "x"], "strokes": 3'):
        page.evaluate("(kept) => localStorage.setItem('fewshot-studio-drawings', kept)", damaged)
        page.reload()
        page.wait_for_function(READY)
        api.expect(thumbnails(page)).to_have_count(0)
        api.expect(page.get_by_role("button", name="Add drawing")).to_be_disabled()


def test_a_stroke_begun_while_the_server_is_busy_stays_and_the_tray_holds_eight(page, monkeypatch, tmp_path):
    read_image = payload.read_image

    def slowly(*arguments):
        time.sleep(0.7)
        return read_image(*arguments)

    monkeypatch.setattr(payload, "read_image", slowly)
    draw(page, CROSS[0])
    page.get_by_role("button", name="Add drawing").click()
    box = page.locator(".pad-canvas").bounding_box()
    page.mouse.move(box["x"] + 50, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 80, box["y"] + 50)
    api.expect(thumbnails(page)).to_have_count(1)
    page.mouse.move(box["x"] + 80, box["y"] + 90)
    page.mouse.up()
    on_the_pad = page.evaluate("studio.pad.now().supports.at(-1).strokes")
    assert [len(stroke) for stroke in on_the_pad] == [3]

    take_a_set(page)
    thumbnails(page).first.press("Delete")
    Image.new("L", (60, 60), 255).save(tmp_path / "line.png")
    with Image.open(tmp_path / "line.png") as picture:
        picture.paste(0, (20, 10, 26, 50))
        picture.save(tmp_path / "line.png")
    page.locator(".pad-files").set_input_files(tmp_path / "line.png")
    page.get_by_role("button", name="Add drawing").click()
    api.expect(status(page, "pad")).to_contain_text("at most 8")
    api.expect(thumbnails(page)).to_have_count(8)
    page.get_by_role("button", name="Remove all").click()
    take_a_set(page)
    draw(page, CROSS[1])  # which no model can read
    api.expect(status(page, "pad")).to_contain_text("8 drawings are below already")
    thumbnails(page).first.press("Delete")
    page.get_by_label("use so many of the drawings").select_option("2")
    draw(page, CROSS[1])
    api.expect(status(page, "pad")).to_contain_text("Only 2 of your drawings are used")


def test_generate_does_not_wait_for_many_files(page, monkeypatch, tmp_path):
    read_image, read, go_on = payload.read_image, [], threading.Event()

    def held(given, *arguments):
        if "picture" in given:
            read.append(given)
            assert go_on.wait(60)
        return read_image(given, *arguments)

    draw(page, *CROSS)
    page.get_by_role("button", name="Add drawing").click()
    api.expect(thumbnails(page)).to_have_count(1)
    monkeypatch.setattr(payload, "read_image", held)
    picture = Image.new("L", (60, 60), 255)
    picture.paste(0, (20, 10, 26, 50))
    for i in range(8):  # more times than a browser holds connections to one server
        picture.save(tmp_path / f"{i}.png")
        page.locator(".pad-files").set_input_files(tmp_path / f"{i}.png")
    generate(page)
    assert len(read) == 1
    go_on.set()
    api.expect(thumbnails(page)).to_have_count(8)
    api.expect(status(page, "pad")).to_contain_text("at most 8")
    assert len(read) == 7  # the eighth found no room, and nothing was asked for it


def test_what_was_taken_away_comes_back(page):
    draw(page, *CROSS)
    strokes = page.evaluate("studio.pad.now().supports")
    page.get_by_role("button", name="Clear", exact=True).click()
    assert page.evaluate("studio.pad.now().supports") == []
    page.locator(".pad-status").get_by_role("button", name="Undo").click()
    assert page.evaluate("studio.pad.now().supports") == strokes
    page.get_by_role("button", name="Clear", exact=True).click()
    page.keyboard.press("Control+z")
    assert page.evaluate("studio.pad.now().supports") == strokes

    turn_to(page, "mirror")
    page.keyboard.press("Control+z")  # the pad is out of sight
    assert page.evaluate("studio.pad.now().supports") == strokes
    page.locator(".photos-begin-file").set_input_files(SAMPLES / "hills.png")
    api.expect(status(page, "photos")).to_contain_text("complete it")
    given = page.evaluate("studio.photos.value()")
    page.locator(".photos-files").set_input_files(SAMPLES / "fish.png")
    api.expect(status(page, "photos")).to_contain_text("Added")
    assert page.evaluate("studio.photos.value()") != given
    page.locator(".photos-status").get_by_role("button", name="Undo").click()
    assert page.evaluate("studio.photos.value()") == given

    turn_to(page, "products")
    page.get_by_role("button", name="Remove all").click()
    page.locator(".photos-begin-file").set_input_files(SAMPLES / "hills.png")
    api.expect(status(page, "photos")).to_contain_text("complete it")
    given = page.evaluate("studio.photos.value()")
    page.get_by_role("radio", name=re.compile("^Characters")).check()
    api.expect(page.locator(".pad-paper")).to_be_visible()
    page.get_by_role("radio", name=re.compile("^Products")).check()
    api.expect(page.locator(".photos-tray")).to_be_visible()
    assert page.evaluate("studio.photos.value()") == given


def test_nothing_to_read_gives_a_sentence(page):
    page.get_by_role("button", name="Generate").click()
    api.expect(status(page, "pad")).to_contain_text("Draw something first")
    api.expect(page.get_by_role("button", name="Stop")).to_be_disabled()
    settings(page).get_by_label("Chance number", exact=True).fill("-1")
    api.expect(page.get_by_label("a new one for each drawing")).not_to_be_checked()
    take_a_set(page)
    page.get_by_role("button", name="Generate").click()
    api.expect(status(page, "player")).to_contain_text("must be between")
    api.expect(thumbnails(page)).to_have_count(8)


def test_server_that_breaks_says_so_and_goes_on(page, slow_rows):
    take_a_set(page)
    slow_rows[0] = float("inf")
    page.get_by_role("button", name="Generate").click()
    api.expect(status(page, "player")).to_contain_text("The studio failed at this")
    slow_rows[0] = 0.0
    page.get_by_role("button", name="Generate").click()
    page.wait_for_function(ALL_ROWS)


def test_models_without_attention_say_what_they_read(page):
    take_a_set(page)
    for title, note in {
        "PixelCNN": "none of your drawings",
        "Conditional PixelCNN": "sums up your drawings once",
        "Meta PixelCNN": "practised on your drawings",
    }.items():
        page.get_by_role("radio", name=re.compile(f"^{title}")).check()
        page.get_by_role("button", name="Generate").click()
        page.wait_for_function(f"{STATE}.run.title === '{title}'")
        page.wait_for_function(ALL_ROWS)
        api.expect(page.locator(".player-note")).to_contain_text(note)
        api.expect(page.locator(".player-attention")).to_be_hidden()


def test_inner_steps_and_influence(page):
    """Meta PixelCNN: what its steps change, and what the supports do to the pixel that is looked at."""
    take_a_set(page)
    page.get_by_label("use so many of the drawings").select_option("2")  # of eight, a gradient takes long
    steps = page.locator("#inner-steps input[type=number]")
    settings(page)
    api.expect(steps).to_be_hidden()
    page.get_by_role("radio", name=re.compile("^Meta PixelCNN")).check()
    api.expect(steps).to_have_value("3")  # as trained
    settings(page).get_by_label("Chance number", exact=True).fill("3")
    nats, pictures = [], set()
    for number in (0, 1, 3):
        settings(page)
        steps.fill(str(number))
        page.get_by_role("button", name="Generate").click()
        page.wait_for_function(f"{STATE}.run.support_nats?.length === {number + 1}")
        page.wait_for_function(ALL_ROWS)
        shown = [float(text) for text in page.locator(".player-steps .number").all_inner_texts()]
        assert len(shown) == number + 1
        nats.append(shown[-1])
        pictures.add(page.evaluate("document.querySelector('.player-canvas').toDataURL()"))
        assert page.locator(".player-attention").is_hidden()
    assert nats[0] > nats[1] > nats[2]
    assert len(pictures) == 3

    seen = []
    for row, column in ((10, 12), (16, 8)):
        point_at(page, row, column)
        page.wait_for_function(f"{STATE}.run.influences.has({row * 26 + column})")
        seen.append(page.evaluate(HEAT))
        api.expect(page.locator(".player-before")).to_contain_text(re.compile(r"without practice .*\d %"))
    assert seen[0] != seen[1]
    page.get_by_role("radio", name=re.compile("^Conditional")).check()
    generate(page)
    assert page.evaluate(f"{STATE}.run.kind") == "conditional"
    point_at(page, 10, 12)
    page.wait_for_function(f"{STATE}.run.influences.has(10 * 26 + 12)")
    api.expect(page.locator(".player-influence")).to_contain_text("Influence, not attention")
    api.expect(page.locator(".player-steps")).to_be_hidden()


def test_draws_along(open_page, capsys):
    page = open_page()
    page.evaluate(COUNT)
    api.expect(page.get_by_role("switch", name="Draw along")).to_be_checked()
    settings(page).get_by_label("Chance number", exact=True).fill("11")

    box = page.locator(".pad-canvas").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    start, seen = time.monotonic(), set()
    while len(seen) < 6:
        angle = 2.5 * (time.monotonic() - start)
        page.mouse.move(box["x"] + 150 + 90 * np.cos(angle), box["y"] + 150 + 80 * np.sin(1.7 * angle))
        if page.evaluate(f"{STATE}.run.live"):
            seen.add(page.evaluate("document.querySelector('.player-canvas').toDataURL()"))
        assert time.monotonic() - start < 60
    during, seconds = page.evaluate("counted.shown.length"), time.monotonic() - start
    page.mouse.up()
    assert_drawn_along(page, 11)
    with capsys.disabled():
        print(f"\ndrawn along: {during / seconds:.1f} pictures/s during one stroke of {seconds:.1f} s")
    assert page.evaluate("counted.most") == 1

    # What the user chose stays when the picture changes; the settings count too.
    point_at(page, 9, 12, click=True)
    page.get_by_label("gaze B", exact=True).check(force=True)
    draw(page, CROSS[0])
    assert_drawn_along(page, 11)
    assert page.evaluate(f"{STATE}.locked") == 9 * 26 + 12
    api.expect(page.get_by_label("gaze B", exact=True)).to_be_checked()
    page.get_by_role("radio", name="Conditional PixelCNN").check()
    assert_drawn_along(page, 11)
    assert page.evaluate(f"{STATE}.run.kind") == "conditional"
    settings(page).get_by_label("Chance number", exact=True).fill("12")
    assert_drawn_along(page, 12)
    settings(page).locator("#temperature input[type=number]").fill("0.8")
    page.keyboard.press("Tab")
    assert_drawn_along(page, 12, temperature=0.8)

    # Generate plays its own picture, with the same drawings; the next stroke is followed again.
    settings(page).get_by_label("a new one for each drawing").check()
    page.get_by_role("button", name="Generate").click()
    page.wait_for_function(ALL_ROWS)
    assert page.evaluate(f"{STATE}.playing")
    page.wait_for_function(f"!studio.drawing && {SETTLED}")
    frames(page)
    assert page.evaluate(ALL_ROWS)
    draw(page, CROSS[1])
    assert_drawn_along(page, int(page.get_by_label("Chance number", exact=True).input_value()), temperature=0.8)

    # No drawing is no error, and off is off.
    page.get_by_role("button", name="Clear", exact=True).click()
    page.get_by_role("button", name="Remove all").click()
    api.expect(status(page, "player")).to_contain_text("at least one drawing")
    api.expect(page.locator(".is-error")).to_have_count(0)
    page.get_by_role("switch", name="Draw along").uncheck()
    asked = page.evaluate("counted.asked")
    draw(page, CROSS[0])
    page.get_by_role("button", name="Add drawing").click()
    api.expect(thumbnails(page)).to_have_count(1)
    assert page.evaluate("counted.asked") == asked
    assert page.evaluate("counted.most") == 1
    page.reload()
    page.wait_for_function(READY)
    api.expect(page.get_by_role("switch", name="Draw along")).not_to_be_checked()


def test_generate_right_after_a_change_draws_it_once(open_page):
    """What the page tells of only after Generate has taken it is not drawn along too."""
    page = open_page()
    page.evaluate(COUNT)
    take_a_set(page)
    assert_drawn_along(page, 0)
    conditional = page.get_by_role("radio", name=re.compile("^Conditional PixelCNN"))
    before = page.evaluate("counted.shown.length")
    conditional.evaluate("radio => { radio.click(); document.querySelector('#generate').click(); }")
    page.wait_for_function(f"{ALL_ROWS} && {STATE}.run.model === 'omniglot-conditional'")
    page.wait_for_function(f"!studio.drawing && studio.settings.model === 'omniglot-conditional' && {SETTLED}")
    frames(page)
    assert page.evaluate("counted.shown.length") == before
    assert not page.evaluate(f"{STATE}.run.live")
    page.get_by_role("radio", name=re.compile("^PixelCNN")).check()
    assert_drawn_along(page, int(page.get_by_label("Chance number", exact=True).input_value()))


def test_drawing_along_goes_on_after_a_visit_to_photographs(open_page):
    page = open_page()
    page.evaluate(COUNT)
    turn_to(page, "mirror")
    page.get_by_role("radio", name=re.compile("^Conditional PixelCNN")).check()
    settings(page).locator("#temperature input[type=number]").fill("0.8")
    page.keyboard.press("Tab")
    seed = "Number(document.querySelector('#seed input').value)"
    page.wait_for_function(f"!studio.drawing && ({TOLD})([{seed}, 0.8])")
    assert page.evaluate("counted.asked") == 0  # photographs are not drawn along
    api.expect(page.locator(".is-error")).to_have_count(0)
    page.get_by_role("radio", name=re.compile("^Characters")).check()
    draw(page, *CROSS)
    assert_drawn_along(page, int(page.get_by_label("Chance number", exact=True).input_value()), temperature=0.8)
    # A model that takes inner steps draws with as many as the slider then says.
    page.get_by_role("radio", name=re.compile("^Meta PixelCNN")).check()
    page.wait_for_function(f"{STATE}.run.model === 'omniglot-meta' && {SETTLED}")
    steps = page.locator("#inner-steps input[type=number]").input_value()
    page.wait_for_function(f"{STATE}.run.support_nats.length === 1 + {steps}")


def test_draws_along_beside_generate_and_others(open_page, slow_rows, monkeypatch):
    """A drawing on the pad while Generate is at work waits for its end; so does one while too many draw along."""
    page = open_page()
    page.evaluate(COUNT)
    take_a_set(page)
    assert_drawn_along(page, 0)
    slow_rows[0] = 0.1
    page.get_by_role("button", name="Generate").click()
    page.wait_for_function(f"{STATE}.drawing && {STATE}.run.rows >= 2 && !{STATE}.run.live")
    thumbnails(page).first.press("Delete")
    asked = page.evaluate("counted.asked")
    page.wait_for_function(f"{STATE}.run.rows >= 8")
    assert page.evaluate("counted.asked") == asked
    slow_rows[0] = 0.0
    page.get_by_role("button", name="Stop").click()
    assert_drawn_along(page, int(page.get_by_label("Chance number", exact=True).input_value()))

    places = [SERVICE.along.acquire(blocking=False) for _ in range(PLACES)]
    assert all(places)
    before, asked = page.evaluate("[counted.shown.length, counted.asked]")
    draw(page, CROSS[0])
    page.wait_for_function(f"counted.asked > {asked} + 1 && {SETTLED}")  # once more, since the server was busy
    assert page.evaluate("counted.shown.length") == before
    for _ in places:
        SERVICE.along.release()
    page.wait_for_function(f"counted.shown.length > {before}")
    assert_drawn_along(page, int(page.get_by_label("Chance number", exact=True).input_value()))
    assert page.evaluate("counted.most") == 1


def test_a_page_that_is_opened_again_draws_what_is_on_its_pad(open_page):
    page = open_page()
    draw(page, *CROSS)
    live = f"{STATE}.run && {STATE}.run.live && {STATE}.run.shots === 1"
    page.wait_for_function(live)
    page.reload()
    page.wait_for_function(f"{READY} && {live}")


def saved(page, item):
    """What the menu Save gives: the file's name and content."""
    page.locator(".save summary").click()
    with page.expect_download() as download:
        page.locator(".save-list").get_by_role("button", name=item).click()
    api.expect(page.locator(".save-said")).to_contain_text("Saved")
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_picture_can_be_saved(open_page, scheme):
    """Whole, while it plays too, and dark on light in the dark too."""
    page = open_page(reduced_motion="reduce", color_scheme=scheme)
    page.locator(".player-canvas").press("Home")
    ink = np.array(page.evaluate(f"[...{STATE}.run.image]")).reshape(26, 26)
    name, data = saved(page, "Picture, on white")
    assert re.fullmatch(r"omniglot-attention-4-drawings-[0-9a-f]{4}-temperature-1-seed-5\.png", name)
    with Image.open(io.BytesIO(data)) as picture:
        picture = np.array(picture.convert("RGBA"))
    assert picture.shape == (520, 520, 4)
    assert picture[..., 3].min() == 255
    np.testing.assert_array_equal(picture[10::20, 10::20, 0] < 128, ink)
    svg, strokes = saved(page, "Strokes")
    assert svg == name.replace(".png", ".svg")
    assert strokes.startswith(b"<svg")
    assert b'stroke="#000"' in strokes


def test_a_finished_picture_is_saved_as_the_player_and_as_numbers(page, tmp_path):
    """The HTML file plays without the studio; the numbers are those on the page. The menu closes by Escape."""
    take_a_set(page)
    page.get_by_role("button", name="Generate").click()
    page.wait_for_function(ALL_ROWS)
    image = page.evaluate(f"[...{STATE}.run.image]")
    name, data = saved(page, "Player that works offline")
    (tmp_path / name).write_bytes(data)
    other = page.context.browser.new_context(offline=True)
    file = other.new_page()
    file.goto((tmp_path / name).as_uri())
    file.wait_for_function("window.player && player.state.run && player.state.run.rows === 26")
    assert file.evaluate("[...player.state.run.image]") == image
    other.close()
    _, data = saved(page, "All numbers")
    with np.load(io.BytesIO(data)) as numbers:
        assert numbers["images"].ravel().tolist() == image
    page.locator(".save summary").click()
    page.keyboard.press("Escape")
    api.expect(page.locator(".save-list")).to_be_hidden()


def restored_state(page):
    """All that a project holds of a page."""
    return page.evaluate(
        f"""(() => {{
            const {{ run, position, locked }} = {STATE};
            const {{ model, guidance, temperature, seed, inner_steps }} = studio.settings;
            return {{ image: [...run.image].join(""), name: run.model, drawn: run.seed, position, locked, model,
                      guidance, temperature, seed, inner_steps, pad: JSON.stringify(studio.pad.now()),
                      photos: JSON.stringify(studio.photos.value()) }};
        }})()"""
    )


def test_a_link_and_a_project_file_bring_everything_back(open_page, tmp_path):
    """Drawings, a model with practice steps, settings, seed, the place in the picture and the locked pixel."""
    page = open_page(reduced_motion="reduce")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    draw(page, *CROSS)
    page.get_by_role("radio", name=re.compile("^Meta PixelCNN")).check()
    settings(page).locator("#inner-steps input[type=number]").fill("1")
    page.keyboard.press("Escape")
    page.wait_for_function("studio.settings.inner_steps === 1")
    generate(page)
    page.wait_for_function(f"studio.settings.seed === {STATE}.run.seed")
    settings(page).locator("#fresh input").uncheck()
    page.keyboard.press("Escape")
    page.locator(".player-scrub").fill("300")
    point_at(page, 5, 5, click=True)
    page.locator(".save summary").click()
    page.get_by_role("button", name="Copy a link").click()
    api.expect(page.locator(".save-said")).to_contain_text("The link is copied")
    link = page.evaluate("navigator.clipboard.readText()")
    name, project = saved(page, "Project file (JSON)")
    before = restored_state(page)
    assert before["locked"] == 5 * 26 + 5
    assert before["position"] == 300

    other = open_page(reduced_motion="reduce")
    other.goto(link)  # of the page that is open already
    api.expect(other.locator(".save-said")).to_contain_text("Opened what the link holds.")
    assert restored_state(other) == before
    assert "#" not in other.url

    (tmp_path / name).write_bytes(project)
    third = open_page(reduced_motion="reduce")
    third.get_by_label("Project file to open").set_input_files(tmp_path / name)
    api.expect(third.locator(".save-said")).to_contain_text(f"Opened {name}.")
    assert restored_state(third) == before


def test_a_project_of_photographs_comes_back(open_page, tmp_path):
    page = open_page(reduced_motion="reduce")
    page.get_by_role("radio", name=re.compile("^Mirror")).check()
    page.wait_for_function(f"{STATE}.run && {STATE}.run.width === 48 && {STATE}.run.rows === 48")
    name, project = saved(page, "Project file (JSON)")
    before = restored_state(page)
    (tmp_path / name).write_bytes(project)
    other = open_page(reduced_motion="reduce")
    other.get_by_label("Project file to open").set_input_files(tmp_path / name)
    api.expect(other.locator(".save-said")).to_contain_text(f"Opened {name}.")
    assert restored_state(other) | {"pad": ""} == before | {"pad": ""}
    assert other.evaluate("document.body.dataset.given") == "photographs"


def test_what_is_no_project_is_refused_and_nothing_is_lost(page, tmp_path):
    draw(page, *CROSS)
    page.get_by_role("button", name="Add drawing").click()
    api.expect(thumbnails(page)).to_have_count(1)
    said = page.locator(".save-said")
    for number, (text, sentence) in enumerate(
        {
            "no JSON": "This is no project of the studio.",
            "[]": "This is no project of the studio.",
            '{"kind": "few-shot studio", "version": 2}': "made by another version",
            '{"kind": "few-shot studio", "version": 1, "task": "<b>"}': "There is no task '<b>'.",
        }.items()
    ):
        (tmp_path / f"{number}.json").write_text(text)
        page.get_by_label("Project file to open").set_input_files(tmp_path / f"{number}.json")
        api.expect(said).to_contain_text(sentence)
    page.evaluate("location.hash = '#studio=AAAA'")
    api.expect(said).to_contain_text("This link is damaged")
    api.expect(thumbnails(page)).to_have_count(1)


def test_what_is_said_while_it_plays(page):
    """A screen reader hears what happens, and not each number that changes."""
    take_a_set(page)
    page.get_by_role("button", name="Generate").click()
    page.wait_for_function(ALL_ROWS)
    page.locator(".player-canvas").press("Home")
    for _ in range(8):
        page.keyboard.press("ArrowDown")
    said = page.locator(".player-status [role=status]")
    api.expect(status(page, "player")).to_have_text("Ready. Showing row 8 of 26.")
    api.expect(said).to_have_text("Ready.")
    page.keyboard.press("End")
    api.expect(status(page, "player")).to_contain_text("Ready. Point at a pixel to see what it read")
    assert page.locator(".player output, .player [aria-live]").count() == 0


def test_the_whole_pictures_scale_shows_all_gazes_together(page):
    """Its full colour is the strongest of what is shown, not of a single gaze."""
    page.get_by_label("in the whole picture").check(force=True)
    full = float(page.locator(".player-legend .number").inner_text().strip("<> %"))
    page.get_by_label("most for this pixel").check(force=True)
    own = []
    for pixel in range(0, 676, 13):
        point_at(page, pixel // 26, pixel % 26)
        own.append(float(page.locator(".player-legend .number").inner_text().strip("<> %")))
    assert max(own) <= full + 1
    assert full < 2 * max(own)


def test_what_has_the_focus_can_be_seen(page):
    parts, seen = ("task", "pad", "model", "generate", "player", "guidance", "temperature", "seed", "fresh"), []

    def tab(times):
        for _ in range(times):
            page.keyboard.press("Tab")
            choice = page.locator(":is(#task, #model) label:has(:focus)")
            focus = choice if choice.count() else page.locator(":focus:not(.segments input)")
            if focus.count():
                api.expect(focus).to_have_css("outline", re.compile("solid 2px$"))
                closest = ", ".join(f"#{part}" for part in parts)
                seen.append(focus.evaluate("(node, parts) => node.closest(parts)?.id", closest))

    tab(30)
    page.get_by_role("button", name="Settings", exact=True).press("Enter")
    tab(8)
    assert set(parts) <= set(seen)


def test_keyboard(page):
    page.locator(".player-canvas").focus()
    for key, at in {"Home": 0, "ArrowRight": 1, "ArrowDown": 26, "ArrowLeft": 25, "ArrowUp": 0, "End": 676}.items():
        page.keyboard.press(key)
        assert position(page) == at
    page.keyboard.press("Home")
    page.keyboard.press(" ")
    page.wait_for_function(f"{STATE}.position > 3")
    page.keyboard.press(" ")
    assert page.evaluate(f"{STATE}.playing") is False
    at = position(page)
    settings(page).get_by_label("Chance number", exact=True).focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Home")
    assert position(page) == at  # keys in an input belong to the input
    page.get_by_label("all together: the mean").focus()
    page.keyboard.press("ArrowRight")
    api.expect(page.get_by_label("gaze A", exact=True)).to_be_checked()  # of radios, they choose another
    assert position(page) == at
    page.set_viewport_size({"width": 1280, "height": 500})
    page.get_by_role("button", name="Generate").focus()
    page.keyboard.press("End")
    page.wait_for_function("scrollY > 0")  # and elsewhere to the page
    assert position(page) == at


def test_reduced_motion_shows_the_finished_example(page):
    frames(page, 10)
    assert page.evaluate(f"{STATE}.playing") is False
    assert visible_rows(page) == 26
    api.expect(page.get_by_role("switch", name="Draw along")).not_to_be_checked()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone(open_page, scheme):
    page = open_page(
        viewport={"width": 390, "height": 844},
        is_mobile=True,
        has_touch=True,
        color_scheme=scheme,
        reduced_motion="reduce",
    )
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    mirror = page.get_by_role("radio", name=re.compile("^Mirror"))
    mirror.focus()
    api.expect(mirror).to_be_focused()  # in a narrow window of a computer, too, one switches by keyboard
    page.locator(".pad-canvas").tap()  # a dot
    page.get_by_role("button", name="Add drawing").tap()
    api.expect(thumbnails(page)).to_have_count(1)
    page.get_by_role("button", name="Generate").tap()
    page.wait_for_function(ALL_ROWS)
    page.locator(".player-canvas").tap()
    assert page.evaluate(f"{STATE}.locked") is not None
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.evaluate("document.body.classList.contains('dark')") is (scheme == "dark")
    page.go_back()  # to where one draws, and not out of the studio
    api.expect(page.locator(".pad-canvas")).to_be_in_viewport()
    api.expect(page.get_by_role("radio", name="Draw", exact=True)).to_be_checked()


def test_a_phone_shows_the_pad_and_what_the_machine_draws_together(open_page):
    page = open_page(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    api.expect(page.get_by_role("switch", name="Draw along")).to_be_checked()
    page.locator(".pad-canvas").scroll_into_view_if_needed()
    api.expect(page.locator(".player-frame")).not_to_be_in_viewport()
    draw(page, *CROSS)
    ink = "document.querySelector('.pad-drawn').getContext('2d').getImageData(0, 0, 26, 26).data"
    shown = f"((ink) => {STATE}.run.image.every((bit, i) => bit === +(ink[4 * i + 3] > 0)))({ink})"
    page.wait_for_function(f"{STATE}.run.live && {STATE}.run.image.some(Boolean) && {shown}")
    api.expect(page.locator(".pad-drawn")).to_be_in_viewport()
    page.evaluate("document.body.classList.add('dark')")
    page.wait_for_function(f"{ink}.some((value, i) => i % 4 === 0 && value > 200)")  # light ink now
    page.get_by_role("button", name="Clear").tap()
    page.wait_for_function(f"!{ink}.some(Boolean)")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.get_by_role("switch", name="Draw along").uncheck()
    api.expect(page.locator(".pad-drawn")).to_be_hidden()


# Several players ------------------------------------------------------------------------------------------------------

# What a page leaves running: listeners, observers, timers and frames that are neither taken back nor over.
WATCH_LEFTOVERS = """
() => {
  const running = (window.running = new Set()), events = EventTarget.prototype;
  const { addEventListener: add, removeEventListener: remove } = events;
  events.addEventListener = function (type, listener, options) {
    const entry = { target: this, type, listener };
    running.add(entry);
    if (options?.signal) add.call(options.signal, "abort", () => running.delete(entry));
    return add.call(this, type, listener, options);
  };
  events.removeEventListener = function (type, listener, options) {
    for (const entry of running) {
      if (entry.target === this && entry.type === type && entry.listener === listener) running.delete(entry);
    }
    return remove.call(this, type, listener, options);
  };
  for (const name of ["MutationObserver", "ResizeObserver", "IntersectionObserver"]) {
    window[name] = class extends window[name] {
      observe(...what) { running.add(this); super.observe(...what); }
      disconnect() { running.delete(this); super.disconnect(); }
    };
  }
  for (const [start, end] of [["setTimeout", "clearTimeout"], ["requestAnimationFrame", "cancelAnimationFrame"]]) {
    const really = { start: window[start].bind(window), end: window[end].bind(window) };
    window[start] = (act, ...rest) => {
      const id = really.start((...values) => { running.delete(`${start} ${id}`); act(...values); }, ...rest);
      running.add(`${start} ${id}`);
      return id;
    };
    window[end] = (id) => { running.delete(`${start} ${id}`); really.end(id); };
  }
}
"""
MAKE_PLAYERS = """
async ({ chunks, tasks }) => {
  const load = (name) => import(new URL(`${name}.js`, document.baseURI));
  const [{ createPlayer }, { createPlayback }, { createSelection }] =
    await Promise.all(["player", "playback", "selection"].map(load));
  const first = document.querySelector(".player"), second = first.cloneNode(true);
  first.after(second);
  const engine = { influence: () => new Promise(() => {}) };  // an answer that never comes
  const shared = { engine, tasks, playback: createPlayback(), selection: createSelection() };
  window.left = [running.size];
  window.players = [first, second].map((root) => {
    const player = createPlayer(root, shared);
    left.push(running.size);
    return player;
  });
  await Promise.all(players.map((player, i) => player.absorb(chunks[i])));
}
"""


def test_two_players_share_a_clock_and_a_selection_and_leave_nothing_behind(browser, url):
    """On a page of their own, without Gradio and without a server's answers."""
    supports = next(iter(support_sets.read().values()))[:2]
    models = [fewshot.load(f"omniglot-{name}") for name in ("attention", "conditional")]
    chunks = [payload.pack(model.generate(supports, seed=3), model.name) for model in models]
    page = browser.new_page(viewport={"width": 1280, "height": 1600})
    page.set_default_timeout(PATIENCE)
    wrong = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(f"{url}{scripts.PATH}/player.html")
    for style in scripts.STYLES:
        page.add_style_tag(path=style)
    page.evaluate(WATCH_LEFTOVERS)
    page.evaluate(MAKE_PLAYERS, {"chunks": chunks, "tasks": catalogue.facts()["tasks"]})
    first, second = page.locator(".player").all()
    both = "players.map((player) => player.state.{})"

    page.wait_for_function("players.every((player) => player.state.position > 30)")
    first.get_by_role("button", name="Pause").click()
    at = page.evaluate(both.format("position"))
    assert at[0] == at[1]
    second.locator(".player-canvas").press("ArrowRight")
    assert page.evaluate(both.format("position")) == [at[0] + 1] * 2
    second.locator(".player-scrub").fill("676")
    for player in (first, second):
        api.expect(player.locator(".player-speed")).to_have_value("100")
        api.expect(player.locator(".player-scrub")).to_have_value("676")
    first.locator(".player-speed").select_option("2")
    api.expect(second.locator(".player-speed")).to_have_value("2")

    box = first.locator(".player-canvas").bounding_box()
    page.mouse.move(box["x"] + 10.5 / 26 * box["width"], box["y"] + 4.5 / 26 * box["height"])
    for player in (first, second):
        api.expect(player.locator(".player-place")).to_contain_text("Row 5, column 11:")
    page.mouse.down()
    page.mouse.up()
    assert page.evaluate(both.format("locked")) == [4 * 26 + 10] * 2

    second.get_by_label("how sure it was").check(force=True)  # what each shows is its own
    api.expect(first.get_by_label("drawing", exact=True)).to_be_checked()
    names = [{radio.get_attribute("name") for radio in player.get_by_role("radio").all()} for player in (first, second)]
    assert not names[0] & names[1]
    assert None not in names[0] | names[1]

    second.locator(".player-canvas").press("Home")
    second.locator(".player-canvas").press(" ")
    page.wait_for_function("players.every((player) => player.state.playing)")
    page.evaluate("players[0].destroy()")
    shown = first.locator(".player-canvas").evaluate("(canvas) => canvas.toDataURL()")
    second.get_by_role("button", name="Pause").click()
    second.locator(".player-canvas").press("End")
    assert page.evaluate(both.format("position")) == [676] * 2
    assert first.locator(".player-canvas").evaluate("(canvas) => canvas.toDataURL()") == shown
    left = page.evaluate("left")
    assert left[0] < left[1] < left[2]
    second.locator(".player-canvas").hover()
    second.locator(".player-canvas").press(" ")
    page.evaluate("players[1].destroy()")
    assert page.evaluate("running.size") == left[0] == 0
    assert wrong == []
    page.close()


# Photographs ---------------------------------------------------------------------------------------------------------

SAMPLES = photos.SAMPLES / "mirror"
WHOLE = f"{STATE}.run && {STATE}.run.rows === {STATE}.run.height"


def turn_to(page, task):
    """Switch to another task, and wait for the picture that the switch has drawn."""
    page.get_by_role("radio", name=re.compile(f"^{task.capitalize()}")).check()
    page.wait_for_function(f"{WHOLE} && {STATE}.run.task === '{task}'")


def generate(page):
    """Press Generate and wait for the whole picture, which is returned [H, W, channels]."""
    page.wait_for_function("!studio.drawing")  # as it may, to show what was chosen
    old = page.evaluate(f"{STATE}.run.id")
    page.get_by_role("button", name="Generate").click()
    page.wait_for_function(f"{WHOLE} && !{STATE}.run.live && {STATE}.run.id !== {json.dumps(old)} && !studio.drawing")
    side = page.evaluate(f"{STATE}.run.height")
    return np.array(page.evaluate(f"[...{STATE}.run.image]"), np.uint8).reshape(side, side, -1)


def test_another_task_or_model_follows_what_is_being_drawn(page, slow_rows):
    take_a_set(page)
    slow_rows[0] = 0.05
    for begun in ("true", f"{STATE}.drawing && {STATE}.run.rows >= 2 && {STATE}.run.rows < 26"):
        page.get_by_role("radio", name=re.compile("^Characters")).check()
        page.wait_for_function(f"{WHOLE} && {STATE}.run.task === 'omniglot' && !studio.drawing")
        page.get_by_role("button", name="Generate").click()
        page.wait_for_function(begun)
        page.get_by_role("radio", name=re.compile("^Mirror")).check()
        page.wait_for_function(f"{STATE}.drawing && {STATE}.run.task === 'mirror' && {STATE}.run.rows > 1")
    slow_rows[0] = 0.0
    page.wait_for_function(f"{WHOLE} && {STATE}.run.task === 'mirror'")
    for model in ("Conditional", "Meta", "Conditional"):  # a photograph is drawn anew by each who is chosen
        page.get_by_role("radio", name=re.compile(f"^{model} PixelCNN")).check()
    page.wait_for_function(f"{WHOLE} && {STATE}.run.model === 'mirror-conditional'")
    page.get_by_role("radio", name=re.compile("^Products")).check()
    page.get_by_role("radio", name=re.compile("^Characters")).check()
    page.wait_for_function(f"{WHOLE} && {STATE}.run.task === 'omniglot' && !studio.drawing")
    frames(page)
    assert page.evaluate(f"{STATE}.run.task") == "omniglot"


def test_uploaded_photographs_are_mirrored(page):
    """What is shown is what was sent, and it is the mirror image of what was uploaded: all five ready-made ones."""
    turn_to(page, "mirror")
    api.expect(page.locator("#pad")).to_be_hidden()
    for file in sorted(SAMPLES.glob("*.png")):
        page.locator(".photos-files").set_input_files(file)
        api.expect(status(page, "photos")).to_contain_text("Added one photograph.")
        mirror_image = photos.read_photo(file.read_bytes(), 48)[:, ::-1]
        drawn = generate(page)
        assert np.abs(drawn.astype(int) - mirror_image).mean() < 4, file.name
    shown = page.locator(".player-canvas").evaluate(
        "(canvas) => [...canvas.getContext('2d').getImageData(0, 0, 48, 48).data]"
    )
    np.testing.assert_array_equal(np.array(shown).reshape(48, 48, 4)[..., :3], drawn)


def test_the_gaze_goes_the_other_way(page):
    turn_to(page, "mirror")
    box = page.locator(".player-canvas").bounding_box()
    for column in (5, 20, 40):
        page.mouse.move(box["x"] + (column + 0.5) / 48 * box["width"], box["y"] + 20.5 / 48 * box["height"])
        api.expect(page.locator(".player-place")).to_contain_text(f"Row 21, column {column + 1}: #")
        gaze = page.locator(".tile-gaze circle")
        assert float(gaze.get_attribute("cx")) == pytest.approx(47.5 - column, abs=1.01)
        assert float(gaze.get_attribute("cy")) == pytest.approx(20.5, abs=1.01)
        way = page.locator(".tile-gaze polyline").get_attribute("points").split()
        assert len(way) == column + 1
        assert float(way[0].split(",")[0]) > float(way[-1].split(",")[0])
    page.get_by_label("surprise").check(force=True)
    api.expect(page.locator(".player-chance").first).to_contain_text("of 16.6")
    # Nor does it stay behind for a model that has none.
    page.get_by_role("radio", name=re.compile("^Meta PixelCNN")).check()
    generate(page)
    api.expect(page.locator(".tile-gaze")).to_be_hidden()
    api.expect(page.locator(".tile-heat")).to_be_hidden()


def test_attentive_meta_shows_its_steps_and_what_it_reads(page):
    take_a_set(page)
    page.get_by_role("radio", name=re.compile("^Attentive Meta PixelCNN")).check()
    generate(page)
    assert page.evaluate(f"{STATE}.run.support_nats.length") == 2
    before, after = (float(text) for text in page.locator(".player-steps .number").all_inner_texts())
    assert after < before
    point_at(page, 5, 5)
    first = page.evaluate(HEAT)
    point_at(page, 16, 12)
    assert page.evaluate(HEAT) != first
    # A single drawing leaves no other to predict it from: no step, and that is what is shown.
    page.get_by_label("use so many of the drawings").select_option("1")
    generate(page)
    assert page.evaluate(f"{STATE}.run.shots") == 1
    api.expect(page.locator(".player-steps")).to_be_hidden()


def test_inner_steps_are_as_many_as_the_chosen_model_was_trained_with(page):
    steps = page.locator("#inner-steps input[type=number]")
    page.get_by_role("radio", name=re.compile("^Meta PixelCNN")).check()
    api.expect(steps).to_have_value("3")
    turn_to(page, "mirror")
    page.get_by_role("radio", name=re.compile("^Meta PixelCNN")).check()
    api.expect(steps).to_have_value("1")


def test_files_can_be_dropped_and_pasted(page):
    files = sorted(SAMPLES.glob("*.png"))[:2]
    drop(page, ".pad", files)
    api.expect(thumbnails(page)).to_have_count(2)
    paste(page, files[:1])
    api.expect(thumbnails(page)).to_have_count(3)
    turn_to(page, "mirror")
    paste(page, files)
    api.expect(status(page, "photos")).to_contain_text("Added one photograph.")  # and no second one
    mirror_image = photos.read_photo(files[0].read_bytes(), 48)[:, ::-1]
    assert np.abs(generate(page).astype(int) - mirror_image).mean() < 4


def drop(page, part: str, files: list[Path]) -> None:
    """Drop files on a part of the page, as from the user's desktop."""
    page.dispatch_event(part, "drop", {"dataTransfer": transfer(page, files)})


def paste(page, files: list[Path]) -> None:
    """Paste files, with nothing on the page chosen."""
    event = "(clipboardData) => new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true })"
    page.evaluate(f"(files) => document.body.dispatchEvent(({event})(files))", transfer(page, files))


def transfer(page, files: list[Path]):
    """Files as the browser hands them over."""
    contents = [[file.name, base64.b64encode(file.read_bytes()).decode()] for file in files]
    return page.evaluate_handle(
        """(contents) => {
          const transfer = new DataTransfer();
          for (const [name, base64] of contents) {
            transfer.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], name));
          }
          return transfer;
        }""",
        contents,
    )


def test_the_hand_beside_the_pen_draws_nothing(page):
    box, cdp = page.locator(".pad-canvas").bounding_box(), page.context.new_cdp_session(page)

    def at(x, y):
        return {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}

    def hand(kind, *points):
        cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [at(*point) for point in points]})

    def pen(kind, x, y):
        pressed = {"pointerType": "pen", "button": "left", "buttons": 1, "clickCount": 1}
        cdp.send("Input.dispatchMouseEvent", {"type": kind, **at(x, y), **pressed})

    hand("touchStart", (0.8, 0.8))
    hand("touchMove", (0.9, 0.9))
    pen("mousePressed", 0.2, 0.2)
    hand("touchMove", (0.8, 0.9))
    pen("mouseMoved", 0.2, 0.5)
    pen("mouseMoved", 0.2, 0.5)
    pen("mouseReleased", 0.2, 0.5)
    hand("touchEnd")
    page.wait_for_function("studio.pad.now().supports.length === 1")
    (stroke,) = page.evaluate("studio.pad.now().supports.at(-1).strokes")
    assert len(stroke) == 2
    np.testing.assert_allclose(stroke, np.array([[0.2, 0.2], [0.2, 0.5]]) * 105, atol=0.2)


def test_a_beginning_is_completed_and_photographs_are_kept(page, tmp_path):
    turn_to(page, "mirror")
    page.get_by_role("button", name="Use the ready-made fish").click()
    page.get_by_label("Rows given").fill("24")
    api.expect(page.locator(".photos-rows")).to_have_text("the first 24 rows of 48 are given")
    fish = photos.read_photo((SAMPLES / "fish.png").read_bytes(), 48)
    np.testing.assert_array_equal(generate(page)[:24], fish[:24, ::-1])
    api.expect(page.locator(".player-facts")).to_contain_text("first 24 rows given")
    page.locator(".photos-begin-file").set_input_files(SAMPLES / "hills.png")
    api.expect(status(page, "photos")).to_contain_text("complete it")
    hills = photos.read_photo((SAMPLES / "hills.png").read_bytes(), 48)
    np.testing.assert_array_equal(generate(page)[:24], hills[:24])
    (tmp_path / "notes.txt").write_text("no picture")
    page.locator(".photos-files").set_input_files(tmp_path / "notes.txt")
    api.expect(status(page, "photos")).to_contain_text("notes.txt: The file is not a picture")
    page.reload()
    page.wait_for_function(READY)
    turn_to(page, "mirror")
    np.testing.assert_array_equal(generate(page)[:24], hills[:24])
    assert page.locator(".photos-tray .photo").count() == 1
    page.locator(".photos-tray .photo").focus()
    page.keyboard.press("Delete")
    page.get_by_role("button", name="Generate").click()
    api.expect(status(page, "photos")).to_contain_text("Take a ready-made photograph first")
    page.locator(".photos-status").get_by_role("button", name="Undo").click()
    assert page.locator(".photos-tray .photo").count() == 1


def test_products_take_up_to_eight_photographs_and_characters_come_back(page):
    take_a_set(page)
    turn_to(page, "products")
    assert page.locator(".photos-tray .photo").count() == 3
    files = sorted((photos.SAMPLES / "products").glob("*.png"))
    page.locator(".photos-files").set_input_files(files[:6])
    api.expect(status(page, "photos")).to_contain_text("at most 8")
    assert page.locator(".photos-tray .photo").count() == 8
    assert generate(page).shape == (32, 32, 3)
    assert page.evaluate(f"{STATE}.run.shots") == 8
    assert page.evaluate(f"{STATE}.run.seed") == int(page.get_by_label("Chance number", exact=True).input_value())
    page.get_by_role("radio", name=re.compile("^Characters")).check()
    page.wait_for_function(f"{ALL_ROWS} && {STATE}.run.task === 'omniglot'")
    api.expect(page.locator("#photos")).to_be_hidden()
    assert thumbnails(page).count() == page.evaluate(f"{STATE}.run.shots") > 0


def test_pages_of_other_names_and_sites_get_no_answer(launch, url):
    """evil.test leads to this machine, as it may for a page that wants to read what the studio answers."""
    here = urllib.parse.urlsplit(url)
    calls = [
        "",
        "gradio_api/info",
        "gradio_api/queue/data?session_hash=x",
        f"{scripts.PATH}/studio.js",
        "studio-lessons",
    ]
    with launch("--host-resolver-rules=MAP evil.test 127.0.0.1") as browser:
        page = browser.new_page()
        for call in calls:
            answer = page.goto(f"http://evil.test:{here.port}/{call}")
            assert answer.status == 403, call
            assert "its own address only" in page.text_content("body")
        for call in (*calls, *MOST_BYTES):  # from that page to the studio's own name
            for method in ("GET", "POST"):
                with page.expect_response(f"{url}{call}") as answer:
                    page.evaluate(
                        "([url, method]) => { fetch(url, { method, mode: 'no-cors' }).catch(() => {}); }",
                        [f"{url}{call}", method],
                    )
                assert answer.value.status == 403, (method, call)

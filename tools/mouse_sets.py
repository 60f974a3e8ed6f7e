"""Ten characters drawn with the mouse in the studio, and what a model makes of them: python -m tools.mouse_sets.

Starts app.py on this machine, draws four drawings of each character on the pad in a headless Chromium, presses
Generate, and writes a page of supports and samples, docs/omniglot/mouse.png.
"""

import shutil
from pathlib import Path

import numpy as np
import tyro
from playwright.sync_api import Page, sync_playwright

import fewshot
from fewshot import payload
from fewshot.report import heading, page, save, show
from fewshot.tasks import OMNIGLOT
from tools.load import MODEL, ROOT, server

# The strokes of each character, as points that a hand passes, in 0..1 of the pad.
CHARACTERS = {
    "hook and bar": ([(0.5, 0.15), (0.52, 0.6), (0.42, 0.82), (0.25, 0.72)], [(0.25, 0.35), (0.8, 0.33)]),
    "spiral": ([(0.5, 0.5), (0.6, 0.42), (0.68, 0.55), (0.5, 0.72), (0.28, 0.55), (0.42, 0.24), (0.8, 0.3)],),
    "ladder": (
        [(0.3, 0.15), (0.28, 0.85)],
        [(0.7, 0.15), (0.72, 0.85)],
        [(0.29, 0.38), (0.71, 0.38)],
        [(0.28, 0.64), (0.71, 0.66)],
    ),
    "fish": ([(0.85, 0.25), (0.5, 0.72), (0.2, 0.5), (0.5, 0.28), (0.85, 0.75)],),
    "arrow": ([(0.2, 0.5), (0.8, 0.5)], [(0.58, 0.28), (0.8, 0.5), (0.6, 0.72)], [(0.2, 0.3), (0.2, 0.7)]),
    "three peaks": ([(0.12, 0.75), (0.28, 0.3), (0.42, 0.7), (0.56, 0.3), (0.7, 0.7), (0.86, 0.3)],),
    "loop with a tail": ([(0.3, 0.85), (0.6, 0.45), (0.65, 0.2), (0.45, 0.18), (0.42, 0.45), (0.75, 0.8)],),
    "gate": (
        [(0.18, 0.28), (0.82, 0.25)],
        [(0.35, 0.28), (0.33, 0.82)],
        [(0.64, 0.27), (0.64, 0.7), (0.74, 0.82), (0.84, 0.72)],
    ),
    "ear": ([(0.35, 0.8), (0.3, 0.4), (0.5, 0.18), (0.72, 0.35), (0.55, 0.55), (0.68, 0.72), (0.5, 0.85)],),
    "flag": ([(0.3, 0.12), (0.3, 0.88)], [(0.3, 0.16), (0.75, 0.26), (0.3, 0.45)], [(0.55, 0.66), (0.57, 0.68)]),
}
DRAWINGS, SAMPLES, SEED = 4, 6, 0
STEPS = 8  # mouse moves from one point to the next


def by_hand(strokes: tuple, rng: np.random.Generator) -> list[np.ndarray]:
    """The strokes as a hand draws them another time: a little turned, moved, of another size, and not quite even."""
    turn, size = rng.normal(0, 0.06), np.exp(rng.normal(0, 0.06, 2))
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) * size
    moved = rng.normal(0.5, 0.02, 2)
    return [np.clip((np.array(s) - 0.5) @ matrix.T + moved + rng.normal(0, 0.018, (len(s), 2)), 0, 1) for s in strokes]


def smooth(points: np.ndarray) -> np.ndarray:
    """A curve through the points (Catmull and Rom's), as [n, 2]."""
    p = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.linspace(0, 1, STEPS, endpoint=False)[:, None, None]
    a, b, c, d = p[:-3], p[1:-2], p[2:-1], p[3:]
    curve = b + t * (c - a) / 2 + t**2 * (a - 2.5 * b + 2 * c - d / 2) + t**3 * (1.5 * (b - c) + (d - a) / 2)
    return np.concatenate([curve.swapaxes(0, 1).reshape(-1, 2), points[-1:]])


def draw(page: Page, strokes: tuple, rng: np.random.Generator) -> None:
    """Draw a character once, and add it to the tray."""
    box = page.locator(".pad-canvas").bounding_box()
    for stroke in by_hand(strokes, rng):
        (x, y), *rest = smooth(stroke) * (box["width"], box["height"]) + (box["x"], box["y"])
        page.mouse.move(x, y)
        page.mouse.down()
        for x, y in rest:
            page.mouse.move(x, y)
        page.mouse.up()
    drawn = page.locator(".pad-tray .thumb").count()
    page.get_by_role("button", name="Add drawing").click()
    page.wait_for_function(f"document.querySelectorAll('.pad-tray .thumb').length === {drawn + 1}")


def main(out: Path = ROOT / "docs" / "omniglot" / "mouse.png") -> None:
    """Draw the ten characters, and write the page of what the model drew of them."""
    rng, supports = np.random.default_rng(SEED), {}
    with server() as (url, _), sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        for name, strokes in CHARACTERS.items():
            studio = browser.new_page(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
            studio.goto(url)
            studio.wait_for_function("window.studio && studio.players[0].state.run")
            for _ in range(DRAWINGS):
                draw(studio, strokes, rng)
            kept = studio.evaluate("studio.pad.commit()")
            supports[name] = payload.read_supports(kept["supports"], OMNIGLOT, OMNIGLOT.side)
            studio.close()
        browser.close()
    model = fewshot.load(MODEL)
    figure, axes = page(len(supports), DRAWINGS + SAMPLES)
    for row, drawings in zip(axes, supports.values(), strict=True):
        samples = model.generate(drawings, SAMPLES, SEED, guidance=OMNIGLOT.guidance, cut=OMNIGLOT.cut).images
        for axis, image in zip(row, [*drawings, *samples], strict=True):
            show(axis, image)
    heading(axes[0, 0], "drawn by mouse")
    heading(axes[0, DRAWINGS], f"drawn by {model.title}, faithfulness {OMNIGLOT.guidance}")
    print(save(figure, out))


if __name__ == "__main__":
    tyro.cli(main)

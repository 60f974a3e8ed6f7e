"""Click on Generate, up to the complete trace in the browser, beside the naive sampler: python -m tests.click_to_trace.

Starts app.py on this machine, takes four drawings of a ready-made set, and clicks in a headless Chromium.
"""

import shutil

import numpy as np
import torch
import tyro
from playwright.sync_api import sync_playwright

import fewshot
from fewshot.bench import naive_seconds
from tests.load import MODEL, server

# Clicks, and gives the milliseconds until the player has the first row and until it has all of them with their trace.
CLICK = """async () => {
  const state = () => studio.player.state.run, old = state().id, start = performance.now();
  document.querySelector("#generate").click();
  let first = null;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    if (state().id === old) continue;
    first ??= performance.now() - start;
    if (state().rows === state().height) return [first, performance.now() - start];
  }
}"""


def main(clicks: int = 10) -> None:
    """Click so many times, after one to warm up, and print the medians."""
    with server() as (url, _), sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        page = browser.new_page(reduced_motion="reduce")
        page.goto(url)
        page.get_by_role("button", name="Use the ready-made set").first.click()
        page.get_by_label("How many of the drawings").select_option("4")
        page.evaluate(CLICK)
        first, complete = np.median([page.evaluate(CLICK) for _ in range(clicks)], axis=0) / 1e3
        browser.close()
    torch.set_num_threads(1)
    naive = naive_seconds(fewshot.load(MODEL), 1)
    print(f"{MODEL}, 4 supports, median of {clicks} clicks in Chromium")
    print(f"first row after {first:.2f} s, complete trace after {complete:.2f} s")
    print(f"naive sampler alone, in the same run: {naive:.1f} s, {naive / complete:.0f} times as long")


if __name__ == "__main__":
    tyro.cli(main)

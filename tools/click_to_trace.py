"""Click on Generate, up to the complete trace in the browser, beside the naive sampler: python -m tools.click_to_trace.

Also click on the button beside it, up to sixteen variations on the screen.

Starts app.py on this machine, takes four drawings of a ready-made set, or the ready-made photographs of another task,
and clicks in a headless Chromium.
"""

import os
import platform
import re
import shutil
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import tyro
from playwright.sync_api import sync_playwright

import fewshot
from fewshot.bench import naive_seconds
from fewshot.tasks import OMNIGLOT, TASKS
from tools.load import family, server

# Clicks, and gives the milliseconds until the player has the first row and until it has all of them with their trace.
CLICK = """async () => {
  const state = () => studio.players[0].state.run, old = state().id, start = performance.now();
  document.querySelector("#generate").click();
  let first = null;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    if (state().id === old) continue;
    first ??= performance.now() - start;
    if (state().rows === state().height) return [first, performance.now() - start];
  }
}"""


# The same for sixteen at once: until their first row is there, and until all of their rows are.
CLICK_SIXTEEN = """async () => {
  const batch = () => studio.variations.batch, old = batch(), start = performance.now();
  document.querySelector("#sixteen").click();
  let first = null;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    if (!batch() || batch() === old) continue;
    first ??= performance.now() - start;
    const { pictures, side } = batch();
    if (pictures.every(({ rows }) => rows === side)) return [first, performance.now() - start];
  }
}"""
# How well they fit is computed before the next click.
FITS = "studio.variations.batch.pictures.every(({ fit }) => fit !== null)"


RUN = "studio.players[0].state.run"


def memory_of_the_page() -> int:
    """Megabytes of the browser's process that holds the page, as Chromium's own task manager counts them."""
    megabytes = [0]
    for pid in family(os.getpid()):
        process = Path(f"/proc/{pid}")
        if b"--type=renderer" in (process / "cmdline").read_bytes():
            status = dict(line.split(":") for line in (process / "status").read_text().splitlines())
            megabytes.append(sum(int(status[name].split()[0]) for name in ("RssAnon", "VmSwap")) // 1024)
    return max(megabytes)


def main(
    clicks: int = 10, task: Literal[tuple(TASKS)] = OMNIGLOT.key, engine: Literal["browser", "server"] = "server"
) -> None:
    """Click so many times, after one to warm up, and print the medians. ``engine`` draws, where it can."""
    model = fewshot.load(f"{task}-attention")
    with server("--engine", engine) as (url, _), sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        page = browser.new_page(reduced_motion="reduce")
        page.goto(url)
        if TASKS[task].drawn:
            page.get_by_role("button", name="Ready-made sets").click()
            page.get_by_role("button", name="Use the ready-made set").first.click()
            page.get_by_label("use so many of the drawings").select_option("4")
        else:
            page.get_by_role("radio", name=re.compile(f"^{TASKS[task].label}")).check()
            page.wait_for_function(f"{RUN} && {RUN}.task === '{task}' && {RUN}.rows === {RUN}.height", timeout=60_000)
        page.evaluate(CLICK)
        first, complete = np.median([page.evaluate(CLICK) for _ in range(clicks)], axis=0) / 1e3
        taken = memory_of_the_page()
        sixteen = []
        for _ in range(clicks + 1):
            sixteen.append(page.evaluate(CLICK_SIXTEEN))
            if TASKS[task].drawn:
                page.wait_for_function(FITS, timeout=60_000)
        first_rows, all_rows = np.median(sixteen[1:], axis=0) / 1e3
        in_the_end = memory_of_the_page()
        browser.close()
    torch.set_num_threads(1)
    naive = naive_seconds(model, 1)
    print(f"{model.name}, median of {clicks} clicks in Chromium, drawn by the {engine}")
    print(f"machine: {platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    print(f"sixteen guided variations: first rows after {first_rows:.2f} s, all after {all_rows:.2f} s")
    print(f"first row after {first:.2f} s, complete trace after {complete:.2f} s")
    print(f"memory of the page: {taken} MB after {clicks + 1} pictures, {in_the_end} MB after as many sixteens too")
    print(f"naive sampler alone, in the same run: {naive:.1f} s, {naive / complete:.0f} times as long")


if __name__ == "__main__":
    tyro.cli(main)

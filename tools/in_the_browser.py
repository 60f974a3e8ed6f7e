"""What the engine in the browser can do, as its users feel it: python -m tools.in_the_browser.

In a headless Chromium on this machine, on which nothing else should run: the site opened with an empty cache; one
picture, sixteen, and drawing along in the studio, also with all of Chromium held up three quarters of the time, as on a
slow tablet; and what many pages that draw along at once ask of the server. python -m tools.click_to_trace has more of
one picture, and beside it what the server and the naive way take.
"""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import numpy as np
import tyro
from playwright.sync_api import Browser, Page, sync_playwright

from fewshot.interface.site import write_site
from tools.click_to_trace import CLICK, CLICK_SIXTEEN, memory_of_the_page
from tools.load import family, server, tell

# What is wanted: seconds from opening the site to a whole picture, to one with its trace, and to sixteen; pictures/s.
OPENED, ONE, SIXTEEN, ALONG = 2, 0.15, 1.5, 10
MEMORY = 200  # MB of the page
SLOW, STOPPED = 4, 0.03  # times; seconds that Chromium is stopped at a time
BROWSER = ("--engine", "browser")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]

# Milliseconds from the start of the page until it has drawn a picture of a ready-made set.
OPEN = """async () => {
  const until = async (what) => {
    for (;;) {
      const it = what();
      if (it) return it;
      await new Promise(requestAnimationFrame);
    }
  };
  const drawn = () => {
    const { run } = studio.players[0].state;
    return run && !run.example && run.rows === run.height;
  };
  const named = (name) => [...document.querySelectorAll("button")].find((button) => button.textContent.includes(name));
  await until(() => window.studio?.settings);
  (await until(() => named("Ready-made sets"))).click();
  (await until(() => document.querySelector("[aria-label^='Use the ready-made set']"))).click();
  (await until(() => document.querySelector("#generate:not(:disabled)"))).click();
  await until(drawn);
  return performance.now();
}"""

# Draws on the pad, 40 places a second, and counts the pictures that follow, as they are shown.
DRAW = """() => {
  const paper = document.querySelector(".pad-canvas"), { left, top, width } = paper.getBoundingClientRect();
  paper.setPointerCapture = () => {}; // this pointer is none of the system's
  let at = 0;
  const point = (type) => {
    const [x, y] = [Math.cos(0.06 * at), Math.sin(0.1 * at)].map((part) => width * (0.5 + 0.3 * part));
    at += 1;
    const place = { clientX: left + x, clientY: top + y, button: 0, buttons: 1, pointerId: 1, isPrimary: true };
    paper.dispatchEvent(new PointerEvent(type, { bubbles: true, pointerType: "mouse", ...place }));
  };
  const seen = new Set();
  const look = () => {
    const { run } = studio.players[0].state;
    if (run?.live && run.rows === run.height) seen.add(run.id);
    requestAnimationFrame(look);
  };
  setInterval(() => {
    if (at % 160) return point("pointermove");
    point("pointerup");
    document.querySelector("[data-do=clear]").click(); // the next one
    point("pointerdown");
  }, 25);
  look();
  window.seen = seen;
}"""


@contextmanager
def slowed(pid: int) -> Iterator[None]:
    """Every process that ``pid`` started, all of its threads, runs one SLOW-th of the time."""
    done = Event()

    def hold_up() -> None:
        while not done.is_set():
            browsers = [one for one in family(pid) if b"--no-sandbox" in command(one)]
            for sign, seconds in ((signal.SIGSTOP, STOPPED), (signal.SIGCONT, STOPPED / (SLOW - 1))):
                for one in browsers:
                    with suppress(ProcessLookupError):
                        os.kill(one, sign)
                time.sleep(seconds)

    thread = Thread(target=hold_up)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def command(pid: int) -> bytes:
    """The command line of a process; nothing if it has ended."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def cpu_seconds(pid: int) -> float:
    """What a process and those that it started have used of the processor."""
    ticks = 0
    for one in family(pid):
        with suppress(OSError):
            ticks += sum(map(int, Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def open_site(browser: Browser) -> float:
    """Seconds until a browser that was never there before has drawn its first picture."""
    with tempfile.TemporaryDirectory() as folder:
        write_site(Path(folder))
        with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=folder)) as site:
            Thread(target=site.serve_forever).start()
            times = []
            for _ in range(5):
                context = browser.new_context(reduced_motion="reduce")
                page = context.new_page()
                page.goto(f"http://127.0.0.1:{site.server_port}/", wait_until="commit")
                times.append(page.evaluate(OPEN) / 1e3)
                context.close()
            site.shutdown()
    return float(np.median(times))


def open_studio(browser: Browser, url: str) -> Page:
    """The page with four drawings, once its engine is ready."""
    page = browser.new_page(reduced_motion="reduce")
    page.goto(url)
    page.get_by_role("button", name="Ready-made sets").click()
    page.get_by_role("button", name="Use the ready-made set").first.click()
    page.get_by_label("use so many of the drawings").select_option("4")
    page.evaluate(CLICK)
    return page


def measure(page: Page, clicks: int, judged: bool) -> None:
    """One picture, sixteen, and drawing along."""
    for name, script, wanted in (("one picture and its trace", CLICK, ONE), ("sixteen", CLICK_SIXTEEN, SIXTEEN)):
        first, last = np.median([page.evaluate(script) for _ in range(clicks)], axis=0) / 1e3
        tell(f"{name}, first rows", first, "s")
        tell(name, last, "s", *asked(judged, f"{wanted} s", last <= wanted))
    rate = along(page, 10)
    tell("drawn along", rate, "pictures/s", *asked(judged, f"{ALONG}", rate >= ALONG))


def memory_in_use(page: Page, seconds: float) -> int:
    """The most megabytes that the page takes in use: a picture every two seconds, each fifth time sixteen."""
    most = 0
    for i in range(int(seconds / 2)):
        page.evaluate(CLICK_SIXTEEN if i % 5 == 4 else CLICK)
        most = max(most, memory_of_the_page())
        page.wait_for_timeout(2000)
    return most


def asked(judged: bool, wanted: str, kept: bool) -> tuple[str, bool]:
    return (wanted, kept) if judged else ("", True)


def along(page: Page, seconds: float) -> float:
    """Pictures/s that follow what is drawn on the pad."""
    page.get_by_role("switch", name="Draw along").check()
    page.evaluate(DRAW)
    page.wait_for_timeout(1000)
    before, start = page.evaluate("seen.size"), time.perf_counter()
    page.wait_for_timeout(1000 * seconds)
    return (page.evaluate("seen.size") - before) / (time.perf_counter() - start)


def of_the_server(browser: Browser, pages: int, seconds: float, *options: str) -> None:
    """The processor's time of a server whose pages all draw along, and of one that nobody asks anything."""
    with server(*options) as (url, pid):
        tell("server's processor without a page", cpu_share(pid, 10), "s a minute")
        all_pages = [open_studio(browser, url) for _ in range(pages)]
        for page in all_pages:
            page.get_by_role("switch", name="Draw along").check()
            page.evaluate(DRAW)
        tell(f"with all of them, {' '.join(options)}", cpu_share(pid, seconds), "s a minute")
        tell("pictures that all of them saw", sum(page.evaluate("seen.size") for page in all_pages), "")
        for page in all_pages:
            page.close()


def cpu_share(pid: int, seconds: float) -> float:
    """Seconds of the processor that a process and those that it started use in a minute, measured in ``seconds``."""
    before, start = cpu_seconds(pid), time.perf_counter()
    time.sleep(seconds)
    return (cpu_seconds(pid) - before) / (time.perf_counter() - start) * 60


def main(clicks: int = 15, pages: int = 30, seconds: float = 60) -> None:
    """Print all figures, each beside what is wanted of it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        tell("site opened, first picture whole", opened := open_site(browser), "s", f"{OPENED} s", opened <= OPENED)
        with server(*BROWSER) as (url, _):
            page = open_studio(browser, url)
            print("Studio")
            tell(
                "page's memory in two minutes of use, at most",
                most := memory_in_use(page, 120),
                "MB",
                f"{MEMORY} MB",
                most < MEMORY,
            )
            measure(page, clicks, judged=True)
            page.close()
            page = open_studio(browser, url)
            print(f"Studio, {SLOW} times as slow")
            with slowed(os.getpid()):
                measure(page, max(3, clicks // 5), judged=False)
            page.close()
        print(f"{pages} pages that draw along for {seconds:g} s")
        of_the_server(browser, pages, seconds, *BROWSER)
        of_the_server(browser, pages, seconds, "--engine", "server")
        browser.close()


if __name__ == "__main__":
    tyro.cli(main)

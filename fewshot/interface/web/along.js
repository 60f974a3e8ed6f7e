// Drawing along: while the user draws, the machine's drawing follows, with the same noise.
//
// At most one request is under way, and no wish is kept but the newest: it is made when the answer has come. While that
// is under way, the answer before it is shown.

import { keep, recall } from "./store.js";

const STORAGE_KEY = "fewshot-studio-along";
const LONG = 600; // milliseconds
const PATIENCE = [200, 3200]; // milliseconds until a busy engine is asked again: at first, and at most

/** @typedef {Awaited<ReturnType<import("./engine.js").Engine["along"]>>} Answer */

/**
 * @param {HTMLInputElement} toggle  the checkbox that turns it on
 * @param {object} options
 * @param {() => Promise<Answer>} options.draw  asks for what is to be drawn as it is now; rejected if no answer came
 * @param {(answer: Exclude<Answer, import("./engine.js").Busy>) => Promise<void>} options.show
 * @param {(isLong: boolean) => void} options.wait  an answer takes long, or is here after all
 * @param {Element[]} options.screens  what shows it; nothing is asked for while all are out of sight
 */
export function createAlong(toggle, { draw, show, wait, screens }) {
  let changes = false; // since the last request
  let following = false;
  let visible = true;
  let interruptions = 0; // by Generate; an answer from before it comes too late
  let paused = false;

  async function follow() {
    if (following) return;
    following = true;
    let shown = null;
    let patience = PATIENCE[0];
    while (changes && toggle.checked && !paused && visible) {
      changes = false;
      const before = interruptions;
      const long = setTimeout(() => wait(!paused), LONG);
      const answer = await draw().catch(() => null);
      clearTimeout(long);
      wait(false);
      if (!answer) continue;
      if ("busy" in answer) {
        changes = true;
        const pause = patience * (0.5 + Math.random());
        await new Promise((resolve) => setTimeout(resolve, pause));
        patience = Math.min(2 * patience, PATIENCE[1]);
      } else {
        patience = PATIENCE[0];
        await shown;
        if (before === interruptions && toggle.checked) shown = show(answer);
      }
    }
    following = false;
  }

  function changed() {
    changes = true;
    follow();
  }

  const inSight = new Set();
  const watcher = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) inSight[isIntersecting ? "add" : "delete"](target);
    visible = inSight.size > 0;
    follow();
  });
  for (const screen of screens) watcher.observe(screen);

  // On, unless its user wants little to move, or said otherwise.
  toggle.checked = recall(STORAGE_KEY) ?? !window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  toggle.addEventListener("change", () => {
    keep(STORAGE_KEY, toggle.checked);
    changed();
  });
  return {
    changed,
    get on() {
      return toggle.checked;
    },
    /** Generate draws from here on, with all that was changed until now... */
    pause() {
      interruptions++;
      paused = true;
      changes = false;
    },
    /** ... and what was changed meanwhile is drawn now. */
    resume() {
      paused = false;
      follow();
    },
  };
}

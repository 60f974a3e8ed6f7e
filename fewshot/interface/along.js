// Drawing along: while the user draws, the machine's drawing follows, with the same noise. Knows nothing of Gradio.
//
// createAlong(toggle, {draw, wish, show, wait, screens}):
//   toggle       the checkbox that turns it on
//   draw(wish)   promises a chunk of a whole picture, {error: sentence}, {busy: true}, or nothing if no answer came
//   wish()       what is to be drawn as it is now
//   show(chunk)  promises to show it, or the error
//   wait(isLong) an answer takes long, or is here after all
//   screens()    the elements that show it; nothing is asked for while all are out of sight
//
// At most one request is under way, and no wish is kept but the newest: it is made when the answer has come. While that
// is under way, the answer before it is shown.

const ALONG_KEY = "fewshot-studio-along";
const LONG = 600;  // milliseconds
const PATIENCE = [200, 3200];  // milliseconds until a busy server is asked again: at first, and at most

function createAlong(toggle, { draw, wish, show, wait, screens }) {
  let changes = false;  // since the last request
  let following = false, visible = true;
  let interruptions = 0, paused = false;  // by Generate; an answer from before it comes too late

  async function follow() {
    if (following) return;
    following = true;
    let shown = null, patience = PATIENCE[0];
    while (changes && toggle.checked && !paused && visible) {
      changes = false;
      const before = interruptions;
      const long = setTimeout(() => wait(!paused), LONG);
      const answer = await Promise.resolve(draw(wish())).catch(() => null);
      clearTimeout(long);
      wait(false);
      if (answer && answer.busy) {
        changes = true;
        await new Promise((resolve) => setTimeout(resolve, patience * (0.5 + Math.random())));
        patience = Math.min(2 * patience, PATIENCE[1]);
      } else if (answer) {
        patience = PATIENCE[0];
        await shown;
        if (before === interruptions && toggle.checked) shown = show(answer);
      }
    }
    following = false;
  }

  function changed() {
    changes = true;
    watchScreens();
    follow();
  }

  let watched = null;
  const inSight = new Set();
  function watchScreens() {
    if (watched || !screens().every(Boolean)) return;
    watched = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) inSight[isIntersecting ? "add" : "delete"](target);
      visible = inSight.size > 0;
      follow();
    });
    for (const screen of screens()) watched.observe(screen);
  }

  const keep = () => {
    try {
      localStorage.setItem(ALONG_KEY, toggle.checked);
    } catch { /* forbidden: the choice then lives as long as the page */ }
  };
  const kept = () => {
    try {
      return localStorage.getItem(ALONG_KEY);
    } catch { /* forbidden */ }
  };

  // On, unless its user wants little to move, or said otherwise.
  toggle.checked = (kept() || String(!window.matchMedia("(prefers-reduced-motion: reduce)").matches)) === "true";
  toggle.onchange = () => {
    keep();
    changed();
  };
  return {
    changed,
    // Generate draws from here on, with all that was changed until now...
    pause() {
      interruptions++;
      paused = true;
      changes = false;
    },
    // ... and what was changed meanwhile is drawn now.
    resume() {
      paused = false;
      follow();
    },
  };
}

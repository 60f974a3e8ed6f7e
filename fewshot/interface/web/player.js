// A player: a picture that grows pixel by pixel, and beside it what each pixel read. Several may live on one page, and
// share a clock and a selection.

import { one } from "./dom.js";
import { CLEAR, colourOf, mixer, paintCanvas, rgb, shades } from "./painting.js";
import { createPanels } from "./panels.js";
import { createPlayback } from "./playback.js";
import { fullSurprise, largestIn, lastOfInterest, surpriseOf, surprisesOf } from "./reading.js";
import { addRows, beginRun, unpack } from "./run.js";
import { createSelection } from "./selection.js";
import { keep, recall } from "./store.js";

/** @typedef {import("./run.js").Chunk} Chunk */
/** @typedef {import("./run.js").Run} Run */
/** @typedef {import("./engine.js").Refusal} Refusal */
/** @typedef {ReturnType<typeof createPlayer>} Player */

const STORAGE_KEY = "fewshot-studio-speed";
const SPEEDS = [2, 10, 40, 100, 400]; // pixels/s
const MANY_PIXELS = 900; // of a picture, from which it is shown faster at first
const [USUAL, FASTER] = [100, 400];
const SELDOM = 1000; // milliseconds between two descriptions of a picture that plays, for who listens
const SLOW = 12; // pixels/s up to which each pixel's heat is shown exactly
/** @type {[string, string][]} The two views, by whether the picture is in colour; the second is of a pixel's chance. */
const VIEWS = [
  ["drawing", "how sure it was"],
  ["picture", "surprise"],
];
let made = 0; // players, for names that no other player's radios have

/**
 * @param {HTMLElement} root  player.html
 * @param {object} options
 * @param {Pick<import("./engine.js").Engine, "influence">} options.engine
 * @param {Record<string, import("./engine.js").Task>} options.tasks
 * @param {import("./playback.js").Playback} [options.playback]
 * @param {import("./selection.js").Selection} [options.selection]
 */
export function createPlayer(root, { engine, tasks, playback = createPlayback(), selection = createSelection() }) {
  const name = `player-${++made}`;
  const stopped = new AbortController(); // when the player is destroyed
  const { signal } = stopped;
  const reducedMotion = window.matchMedia("(prefers-reduced-motion: reduce)");
  const noHover = window.matchMedia("(hover: none)");
  const canvas = one(root, ".player-canvas", HTMLCanvasElement);
  const scrub = one(root, ".player-scrub", HTMLInputElement);
  const speeds = one(root, ".player-speed", HTMLSelectElement);
  const views = /** @type {NodeListOf<HTMLInputElement>} */ (root.querySelectorAll(".player-views input"));
  const pair = one(root, ".player-pair");
  /** @type {Run | null} */
  let run = null; // what was received of the run that is shown
  /** @type {WeakSet<Run>} */
  const lasting = new WeakSet(); // somebody needs these when others are shown; of all else, the next takes the arrays
  /** @type {Run | null} */
  let earlier = null; // the picture from before the supports were changed
  /** @type {Run | null} */
  let later = null; // the one from after that, while that from before is shown
  let drawing = false; // by the engine
  let view = "ink";
  const kept = recall(STORAGE_KEY);
  let speedChosen = SPEEDS.includes(kept); // by the user, in this visit or the last
  let described = Number.NEGATIVE_INFINITY; // when the picture was last described

  const panels = createPanels(root, { engine, name, signal, changed: paint, fail: (sentence) => say(sentence, true) });

  // Receiving ------------------------------------------------------------------------------------------------------

  let received = Promise.resolve(); // chunks are unpacked one after the other

  /**
   * Shows a chunk: one of a new id starts a new picture, all others add their rows to the one that is shown, so that
   * rows may come one by one, all at once, or twice.
   * @param {Chunk | Refusal} chunk
   */
  function absorb(chunk) {
    received = received
      .then(() => ("error" in chunk ? fail(chunk.error) : receive(chunk, false)))
      .catch((error) => fail(`The picture cannot be shown: ${error}`));
    return received;
  }

  /**
   * The same for pictures that follow each other while the user draws: each takes the place of the last one in full, and
   * whatever the user points at, locked or chose stays.
   * @param {Chunk | Refusal} chunk
   * @param {Run | null} before  the picture that this one can be changed for, if it is drawn of other supports
   */
  function show(chunk, before = null) {
    received = received
      .then(() => ("error" in chunk ? say(chunk.error) : receive(chunk, true, before)))
      .catch((error) => fail(`The picture cannot be shown: ${error}`));
    return received;
  }

  /**
   * @param {Chunk} chunk
   * @param {boolean} live
   * @param {Run | null} before
   */
  async function receive(chunk, live, before = null) {
    if (later?.id === chunk.id) choose(later); // more of it comes
    if (run && run.id === chunk.id && chunk.rows <= run.rows) return;
    const unpacked = await unpack(chunk);
    if (signal.aborted) return;
    if (run?.id !== chunk.id) [earlier, later] = [before, null];
    const isNew = run?.id !== chunk.id;
    const shown = run && !isNew ? run : begin(chunk, live);
    addRows(shown, chunk, unpacked);
    chunk.release?.(unpacked);
    drawing = shown.rows < shown.height;
    if (!drawing) say(whatIsShown(shown));
    const still = live || reducedMotion.matches; // then all that is there is shown, unless the user plays it
    if (still && (isNew || !playback.playing)) playback.go(available());
    else if (isNew) playback.restart();
    else paint();
  }

  /** @param {Run} shown */
  function whatIsShown(shown) {
    if (shown.example) return `An example, from ${shown.shots} drawings of “${shown.example}”.`;
    return shown.live ? "Finished; press play to see it being drawn." : "Ready.";
  }

  // Beside what was said, and not announced: it changes with every row.
  /** @param {Run} shown */
  function progress({ rows, height, width, pixels }) {
    if (drawing || rows < height) return "";
    if (drawn() < pixels) return `Showing row ${Math.ceil(drawn() / width)} of ${height}.`;
    const action = noHover.matches ? "Tap a pixel" : "Point at a pixel";
    return `${action} to see ${panels.subject}${noHover.matches ? "." : "; a click locks it."}`;
  }

  /**
   * @param {Chunk} chunk
   * @param {boolean} live
   */
  function begin(chunk, live) {
    run = beginRun(chunk, live, run && !lasting.has(run) ? run : null);
    panels.begin(run, tasks[run.task]);
    layOut();
    showPair();
    if (!speedChosen) playback.speed = run.pixels < MANY_PIXELS ? USUAL : FASTER;
    if (live) return run;
    selection.clear();
    say(`${run.title} is drawing…`);
    return run;
  }

  // Before and after -----------------------------------------------------------------------------------------------

  function showPair() {
    pair.hidden = !earlier;
    one(pair, later ? "[value=before]" : "[value=after]", HTMLInputElement).checked = true;
  }

  /**
   * Shows one of the two, as far as the other was shown.
   * @param {Run} wanted
   */
  function choose(wanted) {
    later = wanted === earlier ? run : null;
    run = wanted;
    panels.begin(run, tasks[run.task]);
    layOut();
    showPair();
    paint();
  }

  /**
   * @param {string} sentence
   * @param {boolean} isError
   */
  function say(sentence, isError = false) {
    const status = one(root, ".player-status [role=status]");
    if (status.textContent !== sentence) status.textContent = sentence;
    one(root, ".player-status").classList.toggle("is-error", isError);
  }

  /** @param {string} sentence */
  function fail(sentence) {
    drawing = false;
    say(sentence, true);
  }

  // A new picture was asked for: the player comes into sight, and says so.
  function expect() {
    drawing = true;
    wait(false);
    say("Waiting for the first row…");
    const behavior = reducedMotion.matches ? "auto" : "smooth";
    one(root, ".player-frame").scrollIntoView({ block: "nearest", behavior });
  }

  /**
   * While a picture that follows the user's hand takes long, the old one is marked as such.
   * @param {boolean} isLong
   */
  function wait(isLong) {
    root.classList.toggle("is-behind", isLong);
  }

  // No more rows will come; those that came may still be unpacking.
  function stop() {
    received = received.then(() => {
      if (drawing) say(run && run.rows < run.height ? `Stopped after ${run.rows} of ${run.height} rows.` : "Stopped.");
      drawing = false;
    });
  }

  // State ----------------------------------------------------------------------------------------------------------

  const available = () => (run ? run.rows * run.width : 0);
  const drawn = () => Math.min(playback.drawn, available());

  // The pixel that the right side tells about: the locked one, the one under the pointer, the last one of interest.
  /** @param {Run} shown */
  function inspected(shown) {
    const { locked, hovered } = selection;
    if (locked !== null) return locked;
    return hovered !== null && hovered < drawn() ? hovered : lastOfInterest(shown, drawn());
  }

  // Painting -------------------------------------------------------------------------------------------------------

  function paint(elapsed = Number.POSITIVE_INFINITY) {
    if (!run) return;
    const pixel = inspected(run);
    const known = pixel >= 0 && pixel < available();
    const readers = panels.readers(known ? pixel : null);
    paintPicture(run, pixel);
    paintOver(run, readers ? inShares(readers.weights) : surprisesOf(run));
    paintTransport(run);
    describe(run);
    one(root, ".player-progress").textContent = readers?.words ?? progress(run);
    root.classList.toggle("is-locked", selection.locked !== null || panels.locked);
    const { playing, speed } = playback;
    const fades = playing && pixel === drawn() - 1 && speed > SLOW;
    panels.paint(known ? pixel : null, { playing, fades, elapsed });
  }

  /**
   * What the view shows of a pixel: [r, g, b, a].
   * @param {Run} shown
   * @param {(share: number) => number[]} mix  paper with a share of ink
   * @returns {(pixel: number) => number[]}
   */
  function colours(shown, mix) {
    const inColour = shown.channels === 3;
    if (view === "ink") return inColour ? rgb(shown.image) : (i) => mix(shown.image[i]);
    return (i) => mix(inColour ? surpriseOf(shown, i) / fullSurprise(shown) : shown.chance[i]);
  }

  /**
   * @param {Run} shown
   * @param {number} pixel
   */
  function paintPicture(shown, pixel) {
    const count = drawn();
    const colourAt = colours(shown, mixer(colourOf("--paper"), colourOf("--ink")));
    paintCanvas(canvas, shown.width, shown.height, (i) => (i < count ? colourAt(i) : CLEAR));
    mark(".player-current", shown, count - 1, count > 0 && count < shown.pixels);
    mark(".player-inspected", shown, pixel, selection.locked !== null || pixel !== count - 1);
    one(root, ".player-inspected").classList.toggle("is-locked", selection.locked !== null);
  }

  /** @param {Float32Array} weights */
  function inShares(weights) {
    const most = largestIn(weights) || 1;
    return weights.map((weight) => weight / most);
  }

  /**
   * Over the picture, a number of 1 for each pixel: how much of its attention went to one place of the supports, or how
   * surprising it was.
   * @param {Run} shown
   * @param {Float32Array | null} shares
   */
  function paintOver({ width, height }, shares) {
    const over = one(root, ".player-over", HTMLCanvasElement);
    over.hidden = !shares;
    if (!shares) return;
    const heat = shades(colourOf("--heat"));
    paintCanvas(over, width, height, (i) => (i < drawn() ? heat(shares[i]) : CLEAR));
  }

  /**
   * In words, what the picture and the slider show. While it plays, that is said seldom.
   * @param {Run} shown
   */
  function describe({ pixels }) {
    const now = performance.now();
    if (playback.playing && now - described < SELDOM) return;
    described = now;
    scrub.setAttribute("aria-valuetext", `${drawn()} of ${pixels} pixels`);
    canvas.setAttribute(
      "aria-label",
      `The picture, ${drawn()} of ${pixels} pixels drawn. Arrow keys step, space plays, a click locks a pixel.`,
    );
  }

  /**
   * @param {string} selector
   * @param {Run} shown
   * @param {number} pixel
   * @param {boolean} visible
   */
  function mark(selector, shown, pixel, visible) {
    const element = one(root, selector);
    element.hidden = !visible;
    element.style.left = `${(100 * (pixel % shown.width)) / shown.width}%`;
    element.style.top = `${(100 * Math.floor(pixel / shown.width)) / shown.height}%`;
  }

  /** @param {Run} shown */
  function paintTransport(shown) {
    const { pixels } = shown;
    const { playing } = playback;
    scrub.max = String(pixels);
    scrub.value = String(drawn());
    scrub.style.setProperty("--done", `${(100 * drawn()) / pixels}%`);
    scrub.style.setProperty("--ready", `${(100 * available()) / pixels}%`);
    speeds.value = String(playback.speed);
    root.classList.toggle("is-playing", playing);
    const [toggle, action] = [one(root, "[data-do=toggle]"), playing ? "Pause" : "Play"];
    if (toggle.ariaLabel !== action) toggle.ariaLabel = action; // each change is told to screen readers
    const atStart = drawn() === 0;
    const atEnd = drawn() >= available();
    for (const back of ["rowBack", "pixelBack"]) one(root, `[data-do=${back}]`, HTMLButtonElement).disabled = atStart;
    for (const on of ["rowForward", "pixelForward"]) one(root, `[data-do=${on}]`, HTMLButtonElement).disabled = atEnd;
  }

  // What changes only with the run: its facts, its sides, the names of its views.
  function layOut() {
    if (!run) return;
    one(root, ".player-facts").textContent = facts(run).join(" · ");
    root.style.setProperty("--side", String(run.width));
    root.classList.toggle("in-colour", run.channels === 3);
    views.forEach((radio, i) => {
      one(/** @type {HTMLElement} */ (radio.parentElement), "span").textContent = VIEWS[run?.channels === 3 ? 1 : 0][i];
    });
  }

  /** @param {Run} shown */
  function facts(shown) {
    const count = (/** @type {number} */ n, /** @type {string} */ noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;
    const { title, can, shots, task, support_nats, guidance, cut, temperature, seed, given } = shown;
    const said = [title];
    if (can.read) said.push(count(shots, tasks[task].unit));
    if (support_nats) said.push(count(support_nats.length - 1, "practice step"));
    if (guidance) said.push(`faithfulness\u00a0${guidance}: closer to yours than learnt`);
    else if (cut) said.push(`chances below\u00a0${cut} left out`);
    if (temperature !== 1) said.push(`temperature\u00a0${temperature}`);
    said.push(`chance number\u00a0${seed}`);
    if (given) said.push(given === 1 ? "first row given" : `first ${given} rows given`);
    return said;
  }

  // Wiring ---------------------------------------------------------------------------------------------------------

  /** @type {Record<string, (shown: Run) => void>} */
  const actions = {
    toggle: playback.toggle,
    replay: playback.restart,
    pixelBack: () => playback.step(-1),
    pixelForward: () => playback.step(1),
    rowBack: ({ width }) => playback.stepRows(-1, width),
    rowForward: ({ width }) => playback.stepRows(1, width),
    start: () => playback.go(0),
    end: () => playback.go(available()),
    unlock: () => {
      panels.unlock();
      selection.lock(null);
    },
  };
  /** @type {Record<string, string>} */
  const keys = {
    " ": "toggle",
    ArrowLeft: "pixelBack",
    ArrowRight: "pixelForward",
    ArrowUp: "rowBack",
    ArrowDown: "rowForward",
    Home: "start",
    End: "end",
    Escape: "unlock",
  };

  /**
   * @param {MouseEvent} event
   * @param {Run} shown
   */
  function pixelAt(event, { width, height }) {
    const box = canvas.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * width);
    const row = Math.floor(((event.clientY - box.top) / box.height) * height);
    const inside = column >= 0 && column < width && row >= 0 && row < height;
    return inside ? row * width + column : null;
  }

  // With the focus elsewhere, these keys scroll the page.
  /** @param {KeyboardEvent} event */
  function keyDown(event) {
    const target = /** @type {Element} */ (event.target);
    const action = keys[event.key];
    if (!action || !run || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (target.matches("select, input:not(.player-scrub)") && action !== "unlock") return;
    if (target.matches("button") && event.key === " ") return;
    event.preventDefault();
    actions[action](run);
  }

  // All that listens stops with the player.
  /**
   * @template {keyof HTMLElementEventMap} Type
   * @param {HTMLElement} element
   * @param {Type} type
   * @param {(event: HTMLElementEventMap[Type]) => void} listener
   */
  function on(element, type, listener) {
    element.addEventListener(type, /** @type {EventListener} */ (listener), { signal });
  }

  if (speedChosen) playback.speed = kept;
  speeds.replaceChildren(...SPEEDS.map((speed) => new Option(`${speed} px/s`, String(speed))));
  for (const radio of /** @type {NodeListOf<HTMLInputElement>} */ (root.querySelectorAll("input[data-group]"))) {
    radio.name = `${name}-${radio.dataset.group}`;
  }
  for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (root.querySelectorAll("[data-do]"))) {
    on(button, "click", () => run && actions[String(button.dataset.do)](run));
  }
  on(speeds, "change", () => {
    speedChosen = true;
    playback.speed = Number(speeds.value);
    keep(STORAGE_KEY, playback.speed);
  });
  on(scrub, "input", () => playback.go(Number(scrub.value)));
  on(canvas, "pointermove", (event) => run && event.pointerType === "mouse" && selection.hover(pixelAt(event, run)));
  on(canvas, "pointerleave", () => selection.hover(null));
  on(canvas, "click", (event) => {
    const pixel = run && pixelAt(event, run);
    if (pixel !== null && (pixel < drawn() || pixel === selection.locked)) selection.lock(pixel);
  });
  for (const radio of views) {
    on(radio, "change", () => {
      view = radio.value;
      paint();
    });
  }
  on(pair, "change", () => {
    const wanted = later ?? earlier;
    if (wanted) choose(wanted);
  });
  on(root, "keydown", keyDown);
  const leave = playback.join({ available, growing: () => drawing, changed: paint });
  const ignore = selection.subscribe(() => playback.playing || paint());
  const themes = new MutationObserver(() => {
    if (run) panels.layOut();
    paint();
  });
  themes.observe(document.body, { attributeFilter: ["class"] }); // light and dark

  return {
    absorb,
    show,
    expect,
    stop,
    wait,
    /** The run that is shown, for whoever needs it when another one is. */
    keep() {
      if (run) lasting.add(run);
      return run;
    },
    /**
     * Shows a picture that was here before, all of it.
     * @param {Run} kept
     */
    bring(kept) {
      received = received.then(() => {
        earlier = later = null;
        drawing = false;
        selection.clear();
        choose(kept);
        playback.go(kept.rows * kept.width);
        say(whatIsShown(kept));
      });
      return received;
    },
    /**
     * Shows so many pixels of what was received, with one locked or none.
     * @param {{position: number, locked: number | null}} view
     */
    async look({ position, locked }) {
      await received;
      selection.clear();
      if (locked !== null && locked < available()) selection.lock(locked);
      playback.go(position);
    },
    /** Nothing of it listens, watches or moves any more; its elements are the page's to remove. */
    destroy() {
      stopped.abort();
      panels.destroy();
      leave();
      ignore();
      themes.disconnect();
    },
    get state() {
      return { run, position: drawn(), playing: playback.playing, drawing, locked: selection.locked };
    },
  };
}

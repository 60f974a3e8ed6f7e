// Guessing: the next pixel, the rest of a row or of the picture is asked before it is shown; then the guess stands beside
// the model's chances. For pictures of ink on paper.

import { make, one } from "./dom.js";
import { beforeInk } from "./moments.js";
import { CLEAR, colourOf, mixer, paintCanvas } from "./painting.js";

/** @typedef {"pixel" | "row" | "picture"} Kind */

export const KINDS = /** @type {Kind[]} */ (["pixel", "row", "picture"]);
const AGAIN = 200; // milliseconds until a picture that is still being drawn is looked at again

/**
 * The pixels [from, to) that are asked for next.
 * @param {Kind} kind
 * @param {number} drawn
 * @param {{width: number, pixels: number}} size
 */
export function asked(kind, drawn, { width, pixels }) {
  const rowEnd = (Math.floor(drawn / width) + 1) * width;
  const to = { pixel: drawn + 1, row: rowEnd, picture: pixels }[kind];
  return { from: drawn, to: Math.min(to, pixels) };
}

/**
 * How many pixels of [from, to) were guessed right, by the user and by who takes what the model thought likelier.
 * @param {{image: Uint8Array, chance: Float32Array}} run
 * @param {Uint8Array} guessed  0 or 1 for each pixel
 * @param {{from: number, to: number}} range
 */
export function score({ image, chance }, guessed, { from, to }) {
  let [user, model] = [0, 0];
  for (let i = from; i < to; i++) {
    user += Number(guessed[i] === image[i]);
    model += Number(Number(chance[i] >= 0.5) === image[i]);
  }
  return { user, model, of: to - from };
}

/**
 * @param {HTMLElement} root  of the player
 * @param {object} options
 * @param {import("./player.js").Player} options.player
 * @param {import("./playback.js").Playback} options.playback
 * @param {Record<string, string>} options.words
 */
export function createGuess(root, { player, playback, words }) {
  /** @type {Kind} */
  let kind = "pixel";
  let isOpen = false;
  let range = { from: 0, to: 0 };
  let guessed = new Uint8Array();
  let cursor = 0;
  let ofRun = "";
  let sum = { user: 0, model: 0, of: 0 };
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let waiting;

  const start = make("button", { type: "button", className: "guess-start" }, words.guess);
  one(root, ".player-transport").append(start);
  const panel = make("section", { className: "guess", hidden: true });
  panel.setAttribute("aria-label", words.guess);
  one(root, ".player-reads").prepend(panel);
  const sheet = make("canvas", { className: "guess-sheet", tabIndex: 0, hidden: true });
  sheet.setAttribute("role", "application");
  sheet.setAttribute("aria-label", words.guess_sheet);
  one(root, ".player-frame").append(sheet);

  const question = make("p", { className: "guess-question" });
  question.setAttribute("role", "status");
  const answers = make("div", { className: "guess-answers" });
  const result = make("div", { className: "guess-result" });
  const tally = make("p", { className: "guess-tally" });
  const menu = make("select");
  menu.append(...KINDS.map((each) => new Option(words[`guess_${each}`], each)));
  const toInk = button(words.guess_ink_first, () => {
    const { run } = player.state;
    if (run) playback.go(beforeInk(run));
    ask();
  });
  const head = make("header", {}, make("label", {}, words.guess, " ", menu), toInk, button(words.close, close));
  panel.append(head, question, answers, result, tally);

  /**
   * @param {string} text
   * @param {() => void} action
   */
  function button(text, action) {
    const element = make("button", { type: "button" }, text);
    element.addEventListener("click", action);
    return element;
  }

  /**
   * @param {string} name
   * @param {Record<string, string | number>} values
   */
  const say = (name, values) => words[name].replace(/\{(\w+)\}/g, (_, value) => String(values[value]));

  function ask() {
    const { run, position } = player.state;
    if (!run) return;
    if (run.id !== ofRun) {
      ofRun = run.id;
      sum = { user: 0, model: 0, of: 0 };
      result.replaceChildren();
      tally.textContent = "";
    }
    range = asked(kind, position, run);
    cursor = range.from;
    guessed = new Uint8Array(run.pixels);
    const [row, column] = [Math.floor(range.from / run.width) + 1, (range.from % run.width) + 1];
    const canAsk = run.channels === 1 && run.rows === run.height && range.from < run.pixels;
    const isDrawing = run.rows < run.height;
    clearTimeout(waiting);
    if (isDrawing) waiting = setTimeout(() => isOpen && ask(), AGAIN); // nobody tells that the last rows have come
    const none = run.channels > 1 ? words.guess_drawings_only : isDrawing ? "…" : words.guess_over;
    question.textContent = canAsk ? say(`guess_ask_${kind}`, { row, column }) : none;
    const choices = kind === "pixel" ? [button(words.ink, () => answer(1)), button(words.paper, () => answer(0))] : [];
    const shows = kind === "pixel" ? [] : [button(words.guess_show, show)];
    answers.replaceChildren(...(canAsk ? [...choices, ...shows] : []));
    sheet.hidden = !canAsk;
    paintSheet();
  }

  function paintSheet() {
    const { run } = player.state;
    if (!run || sheet.hidden) return;
    const [ink, heat] = [colourOf("--ink"), colourOf("--heat")];
    const isAsked = (/** @type {number} */ i) => i >= range.from && i < range.to;
    const colourAt = (/** @type {number} */ i) => {
      if (!isAsked(i)) return CLEAR;
      if (i === cursor) return [...heat, guessed[i] ? 255 : 150];
      return guessed[i] ? [...ink, 255] : [...heat, 40];
    };
    paintCanvas(sheet, run.width, run.height, colourAt);
  }

  /** @param {0 | 1} bit */
  function answer(bit) {
    guessed[range.from] = bit;
    show();
  }

  // What was asked for is shown, and the next is asked.
  function show() {
    const { run, position } = player.state;
    if (!run || position !== range.from) return ask();
    const right = score(run, guessed, range);
    sum = { user: sum.user + right.user, model: sum.model + right.model, of: sum.of + right.of };
    tally.textContent = say("guess_tally", sum);
    if (kind === "pixel") {
      const percent = (100 * run.chance[range.from]).toFixed(run.chance[range.from] < 0.01 ? 1 : 0);
      const name = (/** @type {number} */ bit) => words[bit ? "ink" : "paper"];
      const [yours, its] = [name(guessed[range.from]), name(run.image[range.from])];
      result.replaceChildren(make("p", {}, say("guess_result", { yours, percent, its })));
    } else {
      result.replaceChildren(...sideBySide(run));
    }
    playback.go(range.to);
    ask();
    /** @type {HTMLElement | null} */ (answers.querySelector("*"))?.focus(); // there may be none
  }

  /** @param {import("./run.js").Run} run */
  function sideBySide(run) {
    const mix = mixer(colourOf("--paper"), colourOf("--ink"));
    const top = kind === "row" ? Math.floor(range.from / run.width) : 0;
    const rows = kind === "row" ? 1 : run.height;
    /** @type {[string, (i: number) => number][]} */
    const pictures = [
      [words.guess_yours, (i) => (i < range.from ? run.image[i] : guessed[i])],
      [words.guess_chance, (i) => (i < range.from ? run.image[i] : run.chance[i])],
      [words.guess_drawn, (i) => run.image[i]],
    ];
    return pictures.map(([name, inkAt]) => {
      const canvas = make("canvas");
      paintCanvas(canvas, run.width, rows, (i) => mix(inkAt(top * run.width + i)));
      return make("figure", { className: `is-${kind}` }, canvas, make("figcaption", {}, name));
    });
  }

  /** @param {PointerEvent} event */
  function cellAt(event) {
    const { run } = player.state;
    if (!run) return -1;
    const box = sheet.getBoundingClientRect();
    const at = (/** @type {number} */ share, /** @type {number} */ count) =>
      Math.floor(Math.min(Math.max(share, 0), 0.999) * count);
    return (
      at((event.clientY - box.top) / box.height, run.height) * run.width +
      at((event.clientX - box.left) / box.width, run.width)
    );
  }

  /** @param {PointerEvent} event */
  function penDown(event) {
    const first = cellAt(event);
    if (kind === "pixel" || first < range.from || first >= range.to) return;
    event.preventDefault();
    sheet.setPointerCapture(event.pointerId);
    const bit = 1 - guessed[first];
    const put = (/** @type {PointerEvent} */ moved) => {
      const cell = cellAt(moved);
      if (cell < range.from || cell >= range.to) return;
      guessed[cell] = bit;
      cursor = cell;
      paintSheet();
    };
    put(event);
    sheet.addEventListener("pointermove", put);
    sheet.addEventListener("lostpointercapture", () => sheet.removeEventListener("pointermove", put), { once: true });
  }

  /** @param {KeyboardEvent} event */
  function keyDown(event) {
    const { run } = player.state;
    if (!isOpen || !run || event.ctrlKey || event.metaKey || event.altKey) return;
    if (kind === "pixel" && (event.key === "1" || event.key === "0") && !sheet.hidden) {
      event.stopPropagation();
      return answer(event.key === "1" ? 1 : 0);
    }
    if (event.target !== sheet || kind === "pixel") return;
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -run.width, ArrowDown: run.width }[event.key];
    if (by) cursor = Math.max(range.from, Math.min(cursor + by, range.to - 1));
    else if (event.key === " ") guessed[cursor] = 1 - guessed[cursor];
    else if (event.key === "Enter") show();
    else return;
    event.preventDefault();
    event.stopPropagation(); // the player's own keys
    paintSheet();
  }

  /** @param {Kind} [wanted] */
  function open(wanted = kind) {
    kind = menu.value = /** @type {any} */ (wanted);
    isOpen = true;
    panel.hidden = false;
    root.classList.add("is-guessing");
    playback.go(player.state.position);
    if (player.state.run && player.state.position >= player.state.run.pixels) playback.go(beforeInk(player.state.run));
    ask();
  }

  function close() {
    isOpen = false;
    panel.hidden = sheet.hidden = true;
    root.classList.remove("is-guessing");
  }

  start.addEventListener("click", () => (isOpen ? close() : open()));
  menu.addEventListener("change", () => open(/** @type {Kind} */ (menu.value)));
  sheet.addEventListener("pointerdown", penDown);
  root.addEventListener("keydown", keyDown, { capture: true });
  // Also from the lesson that asks, whose own keys are others.
  document.addEventListener("keydown", (event) => {
    const target = /** @type {Element} */ (event.target);
    const isAnswer = "01".includes(event.key) && !target.matches("input, select, textarea");
    if (!root.contains(target) && (target === document.body || isAnswer)) keyDown(event);
  });
  // Whoever moves in the picture meanwhile is asked from there on.
  playback.join({
    available: () => 0,
    growing: () => false,
    changed: () => {
      if (isOpen && !playback.playing && (player.state.position !== range.from || player.state.run?.id !== ofRun))
        ask();
    },
  });

  return { open, close };
}

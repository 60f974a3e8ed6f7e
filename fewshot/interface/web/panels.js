// The right side of a player: what the pixel that is looked at read, or what moves it.

import { fromBase64, packBits, toBase64 } from "./codec.js";
import { make, one } from "./dom.js";
import { CLEAR, colourOf, paintCanvas, rgb, shades } from "./painting.js";
import {
  attentionOf,
  fullColour,
  fullSurprise,
  gazesInRow,
  headsOf,
  largestAt,
  largestOf,
  ownAttentionOf,
  ownShareOf,
  percent,
  readersOf,
  sharesOf,
  surpriseOf,
} from "./reading.js";
import { supportsOf } from "./run.js";

/** @typedef {import("./run.js").Run} Run */
/** @typedef {import("./engine.js").Task} Task */
/** @typedef {import("./reading.js").Head | "each"} Shown  a head, the mean of all, or every head by itself */

const REST = 120; // milliseconds that a pixel is looked at before its influence is asked for...
const BUSY = 400; // ... and before it is asked for again
/** Gazes have letters, since the drawings have numbers. @param {number} head */
const letterOf = (head) => String.fromCharCode(65 + head);
const HEAT_FADES = 90; // milliseconds; while it plays, heat fades like an afterglow instead of flickering

/**
 * @param {HTMLElement} root  of the player
 * @param {object} options
 * @param {Pick<import("./engine.js").Engine, "influence">} options.engine
 * @param {string} options.name  the player's own, for its radios
 * @param {AbortSignal} options.signal  aborted when the player is destroyed
 * @param {() => void} options.changed  called when there is something else to paint
 * @param {(sentence: string) => void} options.fail
 */
export function createPanels(root, { engine, name, signal, changed, fail }) {
  /** @type {Shown} */
  let shown = "mean";
  let scale = "own";
  /** @type {Run} */
  let run;
  /** @type {Task} */
  let task;
  /** @type {{of: Run | null, rows: number, shown: Shown, value: number}} */
  let largest = { of: null, rows: 0, shown, value: 0 };
  let glow = new Float32Array(); // the heat on the screen, [heads that are shown * shots * places]
  let ownGlow = new Float32Array(); // and on the drawing itself
  let asking = false; // whether an answer on influence is under way
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let resting;
  // The place that the user points at, and the one they locked, as an index of `glow`.
  /** @type {number | null} */
  let hovered = null;
  /** @type {number | null} */
  let locked = null;

  const tiles = () => /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll(".tile"));
  const influenceIsShown = () => run.can.influence && !run.can.attend;
  const mean = () => (shown === "each" ? "mean" : shown);
  const heads = () => (shown === "each" ? headsOf(run, "mean") : [shown]);
  const across = () => Math.ceil(Math.sqrt(heads().length)); // so many heads stand side by side in a tile

  /**
   * Paints a canvas of a tile: once for each head that is shown, line by line.
   * @param {HTMLCanvasElement} canvas
   * @param {number} width  of one
   * @param {number} height
   * @param {(i: number, head: number) => number[]} colourAt  head: its index among those that are shown
   */
  function paintHeads(canvas, width, height, colourAt) {
    const [number, inLine] = [heads().length, across()];
    paintCanvas(canvas, width * inLine, height * inLine, (i) => {
      const [x, y] = [i % (width * inLine), Math.floor(i / (width * inLine))];
      const at = Math.floor(y / height) * inLine + Math.floor(x / width);
      return at < number ? colourAt((y % height) * width + (x % width), at) : CLEAR;
    });
  }

  // What changes only with the run ---------------------------------------------------------------------------------

  function layOut() {
    one(root, ".player-note").textContent = run.note;
    one(root, ".player-pictures").textContent = `${task.unit}s`;
    one(root, ".player-picture-unit").textContent = task.unit;
    root.classList.toggle("has-attention", run.can.attend);
    root.classList.toggle("has-own", run.ownShares.length > 0);
    root.classList.toggle("has-influence", influenceIsShown());
    root.classList.toggle("has-before", run.before.length > 0);
    root.classList.toggle("is-scored", run.nats !== null);
    root.classList.toggle("has-steps", run.support_nats !== null);
    layOutTiles();
    layOutSteps();
    layOutHeads();
  }

  function layOutTiles() {
    const shown = run.can.read ? run.shots : 0;
    const list = one(root, ".player-tiles");
    if (list.childElementCount !== shown) list.replaceChildren(...Array.from({ length: shown }, (_, s) => makeTile(s)));
    const supports = supportsOf(run);
    const ink = shades(colourOf("--ink"));
    const colourAt = run.channels === 1 ? (/** @type {number} */ i) => ink(supports[i]) : rgb(supports);
    tiles().forEach((tile, s) => {
      const canvas = one(tile, ".tile-ink", HTMLCanvasElement);
      paintHeads(canvas, run.width, run.height, (i) => colourAt(s * run.pixels + i));
      tile.classList.toggle("is-divided", across() > 1);
      one(tile, ".tile-gaze", SVGElement).toggleAttribute("hidden", !(task.gaze && run.can.attend));
    });
  }

  // The supports' NLL before the first inner step and after each, as bars.
  function layOutSteps() {
    const nats = run.support_nats ?? [];
    const largest = Math.max(...nats, 1e-9);
    const label = (/** @type {number} */ step) =>
      step === 0 ? "before" : step === 1 ? "after 1 step" : `after ${step} steps`;
    one(root, ".player-steps ol").replaceChildren(
      ...nats.map((value, step) => {
        const item = make("li");
        item.innerHTML = '<span></span><i class="bar"><b></b></i><span class="number"></span>';
        one(item, "span").textContent = label(step);
        one(item, "b").style.width = `${(100 * value) / largest}%`;
        one(item, ".number").textContent = value.toFixed(4).replace(/^0/, "");
        return item;
      }),
    );
  }

  function layOutHeads() {
    const list = one(root, ".player-heads");
    if (list.dataset.heads === String(run.heads)) return; // what has the focus keeps it
    list.dataset.heads = String(run.heads);
    list.replaceChildren(makeChoice("mean", "all together", `all together: the mean of ${run.heads} gazes`));
    list.append(...headsOf(run, "mean").map((i) => makeChoice(i, letterOf(i), `gaze ${letterOf(i)}`)));
    if (run.heads > 1) list.append(makeChoice("each", "each", "each gaze by itself, the first at the top left"));
  }

  /** @param {number} index */
  function makeTile(index) {
    const tile = make("figure", { className: "tile" });
    tile.innerHTML =
      '<div><canvas class="tile-ink"></canvas><canvas class="tile-heat"></canvas>' +
      '<svg class="tile-gaze" hidden aria-hidden="true"><polyline></polyline><circle r="1"></circle></svg></div>' +
      `<figcaption><span>${index + 1}</span><i class="bar"><b></b></i><span class="number"></span></figcaption>`;
    return tile;
  }

  /**
   * @param {Shown} value
   * @param {string} text
   * @param {string} description
   */
  function makeChoice(value, text, description) {
    const checked = value === shown;
    const radio = make("input", { type: "radio", name: `${name}-head`, value: String(value), checked });
    radio.setAttribute("aria-label", description);
    return make("label", { title: description }, radio, make("span", {}, text));
  }

  // What changes with the pixel ------------------------------------------------------------------------------------

  /**
   * @param {number | null} pixel
   * @param {number} follow  how far the heat on the screen goes to the pixel's, of 1
   */
  function paintAttention(pixel, follow) {
    const known = pixel !== null;
    const attention = heads().map((head) => (known ? attentionOf(run, pixel, head) : null));
    const shares = known ? sharesOf(run, pixel, mean()) : new Float32Array(run.shots);
    const own = known ? ownAttentionOf(run, pixel, mean()) : new Float32Array(ownGlow.length);
    const most = known ? Math.max(...heads().map((head) => largestAt(run, pixel, head))) : 0;
    const full = fullColour(run, scale === "all" ? largestSoFar() : most);
    const heat = shades(colourOf("--heat"));
    const size = run.shots * run.places;
    attention.forEach((weights, at) => {
      for (let i = 0; i < size; i++) {
        glow[at * size + i] += ((weights?.[i] ?? 0) / full - glow[at * size + i]) * follow;
      }
    });
    for (let i = 0; i < ownGlow.length; i++) ownGlow[i] += (own[i] / full - ownGlow[i]) * follow;
    tiles().forEach((tile, s) => {
      const from = s * run.places;
      const canvas = one(tile, ".tile-heat", HTMLCanvasElement);
      paintHeads(canvas, run.grid[1], run.grid[0], (i, at) => heat(glow[at * size + from + i]));
      showShare(tile, shares[s]);
    });
    if (task.gaze) paintGaze(pixel);
    if (ownGlow.length) {
      const [rows, columns] = run.own_grid;
      paintCanvas(one(root, ".player-own-heat", HTMLCanvasElement), columns, rows, (i) => heat(ownGlow[i]));
    }
    const ofOwn = known ? ownShareOf(run, pixel, mean()) : 0;
    showShare(one(root, ".player-own"), ofOwn);
    const read = shares.reduce((a, b) => a + b, ofOwn);
    showShare(one(root, ".player-nothing"), known ? Math.max(0, 1 - read) : 0);
    one(root, ".player-legend .number").textContent = known ? percent(full) : "";
  }

  // Kept from one frame to the next: of all gazes together, it is a sum over the whole picture.
  function largestSoFar() {
    if (largest.of !== run || largest.rows !== run.rows || largest.shown !== shown) {
      const value = Math.max(...heads().map((head) => largestOf(run, head)));
      largest = { of: run, rows: run.rows, shown, value };
    }
    return largest.value;
  }

  /**
   * @param {Element} element
   * @param {number} share
   */
  function showShare(element, share) {
    one(element, ".number").textContent = percent(share);
    one(element, "b").style.width = `${100 * share}%`;
  }

  /**
   * The way that the gaze has come in this row, over the one support.
   * @param {number | null} pixel
   */
  function paintGaze(pixel) {
    const svg = one(root, ".tile-gaze", SVGElement);
    const isShown = pixel !== null && shown !== "each";
    svg.toggleAttribute("hidden", !isShown);
    if (!isShown) return;
    const gazes = gazesInRow(run, pixel, mean());
    const last = gazes.at(-1);
    svg.setAttribute("viewBox", `0 0 ${run.width} ${run.height}`);
    const way = gazes.flatMap((gaze) => (gaze ? [gaze.join()] : []));
    one(svg, "polyline", SVGElement).setAttribute("points", way.join(" "));
    const dot = one(svg, "circle", SVGElement);
    dot.toggleAttribute("hidden", !last);
    if (!last) return;
    dot.setAttribute("cx", String(last[0]));
    dot.setAttribute("cy", String(last[1]));
  }

  // Influence that is known is shown; what is not known yet is asked for when the eye rests.
  /** @param {number | null} pixel */
  function paintInfluence(pixel) {
    const map = pixel === null ? undefined : run.influences.get(pixel);
    const [heat, cold] = [colourOf("--heat"), colourOf("--cold")].map(shades);
    tiles().forEach((tile, s) => {
      paintCanvas(one(tile, ".tile-heat", HTMLCanvasElement), run.width, run.height, (i) => {
        const value = map ? map.maps[s * run.pixels + i] / 127 : 0;
        return (value > 0 ? heat : cold)(Math.abs(value));
      });
    });
    one(root, ".player-influence").classList.toggle("is-waiting", pixel !== null && !map);
    one(root, ".player-largest").textContent = map ? "full colour: what moves this pixel most" : "";
    clearTimeout(resting);
    const of = run;
    if (pixel !== null && !map && run.rows === run.height) resting = setTimeout(() => askInfluence(of, pixel), REST);
  }

  /**
   * @param {Run} of
   * @param {number} pixel
   */
  async function askInfluence(of, pixel) {
    if (asking) return;
    asking = true;
    const wish = {
      model: of.model,
      supports: of.supports,
      shots: of.shots,
      image: toBase64(packBits(of.image)),
      row: Math.floor(pixel / of.width),
      column: pixel % of.width,
      inner_steps: of.support_nats ? of.support_nats.length - 1 : null,
    };
    const answer = await engine.influence(wish).catch(() => null);
    asking = false;
    if (!answer || signal.aborted) return;
    if ("error" in answer) return fail(answer.error);
    if ("busy" in answer) {
      resting = setTimeout(changed, BUSY);
      return;
    }
    of.influences.set(pixel, { ...answer, maps: new Int8Array(fromBase64(answer.maps).buffer) });
    changed();
  }

  /**
   * What the first line says of a pixel's chance, and how long its bar is, of 1.
   * @param {number} pixel
   * @returns {[string, number]}
   */
  function chanceOf(pixel) {
    if (run.nats && run.channels === 1) {
      const nats = run.nats[pixel];
      return [`ink ${percent(run.chance[pixel])}: ${nats.toFixed(2)} nats`, Math.min(1, nats / fullSurprise(run))];
    }
    if (run.channels === 1) return [`chance of ink ${percent(run.chance[pixel])}`, run.chance[pixel]];
    const surprise = surpriseOf(run, pixel);
    const most = fullSurprise(run);
    return [`surprise ${surprise.toFixed(1)} of ${most.toFixed(1)}`, surprise / most];
  }

  /** @param {number} pixel */
  function contentOf(pixel) {
    if (run.channels === 1) return run.image[pixel] ? "ink" : "paper";
    const levels = [...run.image.subarray(3 * pixel, 3 * pixel + 3)];
    return `#${levels.map((level) => level.toString(16).padStart(2, "0")).join("")}`;
  }

  /**
   * @param {string} selector
   * @param {string} text
   * @param {number} share  of the bar
   */
  function showChance(selector, text, share) {
    one(root, `${selector} span`).textContent = text;
    one(root, `${selector} b`).style.width = `${100 * share}%`;
  }

  /**
   * @param {string} selector  of what has the radios
   * @param {(value: string) => void} choose
   */
  function onChoice(selector, choose) {
    const chosen = (/** @type {Event} */ { target }) => {
      choose(/** @type {HTMLInputElement} */ (target).value);
      changed();
    };
    one(root, selector).addEventListener("change", chosen, { signal });
  }

  /** There is no heat on the screen yet of what is shown now. */
  function beginShown() {
    glow = new Float32Array(heads().length * run.shots * run.places);
    locked = hovered = null;
  }

  onChoice(".player-heads", (value) => {
    shown = value === "mean" || value === "each" ? value : Number(value);
    beginShown();
    layOutTiles();
  });
  onChoice(".player-scale", (value) => {
    scale = value;
  });

  /** @param {MouseEvent} event */
  function placeAt({ target, clientX, clientY }) {
    const tile = /** @type {Element} */ (target).closest(".tile");
    if (!tile || !run.can.attend) return null;
    const box = one(tile, ".tile-heat").getBoundingClientRect();
    const [rows, columns] = run.grid;
    const y = Math.floor(((clientY - box.top) / box.height) * rows * across());
    const x = Math.floor(((clientX - box.left) / box.width) * columns * across());
    const inside = y >= 0 && y < rows * across() && x >= 0 && x < columns * across();
    const at = Math.floor(y / rows) * across() + Math.floor(x / columns);
    if (!inside || at >= heads().length) return null;
    const support = [...tiles()].indexOf(/** @type {HTMLElement} */ (tile));
    return (at * run.shots + support) * run.places + (y % rows) * columns + (x % columns);
  }

  /** @param {number | null} place */
  function hover(place) {
    if (place === hovered) return;
    hovered = place;
    changed();
  }

  const list = one(root, ".player-tiles");
  list.addEventListener("pointermove", (event) => event.pointerType === "mouse" && hover(placeAt(event)), { signal });
  list.addEventListener("pointerleave", () => hover(null), { signal });
  list.addEventListener(
    "click",
    (event) => {
      const place = placeAt(event);
      locked = place === locked ? null : place;
      changed();
    },
    { signal },
  );

  return {
    /**
     * Which pixels read the place of the supports that the user points at or locked: their weights [pixels], and the
     * place and the looked-at pixel's own weight in words. Null if they point at none.
     * @param {number | null} pixel
     */
    readers(pixel) {
      const index = locked ?? hovered;
      if (index === null) return null;
      const [, columns] = run.grid;
      const size = run.shots * run.places;
      const head = heads()[Math.floor(index / size)];
      const place = index % size;
      const at = place % run.places;
      const where = `row ${Math.floor(at / columns) + 1}, column ${(at % columns) + 1}`;
      const own = pixel === null ? "" : ` This pixel read it with ${percent(attentionOf(run, pixel, head)[place])}.`;
      const gaze = shown === "each" ? `, gaze ${letterOf(Number(head))}` : "";
      const unit = `${task.unit[0].toUpperCase()}${task.unit.slice(1)} ${Math.floor(place / run.places) + 1}${gaze}`;
      return { weights: readersOf(run, place, head), words: `${unit}, ${where}: orange pixels read it.${own}` };
    },
    unlock() {
      locked = null;
    },
    get locked() {
      return locked !== null;
    },
    /**
     * Turns to a run that was begun.
     * @param {Run} begun
     * @param {Task} itsTask
     */
    begin(begun, itsTask) {
      run = begun;
      task = itsTask;
      if (run.heads < 2 || Number(shown) >= run.heads) shown = "mean";
      const before = locked;
      beginShown();
      locked = run.can.attend && before !== null && before < glow.length ? before : null;
      ownGlow = new Float32Array(run.own_grid[0] * run.own_grid[1]);
      layOut();
    },
    /** In the colours that the page has now. */
    layOut,
    destroy: () => clearTimeout(resting),
    /**
     * @param {number | null} pixel  to tell about, null for none
     * @param {{playing: boolean, fades: boolean, elapsed: number}} how  fades: heat follows with an afterglow, in
     *   `elapsed` milliseconds
     */
    paint(pixel, { playing, fades, elapsed }) {
      const known = pixel !== null;
      const place = known ? `Row ${Math.floor(pixel / run.width) + 1}, column ${(pixel % run.width) + 1}` : "";
      one(root, ".player-place").textContent = known ? `${place}: ${contentOf(pixel)}` : "Nothing drawn yet";
      const nothing = run.channels === 1 ? "chance of ink –" : "surprise –";
      showChance(".player-chance", ...(known ? chanceOf(pixel) : /** @type {[string, number]} */ ([nothing, 0])));
      if (run.before.length) {
        const before = known ? run.before[pixel] : 0;
        showChance(".player-before", `without practice ${known ? percent(before) : "–"}`, before);
      }
      if (run.can.attend) paintAttention(pixel, fades ? 1 - Math.exp(-elapsed / HEAT_FADES) : 1);
      if (influenceIsShown()) paintInfluence(playing ? null : pixel);
    },
    /** In words, what the panels say of a pixel. */
    get subject() {
      return run.can.attend ? "what it read" : influenceIsShown() ? "what moves it" : "how likely it was";
    },
  };
}

// The colour pad: one small picture, painted with a few colours by mouse, finger, pen, or keys.
//
// What is painted is known as a string, base64 of the side x side x 3 bytes that the model sees; null is white paper. It
// is kept, and changes are taken back, by whoever shows it here.

import { fromBase64, toBase64 } from "./codec.js";
import { make, one, placesOf } from "./dom.js";
import { paintCanvas, rgb } from "./painting.js";
import { blank, colourAt, colourOfHex, fill, isBlank, paintLine } from "./raster.js";

/** @typedef {import("./raster.js").Place} Place */
/** @typedef {{name: string, colour: string}} Named  colour: "#rrggbb" */

const BRUSHES = [1, 2, 4]; // pixels wide
const USUAL = 2;
const FILL = "fill"; // the tool that is no brush
const ICONS = {
  fill: '<svg viewBox="0 0 24 24"><path d="M5 13l7-7 6 6-7 7zM9 3l3 3M20 15c1 2 1.500 3 0 4-1.500-1-1-2 0-4"/></svg>',
  erase: '<svg viewBox="0 0 24 24"><path d="M9 19H19M4 14l9-9 6 6-8 8H8z"/></svg>',
};
/** @type {Record<string, Place>} */
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * @param {HTMLElement} root  .paint of photos.html
 * @param {(pixels: string | null) => void} painted  is told of what is on the pad after each stroke
 */
export function createPaint(root, painted) {
  const canvas = one(root, ".paint-canvas", HTMLCanvasElement);
  const palette = one(root, ".paint-palette");
  const brushes = one(root, ".paint-brushes");
  const cursor = one(root, ".paint-cursor");
  const place = one(root, ".paint-place");
  let side = 0;
  let pixels = blank(side);
  /** @type {Named[]} */
  let colours = [];
  /** @type {[number, number]} */
  let at = [0, 0]; // column and row of the keys' cursor
  let isDown = false; // the space bar
  /** @type {number | null} */
  let pointer = null; // that is painting
  let leave = () => {}; // ends its listening

  const chosen = (/** @type {HTMLElement} */ group) => one(group, "input:checked", HTMLInputElement).value;
  const brush = () => Number(chosen(brushes));
  const colour = () => colourOfHex(chosen(palette));

  function repaint() {
    paintCanvas(canvas, side, side, rgb(pixels));
    root.classList.toggle("is-blank", isBlank(pixels));
    cursor.style.setProperty("--x", String(at[0] / side));
    cursor.style.setProperty("--y", String(at[1] / side));
    cursor.style.setProperty("--cell", String(1 / side));
  }

  /**
   * @param {Place} from
   * @param {Place} to
   */
  function stroke(from, to) {
    if (chosen(brushes) === FILL) fill(pixels, side, to, colour());
    else paintLine(pixels, side, from, to, brush(), colour());
    repaint();
  }

  function tell() {
    painted(isBlank(pixels) ? null : toBase64(pixels));
  }

  // With a pointer -------------------------------------------------------------------------------------------------

  /**
   * @param {PointerEvent} event
   * @returns {Place}
   */
  function placeOf({ clientX, clientY }) {
    const box = canvas.getBoundingClientRect();
    const inside = (/** @type {number} */ share) => Math.min(Math.max(share * side, 0), side - 1e-6);
    return [inside((clientX - box.left) / box.width), inside((clientY - box.top) / box.height)];
  }

  /** @param {PointerEvent} event */
  function down(event) {
    if (event.button !== 0 || !event.isPrimary || pointer !== null) return;
    event.preventDefault();
    pointer = event.pointerId;
    canvas.setPointerCapture(pointer);
    let last = placeOf(event);
    stroke(last, last);
    const isOther = (/** @type {PointerEvent} */ { pointerId }) => pointerId !== pointer;
    const move = (/** @type {PointerEvent} */ moved) => {
      if (isOther(moved) || chosen(brushes) === FILL) return;
      for (const next of placesOf(moved).map(placeOf)) {
        stroke(last, next);
        last = next;
      }
    };
    const end = (/** @type {PointerEvent} */ ended) => {
      if (!isOther(ended)) finish();
    };
    leave = () => {
      canvas.removeEventListener("pointermove", move);
      canvas.removeEventListener("lostpointercapture", end);
    };
    canvas.addEventListener("pointermove", move);
    canvas.addEventListener("lostpointercapture", end); // also follows pointerup and pointercancel
  }

  // With keys: arrows move, the space bar paints, and held down it paints where they go ----------------------------------

  const middle = (/** @type {[number, number]} */ [x, y]) => /** @type {Place} */ ([x + 0.5, y + 0.5]);

  function sayPlace() {
    const known = colourAt(pixels, at[1] * side + at[0]);
    const name = colours.find((one) => String(colourOfHex(one.colour)) === known)?.name ?? "another colour";
    place.textContent = `Row ${at[1] + 1}, column ${at[0] + 1}: ${name}.`;
  }

  /** @param {KeyboardEvent} event */
  function keyDown(event) {
    const by = STEPS[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey || !(by || event.key === " ")) return;
    event.preventDefault();
    if (by) {
      const from = at;
      const inside = (/** @type {number} */ to) => Math.min(Math.max(to, 0), side - 1);
      at = [inside(at[0] + by[0]), inside(at[1] + by[1])];
      if (isDown && chosen(brushes) !== FILL) stroke(middle(from), middle(at));
      else repaint();
    } else if (!isDown) {
      isDown = true;
      stroke(middle(at), middle(at));
    }
    sayPlace();
  }

  /** A stroke that is under way ends here. */
  function finish() {
    if (pointer === null && !isDown) return;
    leave();
    pointer = null;
    isDown = false;
    tell();
  }

  // Wiring ---------------------------------------------------------------------------------------------------------

  /**
   * @param {string} name  of the group
   * @param {string} value
   * @param {string} label
   * @param {boolean} checked
   * @param {HTMLElement} shown
   */
  function radio(name, value, label, checked, shown) {
    const input = make("input", { type: "radio", name, value, checked });
    input.setAttribute("aria-label", label);
    return make("label", { title: label }, input, shown);
  }

  function showBrushes() {
    const dots = BRUSHES.map((width) => {
      const dot = make("i");
      dot.style.setProperty("--width", String(width));
      const label = `Brush, ${width === 1 ? "1 pixel" : `${width} pixels`} wide`;
      return radio("paint-brush", String(width), label, width === USUAL, make("span", {}, dot));
    });
    const bucket = make("span", { innerHTML: ICONS.fill });
    brushes.replaceChildren(...dots, radio("paint-brush", FILL, "Fill an area", false, bucket));
  }

  function showPalette() {
    const swatches = colours.map(({ name, colour: value }, i) => {
      const erases = isBlank(Uint8Array.from(colourOfHex(value)));
      const swatch = make("span", { innerHTML: erases ? ICONS.erase : "" });
      swatch.style.background = value;
      return radio("paint-colour", value, erases ? `${name}, which erases` : name, i === 0, swatch);
    });
    palette.replaceChildren(...swatches);
  }

  canvas.addEventListener("pointerdown", down);
  canvas.addEventListener("keydown", keyDown);
  canvas.addEventListener("keyup", (event) => event.key === " " && finish());
  canvas.addEventListener("blur", finish);
  canvas.addEventListener("focus", sayPlace);
  showBrushes();

  return {
    finish,
    /**
     * The pad of a task, which has a palette.
     * @param {number} itsSide
     * @param {Named[]} its  colours
     */
    turn(itsSide, its) {
      side = itsSide;
      colours = its;
      at = [Math.floor(side / 2), Math.floor(side / 2)];
      showPalette();
    },
    /**
     * Shows what is on the pad, unless a stroke is under way, which tells of it when it ends.
     * @param {string | null} its  pixels
     */
    show(its) {
      if (pointer !== null || isDown) return;
      pixels = its ? fromBase64(its) : blank(side);
      repaint();
    },
  };
}

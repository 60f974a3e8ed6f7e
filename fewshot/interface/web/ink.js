// From strokes on the pad to what a model sees: the counterpart of `render_strokes` in fewshot/data/drawing.py, and of
// the 4x4 max-pooling after it. Needs no page.

/** @typedef {import("./codec.js").Stroke} Stroke */

const SIDE = 105; // of the pad, and of a drawing before pooling
const FINE = 5; // grid cells per pixel; odd, so that one cell lies on the centre of each pixel
const REACH = 13; // cells that ink reaches from the centre line: half a stroke of 5.2 pixels
const POOL = 4; // pixels to a side that become one
const SEEN = Math.floor(SIDE / POOL); // pixels to a side of what the model sees
export const PIXELS = SEEN * SEEN;

/**
 * @param {Stroke[]} strokes  in pad coordinates
 * @returns {Uint8Array} [26, 26], ink = 1
 */
export function renderStrokes(strokes) {
  const seen = new Uint8Array(PIXELS);
  const cell = (/** @type {number} */ x) => Math.trunc(Math.min(Math.max(x, 0), SIDE - 1 / FINE) * FINE);
  for (const stroke of strokes) {
    const cells = stroke.map(([x, y]) => [cell(x), cell(y)]);
    cells.forEach(([x, y], i) => {
      const [toX, toY] = cells[i + 1] ?? [x, y];
      line(x, y, toX, toY, (column, row) => addInk(seen, column, row));
    });
  }
  return seen;
}

/**
 * Bresenham's line, both ends included, as Pillow draws it.
 * @param {number} x
 * @param {number} y
 * @param {number} toX
 * @param {number} toY
 * @param {(x: number, y: number) => void} mark
 */
function line(x, y, toX, toY, mark) {
  const [dx, dy] = [Math.abs(toX - x), Math.abs(toY - y)];
  const [stepX, stepY] = [toX < x ? -1 : 1, toY < y ? -1 : 1];
  const flat = dx > dy;
  const [long, short] = flat ? [dx, dy] : [dy, dx];
  let error = 2 * short - long;
  for (let i = 0; i < long; i++) {
    mark(x, y);
    const aside = error >= 0 && short > 0;
    if (flat || aside) x += stepX;
    if (!flat || aside) y += stepY;
    error += 2 * short - (aside ? 2 * long : 0);
  }
  mark(toX, toY);
}

/**
 * The ink around one cell of a centre line: all pixels whose centre is in reach.
 * @param {Uint8Array} seen
 * @param {number} column
 * @param {number} row
 */
function addInk(seen, column, row) {
  const middle = (FINE - 1) / 2;
  const first = (/** @type {number} */ at) => Math.max(0, Math.ceil((at - REACH - middle) / FINE));
  const last = (/** @type {number} */ at) => Math.min(SEEN * POOL - 1, Math.floor((at + REACH - middle) / FINE));
  for (let y = first(row); y <= last(row); y++) {
    for (let x = first(column); x <= last(column); x++) {
      const near = (x * FINE + middle - column) ** 2 + (y * FINE + middle - row) ** 2 <= REACH ** 2;
      if (near) seen[Math.floor(y / POOL) * SEEN + Math.floor(x / POOL)] = 1;
    }
  }
}

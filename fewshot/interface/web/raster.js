// Painting on a small picture: squares of colour, [side, side] pixels of red, green and blue. Needs no page.

/** @typedef {[number, number, number]} Colour  red, green, blue, 0..255 */
/** @typedef {[number, number]} Place  x and y in pixels from the top left corner, with fractions */

const PAPER = 255;

/** @param {string} hex  "#rrggbb" */
export const colourOfHex = (hex) =>
  /** @type {Colour} */ ([1, 3, 5].map((i) => Number.parseInt(hex.slice(i, i + 2), 16)));

/** @param {number} side */
export const blank = (side) => new Uint8Array(3 * side * side).fill(PAPER);

/** @param {Uint8Array} pixels */
export const isBlank = (pixels) => pixels.every((level) => level === PAPER);

/**
 * A line with a round brush, both ends included.
 * @param {Uint8Array} pixels  is changed
 * @param {number} side
 * @param {Place} from
 * @param {Place} to
 * @param {number} brush  its width in pixels
 * @param {Colour} colour
 */
export function paintLine(pixels, side, from, to, brush, colour) {
  const steps = Math.max(1, Math.ceil(2 * Math.hypot(to[0] - from[0], to[1] - from[1])));
  for (let step = 0; step <= steps; step++) {
    const [x, y] = [0, 1].map((k) => from[k] + ((to[k] - from[k]) * step) / steps);
    dab(pixels, side, x, y, brush, colour);
  }
}

/**
 * The pixels that a brush covers whose middle is near a place: as many to a side as it is wide, without far corners.
 * @param {Uint8Array} pixels  is changed
 * @param {number} side
 * @param {number} x
 * @param {number} y
 * @param {number} brush
 * @param {Colour} colour
 */
function dab(pixels, side, x, y, brush, colour) {
  const [left, top] = [Math.round(x - brush / 2), Math.round(y - brush / 2)];
  const middle = (brush - 1) / 2;
  for (let row = 0; row < brush; row++) {
    for (let column = 0; column < brush; column++) {
      const isNear = Math.hypot(column - middle, row - middle) <= brush / 2;
      if (isNear) set(pixels, side, left + column, top + row, colour);
    }
  }
}

/**
 * @param {Uint8Array} pixels  is changed
 * @param {number} side
 * @param {number} column
 * @param {number} row
 * @param {Colour} colour
 */
function set(pixels, side, column, row, colour) {
  if (column >= 0 && column < side && row >= 0 && row < side) pixels.set(colour, 3 * (row * side + column));
}

/**
 * Gives the pixel at a place another colour, and all of its own colour that can be reached from it, not over corners.
 * @param {Uint8Array} pixels  is changed
 * @param {number} side
 * @param {Place} place
 * @param {Colour} colour
 */
export function fill(pixels, side, [x, y], colour) {
  const start = Math.floor(y) * side + Math.floor(x);
  const old = colourAt(pixels, start);
  if (old === String(colour)) return;
  const waiting = [start];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    if (colourAt(pixels, at) !== old) continue;
    pixels.set(colour, 3 * at);
    const column = at % side;
    if (column > 0) waiting.push(at - 1);
    if (column < side - 1) waiting.push(at + 1);
    if (at >= side) waiting.push(at - side);
    if (at < side * (side - 1)) waiting.push(at + side);
  }
}

/**
 * @param {Uint8Array} pixels
 * @param {number} at
 */
export const colourAt = (pixels, at) => String(pixels.subarray(3 * at, 3 * at + 3));

// Moments of a picture, and pixels of it, that a lesson names by a rule: its texts then hold for any picture. Needs no
// page.

/** @typedef {import("./run.js").Run} Run */

/** @param {Run} run */
const inkOf = ({ image, pixels, channels }) =>
  Array.from({ length: pixels }, (_, i) => i).filter((i) => channels === 1 && image[i]);

/** @param {Run} run */
const middle = ({ width, height }) => Math.floor(height / 2) * width + Math.floor(width / 2);

/**
 * How many pixels are on the screen. "play" and "play slowly" then go on from there.
 * @type {Record<string, (run: Run) => number>}
 */
export const POSITIONS = {
  start: () => 0,
  play: () => 0,
  "before the first ink": beforeInk,
  "play slowly": beforeInk,
  middle: (run) => middle(run) + 1,
  end: ({ pixels }) => pixels,
};

/**
 * The pixel that is locked.
 * @type {Record<string, (run: Run) => number>}
 */
export const PIXELS = {
  "first pixel": () => 0,
  "first ink": (run) => inkOf(run)[0] ?? 0,
  "middle ink": (run) => inkOf(run)[Math.floor(inkOf(run).length / 2)] ?? middle(run),
  "last ink": (run) => inkOf(run).at(-1) ?? run.pixels - 1,
  "least sure": ({ chance }) => chance.reduce((best, p, i) => (sureness(p) < sureness(chance[best]) ? i : best), 0),
  "mirror pixel": (run) => middle(run),
};

/** @param {number} chance */
const sureness = (chance) => Math.abs(chance - 0.5);

const AHEAD = 2; // pixels before the first ink, so that it does not come at once

/**
 * Shortly before the first ink, in its row; the end of a picture without any.
 * @param {Run} run
 */
export function beforeInk(run) {
  const first = inkOf(run)[0] ?? run.pixels;
  return Math.max(first - AHEAD, first - (first % run.width));
}

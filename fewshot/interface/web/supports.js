// What can be done with a support, and which of them a model reads. Needs no page.

import { packImages, strokesAmong, unpackImages } from "./codec.js";

/** @typedef {import("./codec.js").Stroke} Stroke */
/** @typedef {import("./engine.js").Drawings} Drawings */
/** @typedef {import("./engine.js").Seen} Seen */

/**
 * A support as the page keeps it.
 * @typedef {Seen & {strokes?: Stroke[], muted?: boolean}} Support  strokes: how it was drawn, of one that came from the
 *   pad; muted: it is left out for now
 */

// Mirrored around this, a point of the pad lands in the grid cell of ink.js that mirrors its own, with one digit after
// the point also when it goes back.
const ACROSS = 103.9;
const tenths = (/** @type {number} */ x) => Math.round(x * 10) / 10;

/** @typedef {(x: number, y: number, last: number) => [number, number]} Place  where a point or pixel comes from or goes */

/** @type {Place} */
const mirror = (x, y, last) => [last - x, y];
/** @type {Place} */
const clockwise = (x, y, last) => [last - y, x];
/** @type {Place} */
const counterclockwise = (x, y, last) => [y, last - x];

/**
 * A support's pixels, each taken from elsewhere.
 * @param {string} pixels
 * @param {number} side
 * @param {number} channels
 * @param {Place} from
 */
function rearranged(pixels, side, channels, from) {
  const values = unpackImages(pixels, side * side, channels);
  const result = new Uint8Array(values.length);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const [fromX, fromY] = from(x, y, side - 1);
      const at = channels * (fromY * side + fromX);
      result.set(values.subarray(at, at + channels), channels * (y * side + x));
    }
  }
  return packImages(result, channels);
}

/**
 * @param {Stroke[] | undefined} strokes
 * @param {Place} to
 */
function moved(strokes, to) {
  return strokes?.map((stroke) =>
    stroke.map(([x, y]) => /** @type {[number, number]} */ (to(x, y, ACROSS).map(tenths))),
  );
}

/**
 * Left and right exchanged. Twice, it is as it was.
 * @param {Support} support
 * @param {number} side
 * @param {number} [channels]
 * @returns {Support}
 */
export function flipped(support, side, channels = 1) {
  return changed(support, rearranged(support.pixels, side, channels, mirror), moved(support.strokes, mirror));
}

/**
 * Turned by a quarter, clockwise. Four times, it is as it was.
 * @param {Support} support
 * @param {number} side
 * @param {number} [channels]
 * @returns {Support}
 */
export function turned(support, side, channels = 1) {
  const pixels = rearranged(support.pixels, side, channels, counterclockwise);
  return changed(support, pixels, moved(support.strokes, clockwise));
}

/**
 * Left out for now, or read again.
 * @param {Support} support
 * @returns {Support}
 */
export function muted({ muted: was, ...support }) {
  return was ? support : { ...support, muted: true };
}

/**
 * What was done to a support that was left out for now, or is read again.
 * @param {string} noun  a support, in words
 * @param {number} i
 * @param {Support} support  as it was
 */
export const sayMuted = (noun, i, { muted: was }) =>
  was ? `The model reads ${noun} ${i + 1} again.` : `Left out ${noun} ${i + 1} for now.`;

/**
 * @param {Support} support
 * @param {string} pixels
 * @param {Stroke[] | undefined} strokes
 * @returns {Support}
 */
const changed = (support, pixels, strokes) => ({ ...support, pixels, ...(strokes && { strokes }) });

/**
 * The supports that a model reads, without what it needs not know.
 * @template {Support | {strokes: Stroke[]}} Given
 * @param {Given[]} supports
 * @param {number | null} [shots]  of those that are not muted, all if null
 * @returns {(Seen | {strokes: Stroke[]})[]}
 */
export function readOf(supports, shots = null) {
  const heard = supports.filter((one) => !("muted" in one && one.muted)).slice(0, shots ?? supports.length);
  return heard.map((one) => ("pixels" in one ? { pixels: one.pixels } : { strokes: one.strokes }));
}

/**
 * What engines are asked with: only what is read.
 * @param {Drawings} drawings
 * @returns {Drawings}
 */
export const drawingsRead = ({ supports, shots, beginning }) => ({
  supports: readOf(supports, shots),
  shots: null,
  beginning,
});

/**
 * @param {import("./engine.js").Photographs} photographs
 * @returns {{photos: Seen[], beginning: import("./engine.js").Photographs["beginning"]}}
 */
export const photographsRead = ({ photos, beginning }) => ({
  photos: photos.filter((photo) => !photo.muted).map(({ pixels }) => ({ pixels })),
  beginning,
});

/**
 * Those of some values that are supports: what was kept may be damaged. A string is one's pixels.
 * @param {unknown} values
 * @param {number} side
 * @param {number} [channels]
 * @returns {Support[]}
 */
export function supportsAmong(values, side, channels = 1) {
  const bytes = channels === 1 ? Math.ceil((side * side) / 8) : side * side * channels;
  const length = 4 * Math.ceil(bytes / 3);
  return (Array.isArray(values) ? values : []).flatMap((value) => {
    const { pixels, strokes, muted: isMuted } = typeof value === "string" ? { pixels: value } : (value ?? {});
    if (typeof pixels !== "string" || pixels.length !== length || !/^[A-Za-z0-9+/]+=*$/.test(pixels)) return [];
    const known = strokesAmong(strokes);
    return [{ pixels, ...(known.length > 0 && { strokes: known }), ...(isMuted === true && { muted: true }) }];
  });
}

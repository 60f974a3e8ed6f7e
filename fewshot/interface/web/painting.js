// Paints pixels on canvases.

import { fromBase64, unpackBits } from "./codec.js";

/** @typedef {[number, number, number]} Colour  red, green, blue, 0..255 */

const LEVELS = 255;
const FAINT = 60; // opacity of the rows of a picture that are not given, of LEVELS
/** The colour of a pixel that is not painted. */
export const CLEAR = [0, 0, 0, 0];

/** @type {Map<string, Colour>} */
const known = new Map();

/**
 * A colour of the page, as it is now, light or dark: `--ink` and its like, in hexadecimal. The page's style is asked once
 * for each: if anything on the page has changed, that takes as long as laying all of it out.
 * @param {string} name
 * @returns {Colour}
 */
export function colourOf(name) {
  const key = `${name} ${document.body.classList.contains("dark")}`;
  const colour = known.get(key) ?? styled(name);
  if (colour.every(Number.isFinite)) known.set(key, colour); // else the style is not there yet
  return colour;
}

/**
 * @param {string} name
 * @returns {Colour}
 */
function styled(name) {
  const hex = getComputedStyle(document.body).getPropertyValue(name).trim();
  return /** @type {Colour} */ ([1, 3, 5].map((i) => Number.parseInt(hex.slice(i, i + 2), 16)));
}

/** @type {Map<string, number[][]>} */
const scales = new Map(); // a frame has thousands of pixels, for which no array is to be made

/**
 * @param {number[]} from  red, green, blue and opacity
 * @param {number[]} to
 * @returns {(share: number) => number[]} on the way from one to the other
 */
function scale(from, to) {
  const key = `${from} ${to}`;
  const steps =
    scales.get(key) ??
    Array.from({ length: LEVELS + 1 }, (_, step) => from.map((level, k) => level + ((to[k] - level) * step) / LEVELS));
  scales.set(key, steps);
  return (share) => steps[Math.round(LEVELS * Math.min(1, Math.max(0, share)))];
}

/**
 * @param {Colour} paper
 * @param {Colour} ink
 * @returns {(share: number) => number[]} paper with a share of ink, opaque
 */
export const mixer = (paper, ink) => scale([...paper, LEVELS], [...ink, LEVELS]);

/**
 * @param {Colour} colour
 * @returns {(share: number) => number[]} it, as opaque as the share
 */
export const shades = (colour) => scale([...colour, 0], [...colour, LEVELS]);

/**
 * @param {Uint8Array} bytes  3 for each pixel
 * @returns {(pixel: number) => number[]} a pixel's colour, opaque
 */
export function rgb(bytes) {
  return (pixel) => [bytes[3 * pixel], bytes[3 * pixel + 1], bytes[3 * pixel + 2], 255];
}

/**
 * Paints a picture whose colour and opacity at pixel i is colourAt(i) = [r, g, b, a].
 * @param {HTMLCanvasElement} canvas
 * @param {number} width
 * @param {number} height
 * @param {(i: number) => number[]} colourAt
 */
export function paintCanvas(canvas, width, height, colourAt) {
  const data = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) data.data.set(colourAt(i), 4 * i);
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  contextOf(canvas).putImageData(data, 0, 0);
}

/**
 * A drawing's bits, packed in base64, in ink on a clear canvas, faintly after its first rows; without any, nothing.
 * @param {HTMLCanvasElement} canvas
 * @param {string | null | undefined} pixels
 * @param {number} side
 * @param {Colour} ink
 * @param {number} rows
 */
export function paintDrawing(canvas, pixels, side, ink, rows = side) {
  const bits = pixels ? unpackBits(fromBase64(pixels), side * side) : new Uint8Array(side * side);
  const inked = shades(ink);
  paintCanvas(canvas, side, side, (i) => inked(bits[i] * (i < rows * side ? 1 : FAINT / LEVELS)));
}

/**
 * A photograph's bytes in base64, faintly after its first rows; without any, nothing.
 * @param {HTMLCanvasElement} canvas
 * @param {string | null} pixels
 * @param {number} side
 * @param {number} rows
 */
export function paintPhoto(canvas, pixels, side, rows = side) {
  const colourAt = rgb(pixels ? fromBase64(pixels) : new Uint8Array(3 * side * side));
  const opacity = (/** @type {number} */ i) => (!pixels ? 0 : i < rows * side ? 255 : FAINT);
  paintCanvas(canvas, side, side, (i) => [...colourAt(i).slice(0, 3), opacity(i)]);
}

/**
 * @param {HTMLCanvasElement} canvas
 */
export function contextOf(canvas) {
  return /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
}

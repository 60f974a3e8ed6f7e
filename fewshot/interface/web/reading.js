// What each pixel of a run read: sums over attention's heads, the way of the gaze, surprise. Needs no page.

/** @typedef {import("./run.js").Run} Run */
/** @typedef {number | "mean"} Head  one of the attention's heads, or the mean of all */

const STRONG_SURPRISE = 4; // nats of a pixel of ink or paper, from which its surprise has the full colour
const STRONG = 4; // times what each place would have, if all were read alike, is at least what has the full colour

/**
 * The heads of which something is the mean.
 * @param {Run} run
 * @param {Head} head
 * @returns {number[]}
 */
export const headsOf = (run, head) => (head === "mean" ? Array.from({ length: run.heads }, (_, i) => i) : [head]);

/**
 * The weights [shots * places] with which a pixel read.
 * @param {Run} run
 * @param {number} pixel
 * @param {Head} head
 */
export function attentionOf(run, pixel, head) {
  return weightsOf(run, run.weights, run.shots * run.places, pixel, head);
}

/**
 * The weights [its places] with which a pixel read the drawing itself; empty for a model that does not.
 * @param {Run} run
 * @param {number} pixel
 * @param {Head} head
 */
export function ownAttentionOf(run, pixel, head) {
  return weightsOf(run, run.ownWeights, run.own_grid[0] * run.own_grid[1], pixel, head);
}

/**
 * @param {Run} run
 * @param {Uint8Array} weights  [pixels, heads, size] 255 is the largest of the head and pixel
 * @param {number} size
 * @param {number} pixel
 * @param {Head} head
 */
function weightsOf(run, weights, size, pixel, head) {
  const attention = new Float32Array(size);
  const heads = headsOf(run, head);
  for (const one of heads) {
    const row = pixel * run.heads + one;
    const unit = run.largest[row] / 255 / heads.length;
    for (let i = 0; i < size; i++) attention[i] += weights[row * size + i] * unit;
  }
  return attention;
}

/**
 * The weights [pixels] with which each pixel so far read one place of the supports, of shots * places.
 * @param {Run} run
 * @param {number} place
 * @param {Head} head
 */
export function readersOf(run, place, head) {
  const size = run.shots * run.places;
  const readers = new Float32Array(run.pixels);
  const heads = headsOf(run, head);
  for (let pixel = 0; pixel < run.rows * run.width; pixel++) {
    for (const one of heads) {
      const row = pixel * run.heads + one;
      readers[pixel] += ((run.largest[row] / 255) * run.weights[row * size + place]) / heads.length;
    }
  }
  return readers;
}

/**
 * The share [shots] of a pixel's attention that each support has; what is missing to 1 looked at none.
 * @param {Run} run
 * @param {number} pixel
 * @param {Head} head
 */
export function sharesOf(run, pixel, head) {
  const shares = new Float32Array(run.shots);
  const heads = headsOf(run, head);
  for (const one of heads) {
    const row = pixel * run.heads + one;
    for (let s = 0; s < run.shots; s++) shares[s] += run.shares[row * run.shots + s] / heads.length;
  }
  return shares;
}

/**
 * The share of a pixel's attention that the drawing itself has.
 * @param {Run} run
 * @param {number} pixel
 * @param {Head} head
 */
export function ownShareOf(run, pixel, head) {
  if (!run.ownShares.length) return 0;
  const heads = headsOf(run, head);
  return heads.reduce((sum, one) => sum + run.ownShares[pixel * run.heads + one], 0) / heads.length;
}

/**
 * The largest weight with which any pixel so far read.
 * @param {Run} run
 * @param {Head} head
 */
export function largestOf(run, head) {
  let largest = 0;
  for (let pixel = 0; pixel < run.rows * run.width; pixel++) {
    largest = Math.max(largest, head === "mean" ? largestAt(run, pixel, head) : run.largest[pixel * run.heads + head]);
  }
  return largest;
}

/**
 * The largest weight with which a pixel read, of the supports or of the drawing itself.
 * @param {Run} run
 * @param {number} pixel
 * @param {Head} head
 */
export function largestAt(run, pixel, head) {
  return Math.max(largestIn(attentionOf(run, pixel, head)), largestIn(ownAttentionOf(run, pixel, head)));
}

/** @param {Float32Array} weights */
export const largestIn = (weights) => weights.reduce((a, b) => Math.max(a, b), 0);

/**
 * What has the full colour: the largest weight, but so much that attention which is the same everywhere is pale.
 * @param {Run} run
 * @param {number} largest
 */
export function fullColour(run, largest) {
  return Math.max(largest, STRONG / (run.shots * run.places));
}

/**
 * The place that a pixel read most, [x, y] in pixels of its support; null if it read none.
 * @param {Run} run
 * @param {number} pixel
 * @param {Head} head
 * @returns {[number, number] | null}
 */
export function gazeOf(run, pixel, head) {
  const attention = attentionOf(run, pixel, head);
  const most = attention.indexOf(largestIn(attention));
  const [rows, columns] = run.grid;
  if (!(attention[most] > 0)) return null;
  return [((most % columns) + 0.5) * (run.width / columns), (Math.floor(most / columns) + 0.5) * (run.height / rows)];
}

/**
 * Where the gaze was at each pixel of a pixel's row, from the left up to itself.
 * @param {Run} run
 * @param {number} pixel
 * @param {Head} head
 */
export function gazesInRow(run, pixel, head) {
  const first = pixel - (pixel % run.width);
  return Array.from({ length: pixel - first + 1 }, (_, i) => gazeOf(run, first + i, head));
}

/**
 * What a pixel in colour cost, in nats; at most as much as if all colours were as likely. Of a scored picture it is what
 * was scored: in two scales, that has a share of what the small picture cost.
 * @param {Run} run
 * @param {number} pixel
 */
export function surpriseOf(run, pixel) {
  return Math.min(run.nats?.[pixel] ?? -Math.log(run.chance[pixel]), Math.log(run.colours));
}

/**
 * The nats of a pixel from which its surprise has the full colour: in colour, if all colours were as likely.
 * @param {Pick<Run, "channels" | "colours">} run
 */
export const fullSurprise = ({ channels, colours }) => (channels === 1 ? STRONG_SURPRISE : Math.log(colours));

/**
 * How surprising each pixel of a scored drawing was, of 1, which has the full colour; null for any other run.
 * @param {Run} run
 */
export function surprisesOf(run) {
  return run.nats?.map((each) => Math.min(1, each / fullSurprise(run))) ?? null;
}

/**
 * The pixel that is looked at if the user points at none: the last one drawn; of a finished character, whose last one
 * is hardly ever of interest, the last one of ink.
 * @param {Run} run
 * @param {number} drawn  how many pixels are on the screen
 */
export function lastOfInterest(run, drawn) {
  const finished = run.channels === 1 && drawn === run.pixels;
  return finished && run.image.includes(1) ? run.image.lastIndexOf(1) : drawn - 1;
}

/**
 * @param {number} x  of 1
 */
export function percent(x) {
  if (x > 0 && x < 0.001) return "< 0.1 %";
  if (x > 0.999 && x < 1) return "> 99.9 %";
  return `${(100 * x).toFixed((x > 0 && x < 0.01) || (x > 0.99 && x < 1) ? 1 : 0)} %`;
}

// What is seen of models side by side: in which pixels their pictures differ, what a drawing costs each of them, which set
// of supports it belongs to, and how what was kept differs from what is on the page. Needs no page.

import { readOf } from "./supports.js";

/** @typedef {import("./engine.js").Recipe} Recipe */
/** @typedef {{name: string, supports: string[]}} Named  a set of supports: what the model sees of each */

/**
 * How much two pictures differ at each pixel, from 0 to 1: ink from paper by 1; colours by the mean of their three levels.
 * @param {Uint8Array} a  [pixels, channels]
 * @param {Uint8Array} b
 * @param {number} channels
 * @param {number} drawn  pixels that both have; the others differ by nothing
 */
export function differences(a, b, channels, drawn) {
  const most = channels === 1 ? 1 : 255;
  const differing = new Float32Array(a.length / channels);
  for (let i = 0; i < drawn * channels; i++) {
    differing[Math.floor(i / channels)] += Math.abs(a[i] - b[i]) / most / channels;
  }
  return differing;
}

/**
 * What a drawing cost: in total, and for each of its dimensions, a pixel or in colour one of its levels.
 * @param {Float32Array} nats  [pixels]
 * @param {number} channels
 */
export function costOf(nats, channels) {
  const total = nats.reduce((sum, each) => sum + each, 0);
  return { total, perDimension: total / (nats.length * channels) };
}

/**
 * A share of 1 for each set, if each is as likely beforehand: p(set | drawing) by Bayes' rule. 0 for one without nats.
 * @param {(number | null)[]} nats  -log p(drawing | set)
 */
export function sharesOfSets(nats) {
  const least = Math.min(...nats.map((each) => each ?? Number.POSITIVE_INFINITY));
  const weights = nats.map((each) => (each === null ? 0 : Math.exp(least - each)));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / (sum || 1));
}

/**
 * The sets that hold something of their own: one whose supports are all in another one says nothing beside that.
 * @param {Named[]} sets
 */
export function distinctSets(sets) {
  const isIn = (/** @type {Named} */ a, /** @type {Named} */ b) =>
    a.supports.every((each) => b.supports.includes(each));
  return sets.filter((set, i) => !sets.some((other, j) => i !== j && isIn(set, other) && (j < i || !isIn(other, set))));
}

/**
 * The sets that have nats, as their places, the best first.
 * @param {(number | null)[]} nats
 */
export function bestFirst(nats) {
  const known = nats.flatMap((each, i) => (each === null ? [] : [i]));
  return known.sort((a, b) => Number(nats[a]) - Number(nats[b]));
}

/**
 * Which models are compared at first: the current one, and the one that reads a little less, or else a little more.
 * @param {string[]} models  from the one that reads least
 * @param {string} current
 */
export function firstCompared(models, current) {
  const at = Math.max(0, models.indexOf(current));
  return [models[at], models[at === 0 ? 1 : at - 1]].filter((model) => model !== undefined);
}

/**
 * The models as they are shown: the current one first, for the others are compared with it.
 * @param {string[]} models  in order
 * @param {Set<string>} chosen
 * @param {string} current
 */
export function columnsOf(models, chosen, current) {
  const shown = models.filter((model) => chosen.has(model));
  return [...shown.filter((model) => model === current), ...shown.filter((model) => model !== current)];
}

/**
 * What is otherwise in a recipe that was kept than in the one on the page, in words.
 * @param {Recipe} kept
 * @param {Recipe} now
 * @param {{adapts: boolean, guides: boolean}} model  the one that draws what was kept
 * @param {string} unit  what one support is
 */
export function otherwise(kept, now, { adapts, guides }, unit) {
  const differ = (/** @type {unknown} */ a, /** @type {unknown} */ b) => JSON.stringify(a) !== JSON.stringify(b);
  const supports = (/** @type {Recipe} */ { drawings, photographs }) => [drawings.supports, photographs.photos];
  const shots = (/** @type {Recipe} */ { drawings }) => readOf(drawings.supports, drawings.shots).length;
  const beginning = (/** @type {Recipe} */ { drawings, photographs }) => drawings.beginning ?? photographs.beginning;
  const { settings } = kept;
  const words = [];
  if (differ(supports(kept), supports(now))) words.push(`other ${unit}s`);
  else if (shots(kept) !== shots(now)) words.push(`${shots(kept)} ${unit}${shots(kept) === 1 ? "" : "s"}`);
  if (differ(beginning(kept), beginning(now))) words.push(beginning(kept) ? "its own beginning" : "no beginning");
  if (guides && settings.guidance !== now.settings.guidance) words.push(`faithfulness ${settings.guidance}`);
  if (settings.temperature !== now.settings.temperature) words.push(`temperature ${settings.temperature}`);
  if (adapts && settings.inner_steps !== now.settings.inner_steps) words.push(`${settings.inner_steps} steps`);
  return words;
}

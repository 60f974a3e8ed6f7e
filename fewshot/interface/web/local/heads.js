// What a network's outputs say of a pixel, and which one the noise makes of it: the counterpart of fewshot/models/heads.py
// and fewshot/sampling/pixels.py. Needs no page.
//
// Pictures are of values here: 0 and 1 for paper and ink, or a colour's place in the palette.

import { WeightsError } from "./safetensors.js";

const TOWARD_INK = 0.5; // of guidance, where it makes ink likelier

/** @typedef {import("./kernel.js").Floats} Floats */

/**
 * How pixels are drawn.
 * @typedef {object} Draw
 * @property {number} temperature  that divides the logits
 * @property {number} guidance  how far each logit moves away from the partner's
 * @property {number} cut  below this, chances become 0, and those above 1 - cut become 1
 */

/**
 * @typedef {object} Pixel
 * @property {number} value
 * @property {number} chance  of ink, or of the pixel's own colour
 * @property {number} nats  -log p of it, at a temperature of 1 and without guidance
 * @property {number} alone  the same by the partner
 */

/**
 * @typedef {object} Head
 * @property {number} inputs  channels of a picture, as the first layers see it
 * @property {number} outputs  of the network, for a pixel
 * @property {(value: number) => number} channelOf  which channel a value makes 1; below 0, none
 * @property {(own: Floats, alone: Floats, draw: Draw, noise: number, given: number | undefined) => Pixel} pixel  by the
 *   outputs of a network and of its partner; `given` is its value where it is known
 * @property {(image: Uint8Array) => Uint8Array} read  the values of a picture, [pixels] of 0 and 1 or [pixels, 3]
 * @property {(values: Uint8Array) => Uint8Array} show  the reverse
 */

/**
 * @param {import("./network.js").Config} config
 * @returns {Head} Throws WeightsError.
 */
export function headOf({ channels, palette, own }) {
  if (channels === 1) return BERNOULLI;
  if (!palette.length || own) throw new WeightsError("This network draws in colours that only the server can.");
  return createPalette(palette);
}

/** @type {Head} */
const BERNOULLI = {
  inputs: 1,
  outputs: 1,
  channelOf: (value) => value - 1,
  pixel(own, alone, { temperature, guidance, cut }, noise, given) {
    const move = guidance * (own[0] - alone[0]);
    const logit = own[0] + (move > 0 ? TOWARD_INK * move : move);
    const p = Math.fround(1 / (1 + Math.exp(-logit / temperature)));
    const chance = p < Math.fround(cut) ? 0 : p > Math.fround(1 - cut) ? 1 : p;
    const value = given ?? Number(noise < chance);
    return { value, chance, nats: natsOf(value, own[0]), alone: natsOf(value, alone[0]) };
  },
  read: (image) => image,
  show: (values) => values,
};

/**
 * -log p of a pixel, by the logit of ink.
 * @param {number} ink  0 or 1
 * @param {number} logit
 */
function natsOf(ink, logit) {
  const against = ink ? -logit : logit;
  return Math.max(against, 0) + Math.log1p(Math.exp(-Math.abs(against)));
}

/**
 * @param {string[]} palette
 * @returns {Head}
 */
function createPalette(palette) {
  const colours = palette.map((colour) => [1, 3, 5].map((i) => Number.parseInt(colour.slice(i, i + 2), 16)));
  /** @param {Uint8Array} image  @param {number} at  where a pixel's levels are */
  const nearest = (image, at) => {
    const away = colours.map((colour) => colour.reduce((sum, level, k) => sum + (level - image[at + k]) ** 2, 0));
    return away.indexOf(Math.min(...away));
  };
  return {
    inputs: palette.length,
    outputs: palette.length,
    channelOf: (value) => value,
    pixel(own, alone, { temperature, guidance, cut }, noise, given) {
      const guided = own.map((logit, i) => logit + guidance * (logit - alone[i]));
      let chances = softmax(guided, temperature);
      if (cut) {
        const least = Math.fround(Math.min(cut, Math.max(...chances)));
        const kept = chances.map((chance) => (Math.fround(chance) < least ? 0 : chance));
        const sum = kept.reduce((total, chance) => total + chance, 0);
        chances = kept.map((chance) => chance / sum);
      }
      const value = given ?? picked(chances, noise);
      const [nats, without] = [own, alone].map((logits) => -Math.log(softmax(logits, 1)[value]));
      return { value, chance: chances[value], nats, alone: without };
    },
    read: (image) => Uint8Array.from({ length: image.length / 3 }, (_, i) => nearest(image, 3 * i)),
    show: (values) => Uint8Array.from([...values].flatMap((value) => colours[value])),
  };
}

/**
 * @param {Float32Array} logits
 * @param {number} temperature
 */
function softmax(logits, temperature) {
  const most = Math.max(...logits);
  const shares = Array.from(logits, (logit) => Math.exp((logit - most) / temperature));
  const sum = shares.reduce((total, share) => total + share, 0);
  return shares.map((share) => share / sum);
}

/**
 * The first whose chance, with all before it, is above the noise.
 * @param {number[]} chances
 * @param {number} noise
 */
function picked(chances, noise) {
  const total = chances.reduce((sum, chance) => sum + chance, 0);
  let sum = 0;
  return chances.findIndex((chance) => {
    sum += chance;
    return sum > noise * total;
  });
}

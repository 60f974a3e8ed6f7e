// A model of the browser: its network, and what it draws. Needs no page.

import { createRoom } from "./kernel.js";
import { createNetwork } from "./network.js";
import { uniformNoise } from "./noise.js";
import { parseSafetensors } from "./safetensors.js";
import { drawRows } from "./sampler.js";

/** @typedef {import("./network.js").Network} Network */
/** @typedef {import("./heads.js").Draw} Draw */
/** @typedef {import("./sampler.js").Drawn} Drawn */

/**
 * @param {import("./network.js").Config} config
 * @param {ArrayBuffer} weights  a safetensors file
 * @returns {Network} Throws WeightsError.
 */
export const readNetwork = (config, weights) => createNetwork(config, parseSafetensors(weights));

/**
 * Draws pictures of what the supports show, as FewShotModel.stream does: after each row, what is drawn so far of each.
 * @param {Network} network
 * @param {Network} partner  the one that guidance moves away from, and that the fit is against; may be the same
 * @param {Uint8Array[]} supports  [H, W] each, values as the network's head reads them, like the prefix
 * @param {Draw & {seed: number, samples: number, prefix: Uint8Array, trace: boolean, fits?: boolean}} wish  fits: how
 *   well each fits the supports is asked for
 * @returns {Generator<Drawn[]>}
 */
export function* draw(network, partner, supports, wish) {
  const pixels = network.config.side ** 2;
  const room = createRoom();
  try {
    const memory = network.encode(supports, room);
    const without =
      (wish.guidance || wish.fits) && memory ? { network: partner, memory: partner.encode([], room) } : null;
    const noise = Array.from({ length: wish.samples }, (_, i) => uniformNoise(wish.seed + i, pixels));
    yield* drawRows({ network, memory }, without, wish, noise, wish.prefix, wish.trace, room);
  } finally {
    room.close(); // also if nobody wants the rest
  }
}

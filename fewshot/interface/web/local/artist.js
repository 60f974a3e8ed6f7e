// What the worker does: loads models, and draws what it is asked for, a row at a time. Needs no page.
//
// A message to it is {id, wish}, or {id} to say that no more is wanted of that. Its messages are {id, chunk}, several,
// then {id, time}, the milliseconds since the model was loaded; or {id, error}, with a sentence. Now and then, between
// two rows, it listens.

import { packBits, toBase64 } from "../codec.js";
import { PIXELS } from "../ink.js";
import { draw, readNetwork } from "./model.js";
import { pack } from "./pack.js";
import { WeightsError } from "./safetensors.js";

const DEAF = 30; // milliseconds that it does not listen at most, and a row

/** @typedef {import("./network.js").Network} Network */
/** @typedef {import("../run.js").Chunk} Chunk */

/**
 * What can be known of a model: fewshot/interface/weights.py describes each field.
 * @typedef {Pick<Chunk, "model" | "title" | "can" | "note" | "task" | "height" | "width" | "channels"> & {
 *   config: import("./network.js").Config, guides: boolean, cut: number, partner: string | null
 * }} Description
 */

/** @typedef {{description: Description, network: Network, partner: Network}} Model */

/**
 * A picture; without supports, the model is only loaded.
 * @typedef {object} Wish
 * @property {string} model
 * @property {Uint8Array[] | null} supports  [H, W] each
 * @property {{image: Uint8Array, rows: number} | null} beginning  the first rows of an image [H, W], which are given
 * @property {number} seed
 * @property {number} temperature
 * @property {number} guidance
 * @property {boolean} whole  in one chunk; else a chunk for each row
 */

/** @typedef {{id: number, chunk?: Chunk, time?: number, error?: string}} Answer */

/**
 * Does what is asked for through a port: a worker's own, or one end of a channel.
 * @param {Pick<MessagePort, "postMessage" | "addEventListener">} port
 * @param {(file: string) => Promise<ArrayBuffer>} fetchFile  a file of fewshot/interface/weights.py. Throws WeightsError.
 */
export function serve(port, fetchFile) {
  /** @type {Map<string, Promise<Model>>} */
  const models = new Map();
  /** @type {Set<number>} */
  const wanted = new Set();

  /** @param {string} name  @returns {Promise<Model>} */
  const load = async (name) => {
    const [text, weights] = await Promise.all([fetchFile(`${name}.json`), fetchFile(`${name}.safetensors`)]);
    /** @type {Description} */
    const description = JSON.parse(new TextDecoder().decode(text));
    const network = readNetwork(description.config, weights);
    if (network.config.side ** 2 !== PIXELS) throw new WeightsError("This network draws pictures of another size.");
    const partner = description.partner ? (await find(description.partner)).network : network;
    return { description, network, partner };
  };

  /** @param {string} name */
  const find = (name) => {
    const model = models.get(name) ?? load(name);
    models.set(name, model);
    model.catch(() => models.delete(name)); // so that it is asked for again
    return model;
  };

  /**
   * @param {number} id
   * @param {Wish} wish
   * @returns {Promise<number>} the milliseconds that drawing took
   */
  const fulfil = async (id, wish) => {
    const model = await find(wish.model);
    const begun = performance.now();
    let heard = begun;
    for (const chunk of wish.supports ? chunks(model, { ...wish, supports: wish.supports }) : []) {
      if (!wanted.has(id)) break;
      if (chunk) port.postMessage({ id, chunk }, [/** @type {Uint8Array<ArrayBuffer>} */ (chunk.data).buffer]);
      if (performance.now() - heard < DEAF) continue;
      await listen();
      heard = performance.now();
    }
    return performance.now() - begun;
  };

  port.addEventListener("message", async ({ data: { id, wish } }) => {
    if (!wish) {
      wanted.delete(id);
      return;
    }
    wanted.add(id);
    try {
      port.postMessage({ id, time: await fulfil(id, wish) });
    } catch (error) {
      if (!(error instanceof WeightsError)) console.error(error);
      const sentence = error instanceof WeightsError ? error.message : "The browser could not draw this by itself.";
      port.postMessage({ id, error: sentence });
    }
    wanted.delete(id);
  });
}

/**
 * The chunks of a picture; null where a row is finished that goes with a later one.
 * @param {Model} model
 * @param {Wish & {supports: Uint8Array[]}} wish
 */
function* chunks({ description, network, partner }, { supports, beginning, seed, temperature, whole, ...asked }) {
  const { config: _config, guides, cut: leftOut, partner: _partner, ...ofModel } = description;
  const guidance = guides ? asked.guidance : 0;
  const cut = guidance ? leftOut : 0;
  const heads = network.readers.length * network.config.heads;
  const bits = Uint8Array.from(supports.flatMap((support) => [...support]));
  /** @type {Omit<Chunk, "start" | "rows" | "data">} */
  const facts = {
    id: crypto.randomUUID(),
    ...ofModel,
    seed,
    temperature,
    guidance,
    cut,
    shots: supports.length,
    supports: toBase64(packBits(bits)),
    heads,
    grid: heads ? [network.grid, network.grid] : [0, 0],
    own_grid: [network.ownGrid, network.ownGrid],
    support_nats: null,
    given: beginning?.rows ?? 0,
  };
  const prefix = beginning ? beginning.image.subarray(0, beginning.rows * facts.width) : new Uint8Array();
  const options = { seed, temperature, guidance, cut, samples: 1, prefix, trace: true };
  for (const [drawn] of draw(network, partner, supports, options)) {
    if (!whole) yield pack(facts, drawn, drawn.rows - 1);
    else yield drawn.rows === facts.height ? pack(facts, drawn, 0) : null;
  }
}

/** Lets messages in: those that came are handled when it resolves. */
function listen() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve(null);
    };
    port2.postMessage(null);
  });
}

// What the worker does: loads models, and draws what it is asked for, a row at a time. Needs no page.
//
// A message to it is {id, wish}, or {id} to say that no more is wanted of that, or {spare} with the memory of a chunk's
// data, which the next of its size takes. Its messages are {id, chunk}, several, then {id, time}, the milliseconds since
// the model was loaded; or {id, error}, with a sentence. Now and then, between two rows, it listens.

import { newId, packImages, toBase64 } from "../codec.js";
import { draw, readNetwork } from "./model.js";
import { pack } from "./pack.js";
import { WeightsError } from "./safetensors.js";

const DEAF = 30; // milliseconds that it does not listen at most, and a row

/** @typedef {import("./network.js").Network} Network */
/** @typedef {import("../run.js").Chunk} Chunk */

/**
 * What can be known of a model: fewshot/interface/weights.py describes each field.
 * @typedef {Pick<Chunk, "model" | "title" | "can" | "note" | "task" | "height" | "width" | "channels" | "colours"> & {
 *   config: import("./network.js").Config, guides: boolean, cut: number, partner: string | null
 * }} Description
 */

/** @typedef {{description: Description, network: Network, partner: Network}} Model */

/**
 * A picture, or several without a trace; without supports, the model is only loaded.
 * @typedef {object} Wish
 * @property {string} model
 * @property {Uint8Array[] | null} supports  each of 0 and 1 [H, W], or in colour [H, W, 3]
 * @property {{image: Uint8Array, rows: number} | null} beginning  the first rows of such an image, which are given
 * @property {number} seed
 * @property {number} temperature
 * @property {number} guidance
 * @property {boolean} whole  in one chunk; else a chunk for each row
 * @property {number | null} samples  of the seed and the next ones; null for one picture, with its trace
 */

/** @typedef {{id: number, chunk?: Chunk | VariationsChunk, time?: number, error?: string}} Answer */
/** @typedef {import("../engine.js").VariationsChunk} VariationsChunk */

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
  /** @type {ArrayBuffer[]} */
  const spares = []; // of one size

  /** @param {string} name  @returns {Promise<Model>} */
  const load = async (name) => {
    const [text, weights] = await Promise.all([fetchFile(`${name}.json`), fetchFile(`${name}.safetensors`)]);
    /** @type {Description} */
    const description = JSON.parse(new TextDecoder().decode(text));
    const network = readNetwork(description.config, weights);
    if (network.config.side !== description.width)
      throw new WeightsError("This network draws pictures of another size.");
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
    for (const chunk of wish.supports ? answersOf(model, { ...wish, supports: wish.supports }, spares) : []) {
      if (!wanted.has(id)) break;
      const given = chunk && "data" in chunk ? [/** @type {Uint8Array<ArrayBuffer>} */ (chunk.data).buffer] : [];
      if (chunk) port.postMessage({ id, chunk }, given);
      if (performance.now() - heard < DEAF) continue;
      await listen();
      heard = performance.now();
    }
    return performance.now() - begun;
  };

  port.addEventListener("message", async ({ data: { id, wish, spare } }) => {
    if (spare) {
      if (spares[0]?.byteLength !== spare.byteLength) spares.length = 0;
      spares.push(spare);
      return;
    }
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

/** @typedef {Wish & {supports: Uint8Array[]}} WishToDraw */

/**
 * The chunks of what is wished for; null where a row is finished that goes with a later one.
 * @param {Model} model
 * @param {WishToDraw} wish
 * @param {ArrayBuffer[]} spares  memory for chunks
 * @returns {Iterable<Chunk | VariationsChunk | null>}
 */
const answersOf = (model, wish, spares) =>
  wish.samples === null ? chunks(model, wish, spares) : variations(model, wish, wish.samples);

/**
 * How a model draws what is wished for.
 * @param {Model} model
 * @param {WishToDraw} wish
 */
function drawOf({ description, network }, { beginning, seed, temperature, guidance }) {
  const { guides, cut, width } = description;
  const values = beginning ? network.head.read(beginning.image) : new Uint8Array();
  const prefix = values.subarray(0, (beginning?.rows ?? 0) * width);
  const guided = guides && guidance > 0;
  return { seed, temperature, guidance: guided ? guidance : 0, cut: guided ? cut : 0, prefix };
}

/**
 * Many pictures: their rows after 1, 2, 4, 8, ... and all, as the server gives them, and then how well each fits.
 * @param {Model} model
 * @param {WishToDraw} wish
 * @param {number} samples
 * @returns {Generator<VariationsChunk | null>}
 */
function* variations(model, wish, samples) {
  const { description, network, partner } = model;
  const { title, guides, width, height, channels } = description;
  const { beginning, seed } = wish;
  const { read, show } = network.head;
  const options = { ...drawOf(model, wish), samples, trace: false, fits: guides };
  let sent = 0;
  for (const all of draw(network, partner, wish.supports.map(read), options)) {
    const { rows } = all[0];
    const isLast = rows === height;
    if (rows < 2 * sent && !isLast) {
      yield null;
      continue;
    }
    const values = Uint8Array.from(all.flatMap(({ image }) => [...image.subarray(sent * width, rows * width)]));
    const chunk = { title, seed, width, channels, given: beginning?.rows ?? 0, number: samples, rows };
    yield { ...chunk, start: sent, pixels: packImages(show(values), channels), fits: null };
    sent = rows;
    if (isLast && guides) yield { ...chunk, start: rows, pixels: "", fits: all.map(({ fit }) => fit) };
  }
}

/**
 * The chunks of one picture. That of a given drawing, whose rows are all there before, says what each pixel cost.
 * @param {Model} model
 * @param {WishToDraw} wish
 * @param {ArrayBuffer[]} spares
 */
function* chunks(model, wish, spares) {
  const { description, network, partner } = model;
  const { config: _config, guides: _guides, cut: _cut, partner: _partner, ...ofModel } = description;
  const { supports, beginning, whole } = wish;
  const { read, show } = network.head;
  const { prefix, ...how } = drawOf(model, wish);
  const heads = network.readers.length * network.config.heads;
  const images = Uint8Array.from(supports.flatMap((support) => [...support]));
  /** @type {Omit<Chunk, "start" | "rows" | "data">} */
  const facts = {
    id: newId(),
    ...ofModel,
    ...how,
    shots: supports.length,
    supports: packImages(images, ofModel.channels),
    heads,
    grid: heads ? [network.grid, network.grid] : [0, 0],
    own_grid: [network.ownGrid, network.ownGrid],
    support_nats: null,
    given: beginning?.rows ?? 0,
  };
  for (const [drawn] of draw(network, partner, supports.map(read), { ...how, prefix, samples: 1, trace: true })) {
    const isLast = drawn.rows === facts.height;
    if (facts.given === facts.height && isLast) facts.nats = toBase64(new Uint8Array(drawn.nats.buffer));
    if (!whole) yield pack(facts, drawn, drawn.rows - 1, show, spares);
    else yield isLast ? pack(facts, drawn, 0, show, spares) : null;
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

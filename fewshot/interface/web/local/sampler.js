// Exact incremental sampling: the vertical stack once a row, everything else once a pixel. The counterpart of
// fewshot/sampling/incremental.py, to be read side by side with it. Needs no page.
//
// The state is the previous rows of each layer's vertical input and the previous columns of each horizontal input. The
// same noise gives the same picture as in Python; probabilities differ by rounding.

import { add, addProducts, gate, part, relu, softmax } from "./kernel.js";
import { COLUMNS, COLUMNS_BESIDE, ROWS_ABOVE } from "./network.js";

/** @typedef {import("./heads.js").Draw} Draw */
/** @typedef {import("./kernel.js").Floats} Floats */
/** @typedef {import("./kernel.js").Room} Room */
/** @typedef {import("./network.js").Network} Network */
/** @typedef {import("./network.js").Reader} Reader */
/** @typedef {import("./encoder.js").Memory} Memory */
/** @typedef {import("./encoder.js").Patches} Patches */

/** @typedef {{network: Network, memory: Memory | null}} Source  a network, and what it remembers of the supports */

/**
 * What is drawn so far; the rest is zeros. Heads are those of all readers, in order.
 * @typedef {object} Drawn
 * @property {Uint8Array} image  [H, W], values
 * @property {Float32Array} chance  [H, W], of ink, or of the pixel's own colour
 * @property {Float32Array} attention  [H*W, heads, places of all supports]; empty without trace
 * @property {Float32Array} own  [H*W, heads, patches of the drawing itself]; empty without trace, and where it is not read
 * @property {Float32Array} nats  [H, W], -log p of each pixel, at a temperature of 1 and without guidance
 * @property {number} fit  log p(x | s) - log p(x) of all pixels, in nats, if there is a partner; else 0
 * @property {number} rows  finished rows, of H
 */

/**
 * Draws one picture a row at a time, and gives what is drawn so far after each; its arrays are the same ones.
 * @param {Source} source
 * @param {Source | null} partner  what guidance moves away from; may be null without guidance, and then there is no fit
 * @param {Draw} draw
 * @param {Float32Array} noise  [H, W], a uniform number for every pixel
 * @param {Uint8Array} prefix  [R, W], the values of the first rows, which are given
 * @param {boolean} trace  whether attention is kept
 * @param {Room} room  for what it takes
 * @returns {Generator<Drawn>}
 */
export function* drawRows(source, partner, draw, noise, prefix, trace, room) {
  const { config, head } = source.network;
  const { side } = config;
  const image = new Uint8Array(side * side);
  const chance = new Float32Array(side * side);
  const nats = new Float32Array(side * side);
  let fit = 0;
  const state = createState(source, image, room);
  const without = partner && createState(partner, image, room);
  const { heads, places, ownPlaces } = state;
  const attention = new Float32Array(trace ? side * side * heads * places : 0);
  const ofItself = new Float32Array(trace ? side * side * heads * ownPlaces : 0);
  for (let r = 0; r < side; r++) {
    state.startRow(r);
    without?.startRow(r);
    for (let c = 0; c < side; c++) {
      const i = r * side + c;
      const own = state.pixel(r, c);
      const alone = without ? without.pixel(r, c) : own;
      const pixel = head.pixel(own, alone, draw, noise[i], prefix[i]);
      image[i] = pixel.value;
      chance[i] = pixel.chance;
      nats[i] = pixel.nats;
      fit += pixel.alone - pixel.nats;
      state.finish(r, c);
      without?.finish(r, c);
      if (trace) state.keep(attention, ofItself, i);
    }
    yield { image, chance, attention, own: ofItself, nats, fit, rows: r + 1 };
  }
}

/**
 * The caches of one picture by one network.
 * @param {Source} source
 * @param {Uint8Array} image  the picture's values, which grow
 * @param {Room} room
 */
function createState({ network, memory }, image, room) {
  const { config, head, layers, furthest, context, copied } = network;
  const { side, maps, penultimate: skips } = config;
  const both = 2 * maps;
  const columns = side + 2 * furthest;
  // The last rows of each layer's vertical input [W, C], row r at r modulo their number, between columns of zeros.
  const above = layers.map(() => Array.from({ length: furthest + 1 }, () => room.floats(columns * maps)));
  const windows = room.floats(side * 6 * maps); // of these, what each position's kernel sees
  const v = room.floats(side * maps);
  const a = room.floats(side * both);
  const gatedRow = room.floats(side * maps);
  const read = room.floats(side * context); // in the row above, by all readers so far
  // The horizontal pre-activations of the row, [W, layers, 2C]: first what the vertical stack and the biases give to them.
  const row = room.floats(side * layers.length * both);
  const pixels = Array.from({ length: side }, (_, c) =>
    part(row, c * layers.length * both, (c + 1) * layers.length * both),
  );
  const preActivations = pixels.map((pixel) => layers.map((_, i) => part(pixel, i * both, (i + 1) * both)));
  // Each layer's horizontal input at all pixels of the row, after columns of zeros, [columns, layers, C].
  const past = room.floats((furthest + side) * layers.length * maps);
  const pair = room.floats(both); // a layer's horizontal input, to the left and here
  const gated = room.floats(maps);
  const sum = room.floats(maps + skips); // the horizontal stack, and the skips below
  const here = part(sum, 0, maps);
  const seen = room.floats(skips);
  const features = room.floats(skips + copied); // what the head sees: the hidden layer, and the colours that were read
  const hidden = part(features, 0, skips);
  const patch = room.floats(config.stride ** 2); // of the drawing, the last that is done
  const logits = room.floats(head.outputs);
  const reads = network.readers.map((reader, i) =>
    createRead(network, reader, /** @type {Memory} */ (memory).patches[i], here, room),
  );
  const readAt = new Map(reads.map((each) => [each.layer, each]));
  // The vector is the same for all pixels: it adds to the biases.
  const biases = room.floats(row.length); // as row
  const gates = layers.map((layer, i) => {
    const horizontal = room.copy(layer.horizontalBias);
    const vertical = room.floats(both);
    if (memory && layer.horizontalContext) {
      addProducts(horizontal, layer.horizontalContext, memory.vector, both, context);
    }
    if (memory && layer.verticalContext) addProducts(vertical, layer.verticalContext, memory.vector, both, context);
    for (let c = 0; c < side; c++) biases.set(horizontal, (c * layers.length + i) * both);
    return vertical;
  });

  return {
    heads: reads.length * config.heads,
    places: reads.length ? reads[0].places : 0,
    ownPlaces: network.ownGrid ** 2,

    /** The vertical stack's row r, from the rows above. @param {number} r */
    startRow(r) {
      v.set(network.above.empty.subarray(r * side * maps, (r + 1) * side * maps));
      for (let y = Math.max(0, r - ROWS_ABOVE); y < r; y++) {
        for (let x = 0; x < side; x++) {
          const channel = head.channelOf(image[y * side + x]);
          if (channel >= 0) addPixel(v, network.above.added, head.inputs, channel, y - r + ROWS_ABOVE, x, side, maps);
        }
      }
      read.fill(0);
      row.set(biases);
      layers.forEach((layer, i) => {
        const reader = readAt.get(i);
        if (reader && config.reads_above) add(read, reader.row);
        above[i][r % (furthest + 1)].set(v, furthest * maps);
        const rows = [r - layer.dilation + furthest + 1, r].map((at) => above[i][at % (furthest + 1)]);
        gather(windows, rows, layer.dilation, side, furthest, maps);
        for (let c = 0; c < side; c++) a.set(layer.verticalBias, c * both);
        addProducts(a, layer.vertical, windows, both, 6 * maps, side);
        addProducts(preActivations[0][i], layer.link, a, both, both, side, layers.length * both);
        if (i === layers.length - 1) return; // nothing reads what the last one would give
        if (layer.verticalContext) {
          add(a, gates[i], side);
          if (config.reads_above && reads.length) addProducts(a, layer.verticalContext, read, both, context, side);
        }
        gate(gatedRow, a, maps, side);
        add(v, gatedRow);
      });
    },

    /** The horizontal stack, and what is read, at (r, c): the outputs. @param {number} r  @param {number} c */
    pixel(r, c) {
      const preActivation = preActivations[c];
      sum.fill(0);
      const place = (r * side + c) * maps;
      here.set(network.beside.empty.subarray(place, place + maps));
      for (let tap = Math.max(0, COLUMNS_BESIDE - c); tap < COLUMNS_BESIDE; tap++) {
        const channel = head.channelOf(image[r * side + c - COLUMNS_BESIDE + tap]);
        const from = (tap * head.inputs + channel) * maps;
        if (channel >= 0) add(here, part(network.beside.added, from, from + maps));
      }
      for (let i = 0; i < layers.length; i++) {
        const layer = layers[i];
        readAt.get(i)?.at(r, c, pixels[c]);
        const left = ((furthest + c - layer.dilation) * layers.length + i) * maps;
        past.set(here, ((furthest + c) * layers.length + i) * maps);
        pair.set(past.subarray(left, left + maps));
        pair.set(here, maps);
        addProducts(preActivation[i], layer.horizontal, pair, both, both);
        gate(gated, preActivation[i], maps);
        add(sum, layer.outBias);
        addProducts(sum, layer.out, gated, maps + skips, maps);
      }
      seen.set(sum.subarray(maps));
      relu(seen);
      hidden.set(network.penultimateBias);
      addProducts(hidden, network.penultimate, seen, skips, skips);
      relu(hidden);
      if (copied) features.set(reads[0].colours, skips);
      logits.set(network.logitBias);
      addProducts(logits, network.logit, features, head.outputs, features.length);
      return logits;
    },

    /** The pixel (r, c) is drawn: what its patch gives to read. @param {number} r  @param {number} c */
    finish(r, c) {
      const { stride } = config;
      if (!network.ownGrid || (r + 1) % stride || (c + 1) % stride) return;
      patch.forEach((_, i) => {
        const [row, column] = [r + 1 - stride + Math.floor(i / stride), c + 1 - stride + (i % stride)];
        patch[i] = image[row * side + column];
      });
      const at = (furthest + c) * layers.length * maps;
      for (const each of reads) {
        const from = at + each.layer * maps;
        each.append(
          Math.floor(r / stride) * network.ownGrid + Math.floor(c / stride),
          part(past, from, from + maps),
          patch,
        );
      }
    },

    /**
     * Copies the attention of the last pixel, which is the i-th.
     * @param {Float32Array} attention
     * @param {Float32Array} own
     * @param {number} i
     */
    keep(attention, own, i) {
      reads.forEach((each, k) => {
        for (let head = 0; head < config.heads; head++) {
          const at = (i * reads.length + k) * config.heads + head;
          attention.set(each.ofSupports(head), at * each.places);
          own.set(each.ofOwn(head), at * network.ownGrid ** 2);
        }
      });
    },
  };
}

/**
 * Adds to the row v [W, C] below it what the input layer makes of a pixel.
 * @param {Floats} v
 * @param {Floats} added  [rows, columns, inputs, C]
 * @param {number} inputs
 * @param {number} channel  of the pixel
 * @param {number} tapRow  in which the pixel is seen
 * @param {number} x  its column
 * @param {number} side
 * @param {number} maps
 */
function addPixel(v, added, inputs, channel, tapRow, x, side, maps) {
  for (let tap = 0; tap < COLUMNS; tap++) {
    const c = x + COLUMNS_BESIDE - tap;
    if (c < 0 || c >= side) continue;
    const from = ((tapRow * COLUMNS + tap) * inputs + channel) * maps;
    add(part(v, c * maps, (c + 1) * maps), part(added, from, from + maps));
  }
}

/**
 * What each position's kernel sees, [W, rows, 3, C], of rows [furthest + W + furthest, C].
 * @param {Floats} windows
 * @param {Floats[]} rows
 * @param {number} dilation
 * @param {number} side
 * @param {number} furthest
 * @param {number} maps
 */
function gather(windows, rows, dilation, side, furthest, maps) {
  let at = 0;
  for (let c = 0; c < side; c++) {
    for (const row of rows) {
      for (let column = furthest + c - dilation; column <= furthest + c + dilation; column += dilation) {
        for (let k = 0; k < maps; k++) windows[at + k] = row[column * maps + k];
        at += maps;
      }
    }
  }
}

/**
 * What one reader sees and gives for one picture: the supports, and the drawing so far.
 * @param {Network} network
 * @param {Reader} reader
 * @param {Patches} patches
 * @param {Floats} h  [C], the horizontal stack at the pixel
 * @param {Room} room
 */
function createRead({ config, ownGrid, context, copied }, reader, { places, keys, values, colours }, h, room) {
  const { side, maps, heads, key_size: keySize } = config;
  const size = heads * keySize;
  const inputs = copied / heads;
  const both = 2 * maps;
  const ownPlaces = ownGrid ** 2;
  const query = room.floats(size);
  const read = room.floats(context); // the heads' values, then their colours
  const row = room.floats(side * context); // what was read, of all pixels of the last row
  const made = room.floats(2 * size);
  let seen = 0; // patches of the drawing that are done
  const eachHead = Array.from({ length: heads }, (_, head) => {
    const alpha = room.floats(places + ownPlaces);
    const of = (/** @type {Floats} */ all) => part(all, (head * all.length) / heads, ((head + 1) * all.length) / heads);
    return {
      query: of(query),
      read: of(part(read, 0, size)),
      colours: of(part(read, size)),
      keys: of(keys), // [places, key_size]
      values: of(values), // [key_size, places]
      ownKeys: room.floats(ownPlaces * keySize),
      ownValues: room.floats(keySize * ownPlaces),
      alpha,
      ofSupports: part(alpha, 0, places),
      ofOwn: part(alpha, places),
    };
  });
  return {
    layer: reader.layer,
    row,
    colours: part(read, size),
    places: places - 1,
    /** Its attention at the last pixel, without the null key's. @param {number} head */
    ofSupports: (head) => eachHead[head].ofSupports.subarray(1),
    /** @param {number} head */
    ofOwn: (head) => eachHead[head].ofOwn,

    /**
     * Reads at (r, c), for all later pre-activations.
     * @param {number} r
     * @param {number} c
     * @param {Floats} pixel  these, [layers, 2C]
     */
    at(r, c, pixel) {
      const place = (r * side + c) * size;
      query.set(reader.queryOfPosition.subarray(place, place + size));
      addProducts(query, reader.query, h, size, maps);
      read.fill(0);
      for (const head of eachHead) {
        head.alpha.fill(0);
        addProducts(head.ofSupports, head.keys, head.query, places, keySize);
        addProducts(head.ofOwn, head.ownKeys, head.query, seen, keySize);
        softmax(head.alpha, places + seen);
        addProducts(head.read, head.values, head.ofSupports, keySize, places);
        if (colours) addProducts(head.colours, colours, head.ofSupports, inputs, places);
        if (seen) addProducts(head.read, head.ownValues, head.ofOwn, keySize, ownPlaces);
      }
      row.set(read, c * context);
      const later = part(pixel, reader.layer * both);
      addProducts(later, reader.context, read, later.length, context);
    },

    /**
     * The patch of the drawing at a place is done: from now on it can be read.
     * @param {number} place
     * @param {Floats} features  [C], at its last pixel
     * @param {Floats} patch  its pixels
     */
    append(place, features, patch) {
      const { own } = reader;
      if (!own) return;
      made.set(own.ofPosition.subarray(place * 2 * size, (place + 1) * 2 * size));
      addProducts(made, own.features, features, 2 * size, maps);
      addProducts(made, own.pixels, patch, 2 * size, patch.length);
      eachHead.forEach((head, k) => {
        for (let i = 0; i < keySize; i++) {
          head.ownKeys[seen * keySize + i] = made[k * keySize + i];
          head.ownValues[i * ownPlaces + seen] = made[size + k * keySize + i];
        }
      });
      seen += 1;
    },
  };
}

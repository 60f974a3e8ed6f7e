// What a network remembers of the supports: the counterpart of `encode` in fewshot/models/. Needs no page.

import { add, addProducts, createRoom, part, relu } from "./kernel.js";
import { fourierPositions, linspace } from "./positions.js";

/** @typedef {import("./kernel.js").Floats} Floats */
/** @typedef {import("./kernel.js").Room} Room */
/** @typedef {import("./network.js").Config} Config */
/** @typedef {import("./network.js").Shelf} Shelf */

/**
 * Keys and values of one reader, of nothing (the null key) and then of all patches of all supports.
 * @typedef {object} Patches
 * @property {number} places  with the null key
 * @property {Floats} keys  [heads, places, key_size]
 * @property {Floats} values  [heads, key_size, places]
 * @property {Floats | null} colours  [inputs, places] of each patch, if the network copies
 */

/** @typedef {{vector: Floats, patches: Patches[]}} Memory  vector [D]; patches of each reader */

const POOLED = 4; // places to a side that the vector is made of
const KEPT = 16; // encoded supports: while somebody draws, most are the same as for the picture before

/**
 * The function from supports to what is remembered of them, which lies in a room that is given to it.
 * @param {Config} config
 * @param {import("./heads.js").Head} head
 * @param {Shelf} weights
 * @param {Room} room  for the weights
 * @param {number} context  length of the vector
 * @param {number} copied  of it, how many at its end are zeros
 * @param {boolean} attends
 * @returns {(supports: Uint8Array[], room: Room) => Memory}
 */
export function createEncoder(config, { inputs, channelOf }, weights, room, context, copied, attends) {
  const { side, stride, encoder_maps: maps } = config;
  /**
   * @param {string} name
   * @param {number} from  maps
   * @param {number} out
   * @param {number} [step]
   */
  const convolution = (name, from, out, step = 1) => {
    const matrix = room.copy(weights.matrix(`${name}.weight`, out, from, 3, 3));
    const bias = weights.take(`${name}.bias`, out);
    return (/** @type {Floats} */ x, /** @type {Room} */ work) => convolved(x, matrix, bias, from, step, work);
  };
  const half = Math.floor(maps / 2);
  const first = convolution("encoder.0", inputs + 2, half);
  const second = convolution("encoder.2", half, maps, stride);
  const blocks = [3, 4, 5].map((i) =>
    ["first", "second"].map((which) => convolution(`encoder.${i}.${which}`, maps, maps)),
  );
  const shrink = [0, 2].map((i) => convolution(`shrink.${i}`, maps, maps, 2));
  const length = context - copied;
  const toVector = room.copy(vectorMatrix(weights.take("to_vector.weight", length, maps * POOLED ** 2), maps));
  const vectorBias = weights.take("to_vector.bias", length);
  const readers = attends
    ? config.attend_after.map((_, i) => createReader(config, inputs, weights, room, `readers.${i}`))
    : [];
  const xy = linspace(side);

  /** @typedef {{patches: Float32Array, colours: Float32Array, vector: Float32Array}} Encoded  a support's, [H', W', ...] */
  /** @type {Map<string, Encoded>} */
  const kept = new Map();
  /** @param {Uint8Array} support  [H, W], values */
  const encodedOnce = (support) => {
    const key = support.join("");
    const one = kept.get(key) ?? encoded(support);
    kept.delete(key);
    kept.set(key, one); // the last to go
    for (const oldest of kept.keys()) {
      if (kept.size <= KEPT) break;
      kept.delete(oldest);
    }
    return one;
  };

  /** @param {Uint8Array} support  [H, W], values  @returns {Encoded} */
  const encoded = (support) => {
    const work = createRoom();
    const located = work.floats((inputs + 2) * support.length);
    support.forEach((value, i) => {
      const at = (inputs + 2) * i;
      if (channelOf(value) >= 0) located[at + channelOf(value)] = 1;
      located.set([xy[i % side], xy[Math.floor(i / side)]], at + inputs);
    });
    const colours = copied ? averaged(located, inputs + 2, Math.ceil(side / stride)) : new Float32Array();
    let x = first(located, work);
    relu(x);
    x = second(x, work);
    for (const [one, two] of blocks) {
      const y = work.copy(x);
      relu(y);
      const inner = one(y, work);
      relu(inner);
      add(x, two(inner, work));
    }
    relu(x);
    const small = shrink[0](x, work);
    relu(small);
    const pooled = work.copy(averaged(shrink[1](small, work), maps, POOLED));
    relu(pooled);
    const vector = work.copy(vectorBias);
    addProducts(vector, toVector, pooled, length, pooled.length);
    const patches = x.slice();
    work.close();
    return { patches, colours, vector: vector.slice() };
  };

  return (supports, memory) => {
    const all = supports.map(encodedOnce);
    const vector = memory.floats(context);
    for (const one of all)
      one.vector.forEach((number, i) => {
        vector[i] += number / all.length;
      });
    return {
      vector,
      patches: readers.map((reader) => reader(all, memory)),
    };
  };
}

/**
 * A 3x3 convolution of a square x [H, W, inputs], with zeros around it: [H', W', out].
 * @param {Floats} x
 * @param {Floats} matrix  [out, 9 inputs]
 * @param {Float32Array} bias
 * @param {number} inputs
 * @param {number} step
 * @param {Room} work
 */
function convolved(x, matrix, bias, inputs, step, work) {
  const side = Math.sqrt(x.length / inputs);
  const outSide = Math.floor((side - 1) / step) + 1;
  const out = work.floats(outSide * outSide * bias.length);
  const windows = work.floats(outSide * 9 * inputs);
  for (let r = 0; r < outSide; r++) {
    windows.fill(0);
    for (let c = 0; c < outSide; c++) {
      for (let tap = 0; tap < 9; tap++) {
        const y = r * step - 1 + Math.floor(tap / 3);
        const at = c * step - 1 + (tap % 3);
        if (y < 0 || y >= side || at < 0 || at >= side) continue;
        const from = (y * side + at) * inputs;
        windows.set(x.subarray(from, from + inputs), (c * 9 + tap) * inputs);
      }
    }
    const row = part(out, r * outSide * bias.length, (r + 1) * outSide * bias.length);
    for (let c = 0; c < outSide; c++) row.set(bias, c * bias.length);
    addProducts(row, matrix, windows, bias.length, 9 * inputs, outSide);
  }
  return out;
}

/**
 * The means of the parts, `parts` to a side and nearly alike, of a square x [H, W, maps]: [parts, parts, maps].
 * @param {Float32Array} x
 * @param {number} maps
 * @param {number} parts
 */
function averaged(x, maps, parts) {
  const side = Math.sqrt(x.length / maps);
  const out = new Float32Array(parts * parts * maps);
  const from = (/** @type {number} */ i) => Math.floor((i * side) / parts);
  const to = (/** @type {number} */ i) => Math.ceil(((i + 1) * side) / parts);
  for (let part = 0; part < parts * parts; part++) {
    const [row, column] = [Math.floor(part / parts), part % parts];
    const size = (to(row) - from(row)) * (to(column) - from(column));
    for (let r = from(row); r < to(row); r++) {
      for (let c = from(column); c < to(column); c++) {
        for (let k = 0; k < maps; k++) out[part * maps + k] += x[(r * side + c) * maps + k] / size;
      }
    }
  }
  return out;
}

/**
 * The vector's weight [D, maps, places] as [D, places, maps].
 * @param {Float32Array} weight
 * @param {number} maps
 */
function vectorMatrix(weight, maps) {
  const places = POOLED ** 2;
  const inputs = maps * places;
  const matrix = new Float32Array(weight.length);
  for (let at = 0; at < matrix.length; at++) {
    matrix[at] = weight[at - (at % inputs) + (at % maps) * places + Math.floor((at % inputs) / maps)];
  }
  return matrix;
}

/**
 * The function from encoded supports to one reader's keys and values.
 * @param {Config} config
 * @param {number} inputs
 * @param {Shelf} weights
 * @param {Room} room
 * @param {string} name
 * @returns {(supports: {patches: Float32Array, colours: Float32Array}[], memory: Room) => Patches}
 */
function createReader(config, inputs, weights, room, name) {
  const { side, stride, octaves, heads, key_size: keySize, encoder_maps: maps } = config;
  const size = heads * keySize;
  const grid = Math.ceil(side / stride);
  const positions = fourierPositions(grid, octaves);
  const ofPosition = positions.length / grid ** 2;
  const [key, value] = ["key", "value"].map((what) => ({
    matrix: room.copy(weights.matrix(`${name}.${what}.weight`, size, maps + ofPosition)),
    bias: weights.take(`${name}.${what}.bias`, size),
    ofNothing: weights.take(`${name}.null_${what}`, heads, 1, keySize),
  }));
  return (supports, memory) => {
    const work = createRoom();
    const places = 1 + supports.length * grid ** 2;
    const located = work.floats((places - 1) * (maps + ofPosition));
    supports.forEach(({ patches: x }, s) => {
      for (let i = 0; i < grid ** 2; i++) {
        const at = (s * grid ** 2 + i) * (maps + ofPosition);
        located.set(x.subarray(i * maps, (i + 1) * maps), at);
        located.set(positions.subarray(i * ofPosition, (i + 1) * ofPosition), at + maps);
      }
    });
    /** All places as [places, heads, key_size]. @param {typeof key} projection */
    const projected = ({ matrix, bias, ofNothing }) => {
      const out = work.floats(places * size);
      out.set(ofNothing);
      for (let place = 1; place < places; place++) out.set(bias, place * size);
      addProducts(part(out, size), matrix, located, size, maps + ofPosition, places - 1);
      return out;
    };
    const [keys, values] = [memory.floats(heads * places * keySize), memory.floats(heads * places * keySize)];
    const [ofKeys, ofValues] = [projected(key), projected(value)];
    for (let head = 0; head < heads; head++) {
      for (let place = 0; place < places; place++) {
        for (let i = 0; i < keySize; i++) {
          const at = place * size + head * keySize + i;
          keys[(head * places + place) * keySize + i] = ofKeys[at];
          values[(head * keySize + i) * places + place] = ofValues[at];
        }
      }
    }
    work.close();
    const colours = config.copies ? memory.floats(inputs * places) : null;
    supports.forEach(({ colours: own }, s) => {
      for (let i = 0; colours && i < grid ** 2; i++) {
        const place = 1 + s * grid ** 2 + i; // nothing has no colour
        for (let k = 0; k < inputs; k++) colours[k * places + place] = own[i * (inputs + 2) + k];
      }
    });
    return { places, keys, values, colours };
  };
}

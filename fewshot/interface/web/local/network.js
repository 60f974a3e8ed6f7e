// A network's weights as the sampler takes them: matrices [outputs, inputs], with the features of a place side by side.
// The counterpart of the weights in fewshot/sampling/incremental.py and of fewshot/models/. Needs no page.
//
// What a network reads is seen from the weights that it has: with "to_vector" one vector of the supports, with "readers"
// places in them, too.

import { createEncoder } from "./encoder.js";
import { headOf } from "./heads.js";
import { addProducts, createRoom } from "./kernel.js";
import { fourierPositions, linspace } from "./positions.js";
import { WeightsError } from "./safetensors.js";

/** @typedef {import("./kernel.js").Floats} Floats */
/** @typedef {import("./kernel.js").Room} Room */
/** @typedef {import("./safetensors.js").Tensor} Tensor */

export const ROWS_ABOVE = 3; // that the input layer's vertical kernel sees
export const COLUMNS_BESIDE = 3; // to each side (vertical) or to the left (horizontal) that it sees
export const COLUMNS = 2 * COLUMNS_BESIDE + 1;

/**
 * Sizes of a network: fewshot.models.ModelConfig, all that is used of it.
 * @typedef {object} Config
 * @property {number} channels
 * @property {string[]} palette
 * @property {number} layers
 * @property {number} maps
 * @property {number} penultimate
 * @property {number} encoder_maps
 * @property {number} stride
 * @property {number} vector
 * @property {number} dilation_cycle
 * @property {number[]} attend_after
 * @property {number} heads
 * @property {number} key_size
 * @property {number} octaves
 * @property {boolean} own
 * @property {boolean} reads_above
 * @property {boolean} drops_supports
 * @property {boolean} copies
 * @property {number} side
 */

/**
 * A gated layer, of C maps. Biases that nothing separates are added up.
 * @typedef {object} Layer
 * @property {number} dilation
 * @property {Floats} vertical  [2C, 6C], of the rows r - d and r, columns c - d, c and c + d
 * @property {Float32Array} verticalBias  [2C]
 * @property {Floats} link  [2C, 2C], from the vertical pre-activation
 * @property {Floats} left  [2C, C], of the horizontal input at the column c - d
 * @property {Floats} here  [2C, C], and at c
 * @property {Float32Array} horizontalBias  [2C], with the link's
 * @property {Floats} out  [C + skips, C]
 * @property {Floats} outBias  [C + skips]
 * @property {Floats | null} verticalContext  [2C, D]
 * @property {Floats | null} horizontalContext  [2C, D]
 */

/**
 * A reader, with the scale 1 / sqrt(key_size) in its query. Size is heads * key_size.
 * @typedef {object} Reader
 * @property {number} layer  that it reads before
 * @property {Floats} query  [size, C]
 * @property {Float32Array} queryOfPosition  [H, W, size], with the bias
 * @property {{features: Floats, pixels: Floats, ofPosition: Float32Array} | null} own  keys, then values, of a patch of the
 *   drawing itself: [2 size, C], [2 size, stride^2], and, with the biases, [H', W', 2 size]
 */

/** @typedef {ReturnType<typeof createNetwork>} Network */

/**
 * @param {Config} config
 * @param {Map<string, Tensor>} tensors
 */
export function createNetwork(config, tensors) {
  const weights = createShelf(tensors);
  const room = createRoom(); // stays open: a page keeps the networks that it has loaded
  const { penultimate, side, heads, key_size: keySize } = config;
  const attends = weights.has("readers.0.key.weight");
  const reads = weights.has("to_vector.weight");
  const head = headOf(config);
  if (weights.has("log_step_sizes")) throw new WeightsError("This network practises first, which only the server can.");
  const copied = attends && config.copies ? heads * head.inputs : 0; // colours as they were read, the last of the context
  const context = attends ? heads * keySize + copied : reads ? config.vector : 0;
  const layers = Array.from({ length: config.layers }, (_, i) => layerOf(config, weights, room, i, context));
  const network = {
    config,
    head,
    context,
    copied,
    layers,
    furthest: Math.max(...layers.map((layer) => layer.dilation)),
    ...inputOf(config, head.inputs, weights, room),
    penultimate: room.copy(weights.matrix("penultimate.weight", penultimate, penultimate)),
    penultimateBias: weights.take("penultimate.bias", penultimate),
    logit: room.copy(weights.matrix("logit.weight", head.outputs, penultimate + copied)),
    logitBias: weights.take("logit.bias", head.outputs),
    readers: attends ? config.attend_after.map((_, i) => readerOf(config, weights, room, i)) : [],
    grid: Math.ceil(side / config.stride), // patches of a support to a side
    ownGrid: config.own && attends ? Math.floor(side / config.stride) : 0, // of the drawing itself
    encode: reads ? createEncoder(config, head, weights, room, context, copied, attends) : () => null,
  };
  weights.close();
  return network;
}

/**
 * The weights by name; each is taken once, with the shape that it must have.
 * @param {Map<string, Tensor>} tensors
 */
function createShelf(tensors) {
  const left = new Set(tensors.keys());
  /**
   * @param {string} name
   * @param {...number} shape
   */
  const take = (name, ...shape) => {
    const tensor = tensors.get(name);
    if (!tensor || tensor.shape.join() !== shape.join()) {
      throw new WeightsError(
        `The weights '${name}' are missing, or not of the ${shape.join("x")} that the network has.`,
      );
    }
    left.delete(name);
    return tensor.data;
  };
  return {
    /** @param {string} name */
    has: (name) => tensors.has(name),
    take,
    /**
     * A convolution's weight [out, in, rows, columns] as [out, rows * columns * in].
     * @param {string} name
     * @param {number[]} shape
     */
    matrix(name, ...[out, inputs, rows = 1, columns = 1]) {
      const data = take(name, out, inputs, rows, columns);
      const places = rows * columns;
      const matrix = new Float32Array(data.length);
      // Loops, here and below: a function for each of a million numbers is a hundred megabytes for the browser to collect.
      for (let at = 0; at < matrix.length; at++) {
        const o = Math.floor(at / (inputs * places));
        const place = Math.floor(at / inputs) % places;
        matrix[at] = data[(o * inputs + (at % inputs)) * places + place];
      }
      return matrix;
    },
    close() {
      for (const name of left) throw new WeightsError(`The network has no weights '${name}', which the file holds.`);
      tensors.clear(); // all that is needed was copied, and what encodes would keep the rest alive
    },
  };
}

/** @typedef {ReturnType<typeof createShelf>} Shelf */

/**
 * @param {Config} config
 * @param {Shelf} weights
 * @param {Room} room
 * @param {number} i
 * @param {number} context
 * @returns {Layer}
 */
function layerOf({ maps, penultimate, layers, dilation_cycle }, weights, room, i, context) {
  const name = `layers.${i}`;
  const both = 2 * maps;
  const linkBias = weights.take(`${name}.link.bias`, both);
  const last = i === layers - 1;
  /** @param {string} what  @param {number[]} shape */
  const matrix = (what, ...shape) => room.copy(weights.matrix(`${name}.${what}.weight`, ...shape));
  const horizontal = weights.matrix(`${name}.horizontal.weight`, both, maps, 1, 2);
  return {
    dilation: 2 ** (i % dilation_cycle),
    vertical: matrix("vertical", both, maps, 2, 3),
    verticalBias: weights.take(`${name}.vertical.bias`, both),
    link: matrix("link", both, both),
    left: room.copy(columnsOf(horizontal, both, 0, maps)),
    here: room.copy(columnsOf(horizontal, both, maps, both)),
    horizontalBias: weights.take(`${name}.horizontal.bias`, both).map((bias, k) => bias + linkBias[k]),
    out: matrix("out", maps + penultimate, maps),
    outBias: room.copy(weights.take(`${name}.out.bias`, maps + penultimate)),
    verticalContext: context && !last ? matrix("vertical_context", both, context) : null,
    horizontalContext: context ? matrix("horizontal_context", both, context) : null,
  };
}

/**
 * The input layer: what a pixel's channel adds where it is 1, and what the coordinates alone give.
 * @param {Config} config
 * @param {number} inputs  channels of a picture
 * @param {Shelf} weights
 * @param {Room} room
 */
function inputOf({ maps, side }, inputs, weights, room) {
  const channels = inputs + 2; // and x and y
  const xy = linspace(side);
  /**
   * @param {string} name
   * @param {number} rows
   * @param {number} columns
   * @param {number} above  of its rows, how many are above the pixel
   */
  const convolution = (name, rows, columns, above) => {
    const matrix = weights.matrix(`input.${name}.weight`, maps, channels, rows, columns);
    const bias = weights.take(`input.${name}.bias`, maps);
    const taps = rows * columns;
    const added = room.floats(taps * inputs * maps); // [taps, inputs, C]
    const empty = new Float32Array(side * side * maps); // [H, W, C]
    for (let k = 0; k < maps; k++) {
      for (let tap = 0; tap < taps; tap++) {
        for (let i = 0; i < inputs; i++) added[(tap * inputs + i) * maps + k] = matrix[(k * taps + tap) * channels + i];
      }
      for (let r = 0; r < side; r++) {
        for (let c = 0; c < side; c++) {
          let sum = bias[k];
          for (let tap = 0; tap < taps; tap++) {
            const y = r - above + Math.floor(tap / columns);
            const x = c - COLUMNS_BESIDE + (tap % columns);
            const at = (k * taps + tap) * channels;
            if (y >= 0 && x >= 0 && x < side) sum += matrix[at + inputs] * xy[x] + matrix[at + inputs + 1] * xy[y];
          }
          empty[(r * side + c) * maps + k] = sum;
        }
      }
    }
    return { added, empty };
  };
  return {
    above: convolution("vertical", ROWS_ABOVE, COLUMNS, ROWS_ABOVE),
    beside: convolution("horizontal", 1, COLUMNS_BESIDE, 0),
  };
}

/**
 * @param {Config} config
 * @param {Shelf} weights
 * @param {Room} room
 * @param {number} i
 * @returns {Reader}
 */
function readerOf(config, weights, room, i) {
  const { maps, side, stride, octaves, heads, key_size: keySize } = config;
  const name = `readers.${i}`;
  const size = heads * keySize;
  const scale = keySize ** -0.5;
  const positions = fourierPositions(side, octaves);
  const ofPosition = positions.length / side ** 2;
  const query = weights.matrix(`${name}.query.weight`, size, maps + ofPosition).map((weight) => weight * scale);
  const bias = weights.take(`${name}.query.bias`, size).map((weight) => weight * scale);
  let own = null;
  if (config.own) {
    const inputs = maps + ofPosition + stride ** 2;
    const made = joined(["key", "value"].map((what) => weights.matrix(`${name}.own_${what}.weight`, size, inputs)));
    const ownBias = joined(["key", "value"].map((what) => weights.take(`${name}.own_${what}.bias`, size)));
    const grid = Math.floor(side / stride);
    const last = new Float32Array(grid * grid * ofPosition); // the positions of the last pixel of each patch
    for (let patch = 0; patch < grid * grid; patch++) {
      const [row, column] = [Math.floor(patch / grid), patch % grid].map((at) => at * stride + stride - 1);
      const at = (row * side + column) * ofPosition;
      last.set(positions.subarray(at, at + ofPosition), patch * ofPosition);
    }
    own = {
      features: room.copy(columnsOf(made, inputs, 0, maps)),
      pixels: room.copy(columnsOf(made, inputs, maps + ofPosition, inputs)),
      ofPosition: placed(columnsOf(made, inputs, maps, maps + ofPosition), ownBias, last),
    };
  }
  return {
    layer: config.attend_after[i],
    query: room.copy(columnsOf(query, maps + ofPosition, 0, maps)),
    queryOfPosition: placed(columnsOf(query, maps + ofPosition, maps, maps + ofPosition), bias, positions),
    own,
  };
}

/**
 * Some columns of a matrix.
 * @param {Float32Array} matrix
 * @param {number} columns
 * @param {number} from
 * @param {number} to
 */
function columnsOf(matrix, columns, from, to) {
  const width = to - from;
  const some = new Float32Array((matrix.length / columns) * width);
  for (let at = 0; at < some.length; at++) some[at] = matrix[Math.floor(at / width) * columns + from + (at % width)];
  return some;
}

/** @param {Float32Array[]} parts */
function joined(parts) {
  const all = new Float32Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/**
 * The product of a matrix [rows, columns] and each of some positions [n, columns], and the bias: [n, rows].
 * @param {Float32Array} matrix
 * @param {Float32Array} bias
 * @param {Float32Array} positions
 */
function placed(matrix, bias, positions) {
  const columns = matrix.length / bias.length;
  const n = positions.length / columns;
  const room = createRoom();
  const out = room.floats(n * bias.length);
  for (let j = 0; j < n; j++) out.set(bias, j * bias.length);
  addProducts(out, room.copy(matrix), room.copy(positions), bias.length, columns, n);
  room.close();
  return out.slice();
}

// Exact incremental sampling: the vertical stack once a row, everything else once a pixel. The counterpart of
// fewshot/sampling/incremental.py, to be read side by side with it. Needs no page.
//
// The state is the previous rows of each layer's vertical input and the previous columns of each horizontal input. The
// same noise gives the same picture as in Python; probabilities differ by rounding.

import { add, addPart, addProducts, copyPart, createRoom, gate, part, relu, softmax } from "./kernel.js";
import { COLUMNS, COLUMNS_BESIDE, ROWS_ABOVE } from "./network.js";

/** @typedef {import("./heads.js").Draw} Draw */
/** @typedef {import("./kernel.js").Floats} Floats */
/** @typedef {import("./kernel.js").Room} Room */
/** @typedef {import("./network.js").Network} Network */
/** @typedef {import("./network.js").Reader} Reader */
/** @typedef {import("./encoder.js").Memory} Memory */
/** @typedef {import("./encoder.js").Patches} Patches */

/** @typedef {ReturnType<typeof createState>} State */
/** @typedef {{network: Network, memory: Memory | null}} Source  a network, and what it remembers of the supports */
/** @typedef {{memory: Memory | null, image: Uint8Array}} Lane  what is drawn of what; the image's values [H, W] grow */

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
 * Draws pictures a row at a time, all at once, and gives what is drawn so far after each; the arrays are the same ones.
 * Attention is millions of numbers, so that it lies in the room, too, and is gone with it.
 * @param {Source} source
 * @param {Source | null} partner  what guidance moves away from; may be null without guidance, and then there is no fit
 * @param {Draw} draw
 * @param {Float32Array[]} noise  of each picture [H, W], a uniform number for every pixel
 * @param {Uint8Array} prefix  [R, W], the values of the first rows, which are given
 * @param {boolean} trace  whether attention is kept
 * @param {Room} room  for what it takes
 * @returns {Generator<Drawn[]>}
 */
export function* drawRows(source, partner, draw, noise, prefix, trace, room) {
  const { network } = source;
  const { side } = network.config;
  const images = noise.map(() => new Uint8Array(side * side));
  const lanesOf = (/** @type {Source} */ { memory }) => images.map((image) => ({ memory, image }));
  const [own, alone] = [lanesOf(source), partner ? lanesOf(partner) : []];
  // A network that is its own partner draws for both at once, which fetches each weight once.
  /** @type {[Network, Lane[]][]} */
  const wanted =
    partner && partner.network !== network
      ? [
          [network, own],
          [partner.network, alone],
        ]
      : [[network, [...own, ...alone]]];
  leaveOnly(wanted.map(([its]) => its));
  /** @type {State[]} */
  const states = [];
  try {
    for (const [its, lanes] of wanted) states.push(takeState(its, lanes, room));
    const logits = states.flatMap((state) => state.logits);
    const [{ heads, places, ownPlaces }] = states;
    /** @type {Drawn[]} */
    const drawn = images.map((image) => {
      const [chance, nats] = [new Float32Array(side * side), new Float32Array(side * side)];
      const attention = room.floats(trace ? side * side * heads * places : 0);
      const own = room.floats(trace ? side * side * heads * ownPlaces : 0);
      return { image, chance, attention, own, nats, fit: 0, rows: 0 };
    });
    for (let r = 0; r < side; r++) {
      for (const state of states) state.startRow(r);
      for (let c = 0; c < side; c++) {
        const i = r * side + c;
        for (const state of states) state.pixel(r, c);
        drawn.forEach((each, k) => {
          const without = logits[partner ? drawn.length + k : k];
          const pixel = network.head.pixel(logits[k], without, draw, noise[k][i], prefix[i]);
          each.image[i] = pixel.value;
          each.chance[i] = pixel.chance;
          each.nats[i] = pixel.nats;
          each.fit += pixel.alone - pixel.nats;
          if (trace) states[0].keep(k, each, i);
        });
        for (const state of states) state.finish(r, c);
      }
      for (const each of drawn) each.rows = r + 1;
      yield drawn;
    }
  } finally {
    states.forEach(leaveState); // also if nobody wants the rest
  }
}

/**
 * Of the networks that drew last, the states, while nothing is drawn with them. A new one is thousands of parts of
 * arrays: if each picture had its own, a browser would keep tens of megabytes of them.
 * @type {Map<Network, State>}
 */
const idle = new Map();

/** Other networks draw now: their states need the kernel's memory. @param {Network[]} networks  that keep theirs */
function leaveOnly(networks) {
  for (const [network, state] of idle) {
    if (networks.includes(network)) continue;
    state.close();
    idle.delete(network);
  }
}

/**
 * @param {Network} network
 * @param {Lane[]} lanes
 * @param {Room} room  for what only these pictures take
 */
function takeState(network, lanes, room) {
  const kept = idle.get(network);
  idle.delete(network);
  if (kept && kept.count !== lanes.length) kept.close();
  const its = createRoom();
  try {
    const state = kept?.count === lanes.length ? kept : createState(network, lanes.length, its);
    state.begin(lanes, room);
    return state;
  } catch (error) {
    kept?.close();
    its.close();
    throw error;
  }
}

/** @param {State} state */
function leaveState(state) {
  idle.get(state.network)?.close();
  idle.set(state.network, state);
}

/**
 * The caches of some pictures by one network. L are the lanes: each is one picture.
 * @param {Network} network
 * @param {number} count  L
 * @param {Room} room  that is its own
 */
function createState(network, count, room) {
  const { config, head, layers, furthest, context, copied } = network;
  const { side, maps, penultimate: skips, stride } = config;
  const all = Array.from({ length: count }, (_, lane) => lane);
  const both = 2 * maps;
  const columns = side + 2 * furthest;
  /** @type {Lane[]} */
  let lanes = [];
  /** @type {(floats: Floats, size: number, from?: number) => Floats[]} */
  const ofLanes = (floats, size, from = 0) => {
    const step = floats.length / count;
    return all.map((lane) => part(floats, lane * step + from, lane * step + from + size));
  };
  // The last rows of each layer's vertical input [W, C], row r at r modulo their number, between columns of zeros.
  const rows = room.floats(count * layers.length * (furthest + 1) * columns * maps);
  const above = ofLanes(rows, rows.length / count).map((its) =>
    layers.map((_, i) =>
      Array.from({ length: furthest + 1 }, (_, k) => {
        const at = (i * (furthest + 1) + k) * columns * maps;
        return part(its, at, at + columns * maps);
      }),
    ),
  );
  const windows = room.floats(side * 6 * maps); // of these, what each position's kernel sees
  const vertical = all.map(() => room.floats(side * maps));
  const a = room.floats(side * both);
  const gatedRow = room.floats(side * maps);
  const read = room.floats(count * side * context); // in the row above, by all readers so far
  const eachRead = ofLanes(read, side * context);
  // The horizontal pre-activations of the row, [W, layers, L, 2C]: first what the vertical stack and the biases give to
  // them.
  const row = room.floats(side * layers.length * count * both);
  const preActivations = Array.from({ length: side }, (_, c) =>
    layers.map((_, i) => part(row, (c * layers.length + i) * count * both, (c * layers.length + i + 1) * count * both)),
  );
  const firsts = layers.map((_, i) => all.map((lane) => part(preActivations[0][i], lane * both)));
  // Each layer's horizontal input at all pixels of the row, after columns of zeros, [columns, layers, L, C].
  const past = room.floats((furthest + side) * layers.length * count * maps);
  const inputs = Array.from({ length: furthest + side }, (_, c) =>
    layers.map((_, i) =>
      part(past, (c * layers.length + i) * count * maps, (c * layers.length + i + 1) * count * maps),
    ),
  );
  const gated = room.floats(count * maps);
  const sum = room.floats(count * (maps + skips)); // the horizontal stack, and the skips below
  const stacks = ofLanes(sum, maps);
  const skipped = ofLanes(sum, skips, maps);
  const seen = room.floats(count * skips);
  const features = room.floats(count * (skips + copied)); // what the head sees: the hidden layer, and colours that were read
  const hidden = ofLanes(features, skips);
  const patch = room.floats(stride ** 2); // of the drawing, the last that is done
  const logits = room.floats(count * head.outputs);
  const eachLogits = ofLanes(logits, head.outputs);
  const reads = network.readers.map((reader, i) => createRead(network, reader, count, i, room));
  const readAt = new Map(reads.map((each) => [each.layer, each]));
  // The vector is the same for all pixels: it adds to the biases.
  const biases = room.floats(row.length); // as row
  const horizontal = room.floats(both); // those of a layer
  const gates = layers.map(() => all.map(() => room.floats(both)));

  return {
    network,
    count,
    heads: reads.length * config.heads,
    ownPlaces: network.ownGrid ** 2,
    /** The outputs at the last pixel, of each lane. */
    logits: eachLogits,
    get places() {
      return reads.length ? reads[0].places : 0;
    },

    /** Before the first row. @param {Lane[]} ofThese  L of them @param {Room} ofTheirs  for what depends on the supports */
    begin(ofThese, ofTheirs) {
      lanes = ofThese;
      rows.fill(0);
      layers.forEach((layer, i) => {
        lanes.forEach(({ memory }, lane) => {
          horizontal.set(layer.horizontalBias);
          gates[i][lane].fill(0);
          if (memory && layer.horizontalContext) {
            addProducts(horizontal, layer.horizontalContext, memory.vector, both, context);
          }
          if (memory && layer.verticalContext) {
            addProducts(gates[i][lane], layer.verticalContext, memory.vector, both, context);
          }
          for (let c = 0; c < side; c++) biases.set(horizontal, ((c * layers.length + i) * count + lane) * both);
        });
      });
      for (const each of reads) each.begin(lanes, ofTheirs);
    },

    /** The vertical stack's row r, from the rows above. @param {number} r */
    startRow(r) {
      lanes.forEach(({ image }, lane) => {
        vertical[lane].set(network.above.empty.subarray(r * side * maps, (r + 1) * side * maps));
        for (let y = Math.max(0, r - ROWS_ABOVE); y < r; y++) {
          for (let x = 0; x < side; x++) {
            const channel = head.channelOf(image[y * side + x]);
            if (channel < 0) continue;
            addPixel(vertical[lane], network.above.added, head.inputs, channel, y - r + ROWS_ABOVE, x, side, maps);
          }
        }
      });
      read.fill(0);
      row.set(biases);
      layers.forEach((layer, i) => {
        const reader = readAt.get(i);
        if (reader && config.reads_above) add(read, reader.row);
        vertical.forEach((v, lane) => {
          const its = above[lane][i];
          const last = its[r % (furthest + 1)];
          last.set(v, furthest * maps);
          gather(
            windows,
            its[(r - layer.dilation + furthest + 1) % (furthest + 1)],
            0,
            layer.dilation,
            side,
            furthest,
            maps,
          );
          gather(windows, last, 1, layer.dilation, side, furthest, maps);
          for (let c = 0; c < side; c++) a.set(layer.verticalBias, c * both);
          addProducts(a, layer.vertical, windows, both, 6 * maps, side);
          addProducts(firsts[i][lane], layer.link, a, both, both, side, layers.length * count * both);
          if (i === layers.length - 1) return; // nothing reads what the last one would give
          if (layer.verticalContext) {
            add(a, gates[i][lane], side);
            if (config.reads_above && reads.length) {
              addProducts(a, layer.verticalContext, eachRead[lane], both, context, side);
            }
          }
          gate(gatedRow, a, maps, side);
          add(v, gatedRow);
        });
      });
    },

    /** The horizontal stack, and what is read, at (r, c): the outputs. @param {number} r  @param {number} c */
    pixel(r, c) {
      sum.fill(0);
      lanes.forEach(({ image }, lane) => {
        copyPart(stacks[lane], network.beside.empty, (r * side + c) * maps);
        for (let tap = Math.max(0, COLUMNS_BESIDE - c); tap < COLUMNS_BESIDE; tap++) {
          const channel = head.channelOf(image[r * side + c - COLUMNS_BESIDE + tap]);
          const from = (tap * head.inputs + channel) * maps;
          if (channel >= 0) addPart(stacks[lane], 0, network.beside.added, from, maps);
        }
      });
      for (let i = 0; i < layers.length; i++) {
        const layer = layers[i];
        const preActivation = preActivations[c][i];
        const input = inputs[furthest + c][i];
        for (let lane = 0; lane < count; lane++) input.set(stacks[lane], lane * maps);
        readAt.get(i)?.at(r, c, input, preActivations[c]);
        addProducts(preActivation, layer.left, inputs[furthest + c - layer.dilation][i], both, maps, count);
        addProducts(preActivation, layer.here, input, both, maps, count);
        gate(gated, preActivation, maps, count);
        add(sum, layer.outBias, count);
        addProducts(sum, layer.out, gated, maps + skips, maps, count);
      }
      for (let lane = 0; lane < count; lane++) seen.set(skipped[lane], lane * skips);
      relu(seen);
      for (const its of hidden) its.set(network.penultimateBias);
      addProducts(features, network.penultimate, seen, skips, skips, count, skips + copied);
      hidden.forEach((its, lane) => {
        relu(its);
        if (copied) features.set(reads[0].colours[lane], lane * (skips + copied) + skips);
        eachLogits[lane].set(network.logitBias);
      });
      addProducts(logits, network.logit, features, head.outputs, skips + copied, count);
    },

    /** The pixel (r, c) is drawn: what its patch gives to read. @param {number} r  @param {number} c */
    finish(r, c) {
      if (!network.ownGrid || (r + 1) % stride || (c + 1) % stride) return;
      const place = Math.floor(r / stride) * network.ownGrid + Math.floor(c / stride);
      lanes.forEach(({ image }, lane) => {
        patch.forEach((_, i) => {
          const [row, column] = [r + 1 - stride + Math.floor(i / stride), c + 1 - stride + (i % stride)];
          patch[i] = image[row * side + column];
        });
        for (const each of reads) {
          const input = part(inputs[furthest + c][each.layer], lane * maps, (lane + 1) * maps);
          each.append(lane, place, input, patch);
        }
      });
      for (const each of reads) each.next();
    },

    /**
     * Copies the attention of a lane's last pixel, which is the i-th.
     * @param {number} lane
     * @param {Pick<Drawn, "attention" | "own">} to
     * @param {number} i
     */
    keep(lane, { attention, own }, i) {
      reads.forEach((each, k) => {
        for (let head = 0; head < config.heads; head++) {
          const at = (i * reads.length + k) * config.heads + head;
          attention.set(each.ofSupports(lane, head), at * each.places);
          own.set(each.ofOwn(lane, head), at * network.ownGrid ** 2);
        }
      });
    },

    /** Nobody draws with it any more. */
    close: room.close,
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
    addPart(v, c * maps, added, from, maps);
  }
}

/**
 * What each position's kernel sees of one of its two rows, to windows [W, 2, 3, C].
 * @param {Floats} windows
 * @param {Floats} row  [furthest + W + furthest, C]
 * @param {number} which  0: the row above, 1: the row itself
 * @param {number} dilation
 * @param {number} side
 * @param {number} furthest
 * @param {number} maps
 */
function gather(windows, row, which, dilation, side, furthest, maps) {
  for (let c = 0; c < side; c++) {
    let at = (2 * c + which) * 3 * maps;
    for (let column = furthest + c - dilation; column <= furthest + c + dilation; column += dilation) {
      for (let k = 0; k < maps; k++) windows[at + k] = row[column * maps + k];
      at += maps;
    }
  }
}

/**
 * What one reader sees and gives for some pictures: the supports, and the drawing so far.
 * @param {Network} network
 * @param {Reader} reader
 * @param {number} count  of the pictures
 * @param {number} which  of the network's readers it is
 * @param {Room} room
 */
function createRead({ config, layers, ownGrid, context, copied }, reader, count, which, room) {
  const { side, maps, heads, key_size: keySize } = config;
  const size = heads * keySize;
  const inputs = copied / heads;
  const both = 2 * maps;
  const ownPlaces = ownGrid ** 2;
  const query = room.floats(count * size);
  const read = room.floats(count * context); // the heads' values, then their colours
  const row = room.floats(count * side * context); // what was read, of all pixels of the last row
  const made = room.floats(2 * size);
  let seen = 0; // patches of the drawing that are done
  /** @type {ReturnType<typeof ofLane>[]} */
  let eachLane = [];

  /** @param {Patches} patches  @param {number} lane  @param {Room} room */
  function ofLane({ places, keys, values, colours }, lane, room) {
    const itsRead = part(read, lane * context, (lane + 1) * context);
    const itsQuery = part(query, lane * size, (lane + 1) * size);
    const eachHead = Array.from({ length: heads }, (_, head) => {
      const alpha = room.floats(places + ownPlaces);
      const of = (/** @type {Floats} */ all) =>
        part(all, (head * all.length) / heads, ((head + 1) * all.length) / heads);
      return {
        query: of(itsQuery),
        read: of(part(itsRead, 0, size)),
        colours: of(part(itsRead, size)),
        keys: of(keys), // [places, key_size]
        values: of(values), // [key_size, places]
        ownKeys: room.floats(ownPlaces * keySize),
        ownValues: room.floats(keySize * ownPlaces),
        alpha,
        ofSupports: part(alpha, 0, places),
        withoutNothing: part(alpha, 1, places),
        ofOwn: part(alpha, places),
      };
    });
    return { places, colours, read: itsRead, query: itsQuery, eachHead };
  }

  return {
    layer: reader.layer,
    row,
    colours: Array.from({ length: count }, (_, lane) => part(read, lane * context + size, (lane + 1) * context)),
    get places() {
      return eachLane[0].places - 1;
    },
    /** Before the first row. @param {Lane[]} lanes  @param {Room} room */
    begin(lanes, room) {
      eachLane = lanes.map(({ memory }, lane) => ofLane(/** @type {Memory} */ (memory).patches[which], lane, room));
      row.fill(0);
      seen = 0;
    },
    /** Its attention at the last pixel, without the null key's. @param {number} lane  @param {number} head */
    ofSupports: (lane, head) => eachLane[lane].eachHead[head].withoutNothing,
    /** @param {number} lane  @param {number} head */
    ofOwn: (lane, head) => eachLane[lane].eachHead[head].ofOwn,

    /**
     * Reads at (r, c), for all later pre-activations.
     * @param {number} r
     * @param {number} c
     * @param {Floats} h  [L, C], the horizontal stack at the pixel
     * @param {Floats[]} preActivations  of each layer [L, 2C]
     */
    at(r, c, h, preActivations) {
      for (const its of eachLane) copyPart(its.query, reader.queryOfPosition, (r * side + c) * size);
      addProducts(query, reader.query, h, size, maps, count);
      read.fill(0);
      eachLane.forEach(({ places, colours, read, eachHead }, lane) => {
        for (const head of eachHead) {
          head.alpha.fill(0);
          addProducts(head.ofSupports, head.keys, head.query, places, keySize);
          addProducts(head.ofOwn, head.ownKeys, head.query, seen, keySize);
          softmax(head.alpha, places + seen);
          addProducts(head.read, head.values, head.ofSupports, keySize, places);
          if (colours) addProducts(head.colours, colours, head.ofSupports, inputs, places);
          if (seen) addProducts(head.read, head.ownValues, head.ofOwn, keySize, ownPlaces);
        }
        row.set(read, (lane * side + c) * context);
      });
      for (let i = reader.layer; i < layers.length; i++) {
        const { horizontalContext } = layers[i];
        if (horizontalContext) addProducts(preActivations[i], horizontalContext, read, both, context, count);
      }
    },

    /**
     * The patch of a lane's drawing at a place is done: from the next pixel on it can be read.
     * @param {number} lane
     * @param {number} place
     * @param {Floats} features  [C], at its last pixel
     * @param {Floats} patch  its pixels
     */
    append(lane, place, features, patch) {
      const { own } = reader;
      if (!own) return;
      made.set(own.ofPosition.subarray(place * 2 * size, (place + 1) * 2 * size));
      addProducts(made, own.features, features, 2 * size, maps);
      addProducts(made, own.pixels, patch, 2 * size, patch.length);
      eachLane[lane].eachHead.forEach((head, k) => {
        for (let i = 0; i < keySize; i++) {
          head.ownKeys[seen * keySize + i] = made[k * keySize + i];
          head.ownValues[i * ownPlaces + seen] = made[size + k * keySize + i];
        }
      });
    },

    /** All lanes have their next patch. */
    next() {
      if (reader.own) seen += 1;
    },
  };
}

// The uniform numbers that decide the pixels of a run: numpy's default_rng(seed).random(size, float32), bit for bit.
// Needs no page.

// numpy's SeedSequence, after M. E. O'Neill's seed_seq_fe: from a seed to as many well mixed words as asked for.
const POOL = 4;
const INIT_A = 0x43b0d7e5;
const MULTIPLY_A = 0x931e8875;
const INIT_B = 0x8b51f9dd;
const MULTIPLY_B = 0x58f38ded;
const MIX_LEFT = 0xca01f9dd;
const MIX_RIGHT = 0x4973f715;

const WORD = 2 ** 32;

// PCG64, after M. E. O'Neill: a linear congruential generator of 128 bits, whose output is 64 of them, rotated.
const MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;
const LOW_64 = (1n << 64n) - 1n;
const LOW_128 = (1n << 128n) - 1n;

/**
 * @param {number} constant
 * @param {number} multiplier
 * @returns {(word: number) => number} which hashes differently each time
 */
function createHash(constant, multiplier) {
  return (word) => {
    const mixed = word ^ constant;
    constant = Math.imul(constant, multiplier);
    const product = Math.imul(mixed, constant);
    return (product ^ (product >>> 16)) >>> 0;
  };
}

/**
 * @param {number} x
 * @param {number} y
 */
function mix(x, y) {
  const mixed = (Math.imul(MIX_LEFT, x) - Math.imul(MIX_RIGHT, y)) | 0;
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/**
 * SeedSequence(seed).generate_state(count, uint64).
 * @param {number} seed  a whole number, 0 to 2^53 - 1
 * @param {number} count
 */
function seedWords(seed, count) {
  const entropy = [seed % WORD, Math.floor(seed / WORD)];
  const hash = createHash(INIT_A, MULTIPLY_A);
  const pool = Array.from({ length: POOL }, (_, i) => hash(entropy[i] ?? 0));
  for (let source = 0; source < POOL; source++) {
    for (let target = 0; target < POOL; target++) {
      if (source !== target) pool[target] = mix(pool[target], hash(pool[source]));
    }
  }
  const hashOut = createHash(INIT_B, MULTIPLY_B);
  const halves = Array.from({ length: 2 * count }, (_, i) => BigInt(hashOut(pool[i % POOL])));
  return Array.from({ length: count }, (_, i) => halves[2 * i] | (halves[2 * i + 1] << 32n));
}

/**
 * @param {number} seed  a whole number, 0 to 2^53 - 1
 * @param {number} count
 * @returns {Float32Array} of numbers in [0, 1)
 */
export function uniformNoise(seed, count) {
  const [high, low, streamHigh, streamLow] = seedWords(seed, 4);
  const increment = ((((streamHigh << 64n) | streamLow) << 1n) | 1n) & LOW_128;
  let state = (increment + ((high << 64n) | low)) & LOW_128;
  const step = () => {
    state = (state * MULTIPLIER + increment) & LOW_128;
  };
  step();
  const noise = new Float32Array(count);
  for (let i = 0; i < count; i += 2) {
    step();
    const word = (state >> 64n) ^ (state & LOW_64);
    const turn = state >> 122n;
    const output = ((word >> turn) | (word << (64n - turn))) & LOW_64;
    // Each output is two numbers, its low half first; of each half, 24 bits fit a float32.
    noise[i] = Number((output & 0xffffffffn) >> 8n) / 2 ** 24;
    if (i + 1 < count) noise[i + 1] = Number(output >> 40n) / 2 ** 24;
  }
  return noise;
}

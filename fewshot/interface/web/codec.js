// Between text and numbers: base64, bits, deflated bytes, and strokes that were kept as JSON. Needs no page.

/** @typedef {[number, number]} Point  x and y in the pad's coordinates, x right, y down */
/** @typedef {Point[]} Stroke  with one point or more */

/**
 * @param {string} text
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function fromBase64(text) {
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  // A plain loop: the page decodes its ready-made sets while it opens, and Uint8Array.from is ten times slower.
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}

/**
 * @param {Uint8Array} bytes
 * @returns {string}
 */
export function toBase64(bytes) {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

/**
 * The first `count` bits of some bytes, the highest of each byte first, as 0 and 1.
 * @param {Uint8Array} bytes
 * @param {number} count
 */
export function unpackBits(bytes, count) {
  return new Uint8Array(count).map((_, i) => (bytes[i >> 3] >> (7 - (i & 7))) & 1);
}

/** A name that nothing else has. Not by randomUUID, which browsers keep from addresses without https. */
export const newId = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16)).join("-");

/**
 * The reverse: 0 and 1 to bytes.
 * @param {Uint8Array} bits
 */
export function packBits(bits) {
  const bytes = new Uint8Array(Math.ceil(bits.length / 8));
  bits.forEach((bit, i) => {
    bytes[i >> 3] |= bit << (7 - (i & 7));
  });
  return bytes;
}

/**
 * Pictures as text: the bits of such with one channel, else their bytes. As payload.pack_images does.
 * @param {Uint8Array} images  [pixels, channels]
 * @param {number} channels
 */
export const packImages = (images, channels) => toBase64(channels === 1 ? packBits(images) : images);

/**
 * The reverse.
 * @param {string} text
 * @param {number} pixels  of all of them
 * @param {number} channels
 */
export const unpackImages = (text, pixels, channels) =>
  channels === 1 ? unpackBits(fromBase64(text), pixels) : fromBase64(text);

/**
 * @param {Uint8Array<ArrayBuffer>} bytes  in zlib's format
 * @returns {Promise<ArrayBuffer>}
 */
export function inflate(bytes) {
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).arrayBuffer();
}

/**
 * Those of some values that are strokes: what was kept may be damaged.
 * @param {unknown} values
 * @returns {Stroke[]}
 */
export function strokesAmong(values) {
  /** @param {unknown} point */
  const isPoint = (point) => Array.isArray(point) && point.length === 2 && point.every(Number.isFinite);
  /** @param {unknown} stroke */
  const isStroke = (stroke) => Array.isArray(stroke) && stroke.length > 0 && stroke.every(isPoint);
  return Array.isArray(values) ? values.filter(isStroke) : [];
}

const NEWLINE = 10;

/**
 * Lines of JSON, each as soon as it is there. Of one that has "bytes", a number, so many bytes follow: its "data".
 * @param {ReadableStream<Uint8Array<ArrayBuffer>>} stream
 * @returns {AsyncGenerator<any>}
 */
export async function* answersIn(stream) {
  const reader = stream.getReader();
  let rest = new Uint8Array(0);
  const more = async () => {
    const { value, done } = await reader.read();
    rest = value ?? rest;
    return !done;
  };
  /** @param {number} count  of bytes, in pieces of any size: 600 of them in a large one from a network */
  async function take(count) {
    const bytes = new Uint8Array(count);
    for (let filled = 0; ; ) {
      const some = rest.subarray(0, count - filled);
      bytes.set(some, filled);
      rest = rest.subarray(some.length);
      filled += some.length;
      if (filled === count) return bytes.buffer;
      if (!(await more())) throw new Error("The stream ended within its data.");
    }
  }
  const decoder = new TextDecoder();
  let line = "";
  do {
    for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE)) {
      const { bytes, ...answer } = JSON.parse(line + decoder.decode(rest.subarray(0, end)));
      line = "";
      rest = rest.subarray(end + 1);
      yield bytes === undefined ? answer : { ...answer, data: await take(bytes) };
    }
    line += decoder.decode(rest, { stream: true });
  } while (await more());
  if (line) throw new Error("The stream ended within a line.");
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBase64, packBits, toBase64, unpackBits } from "../../fewshot/interface/web/codec.js";
import { PIXELS, renderStrokes } from "../../fewshot/interface/web/ink.js";
import {
  drawingsRead,
  flipped,
  muted,
  photographsRead,
  readOf,
  supportsAmong,
  turned,
} from "../../fewshot/interface/web/supports.js";

/** @typedef {import("../../fewshot/interface/web/supports.js").Support} Support */

const SIDE = 26;
/** @type {import("../../fewshot/interface/web/codec.js").Stroke[]} */
const STROKES = [[[10.1, 20.5], [80, 31.3], [64.7, 99.9]], [[104.8, 3]]]; // biome-ignore format: as it is drawn
const seen = (/** @type {import("../../fewshot/interface/web/codec.js").Stroke[]} */ strokes) =>
  toBase64(packBits(renderStrokes(strokes)));
/** @type {Support} */
const DRAWN = { pixels: seen(STROKES), strokes: STROKES };

/** @param {string} pixels */
const bits = (pixels) => unpackBits(fromBase64(pixels), PIXELS);

test("a flipped drawing is its mirror image, and flipped twice it is as it was", () => {
  const once = flipped(DRAWN, SIDE);
  const before = bits(DRAWN.pixels);
  assert.ok(bits(once.pixels).every((bit, i) => bit === before[i - (i % SIDE) + SIDE - 1 - (i % SIDE)]));
  assert.deepEqual(flipped(once, SIDE), DRAWN);
});

test("a turned drawing goes clockwise, and turned four times it is as it was", () => {
  const once = turned(DRAWN, SIDE);
  const before = bits(DRAWN.pixels);
  const expected = before.map((_, i) => before[(SIDE - 1 - (i % SIDE)) * SIDE + Math.floor(i / SIDE)]);
  assert.deepEqual(bits(once.pixels), expected);
  let all = once;
  for (let i = 0; i < 3; i++) all = turned(all, SIDE);
  assert.deepEqual(all, DRAWN);
});

test("the strokes go where the pixels go", () => {
  for (const way of [flipped, turned]) {
    const { pixels, strokes } = way(DRAWN, SIDE);
    const [expected, rendered] = [bits(pixels), renderStrokes(strokes ?? [])];
    const apart = rendered.filter((bit, i) => bit !== expected[i]).length;
    assert.ok(apart <= 3, `${apart} pixels`); // Bresenham's lines go round a corner the other way
  }
});

test("photographs are flipped and turned with all of their colours", () => {
  const photo = { pixels: toBase64(Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])) };
  assert.deepEqual([...fromBase64(flipped(photo, 2, 3).pixels)], [4, 5, 6, 1, 2, 3, 10, 11, 12, 7, 8, 9]);
  assert.deepEqual([...fromBase64(turned(photo, 2, 3).pixels)], [7, 8, 9, 1, 2, 3, 10, 11, 12, 4, 5, 6]);
});

test("what is left out is not read, and the first n are those of what is", () => {
  const [a, b, c] = ["a", "b", "c"].map((pixels) => ({ pixels }));
  const supports = [a, muted(b), { strokes: STROKES }, c];
  assert.deepEqual(readOf(supports), [a, { strokes: STROKES }, c]);
  assert.deepEqual(readOf(supports, 2), [a, { strokes: STROKES }]);
  assert.deepEqual(readOf([muted(muted(b)), DRAWN]), [b, { pixels: DRAWN.pixels }]);
  assert.deepEqual(drawingsRead({ supports, shots: 1, beginning: null }), {
    supports: [a],
    shots: null,
    beginning: null,
  });
  assert.deepEqual(photographsRead({ photos: [muted(a), b], beginning: null }), { photos: [b], beginning: null });
});

test("of what was kept, only supports come back", () => {
  const { pixels } = DRAWN;
  const damaged = [7, null, {}, { pixels: 3 }, { pixels: "x" }, { pixels: `${pixels.slice(1)}<` }];
  const kept = [...damaged, pixels, { ...DRAWN, muted: true }, { pixels, strokes: [[["x"]]], muted: 1 }];
  assert.deepEqual(supportsAmong(kept, SIDE), [{ pixels }, { ...DRAWN, muted: true }, { pixels }]);
  assert.deepEqual(supportsAmong("no list", SIDE), []);
});

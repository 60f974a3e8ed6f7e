import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateSync } from "node:zlib";
import {
  answersIn,
  fromBase64,
  inflate,
  packBits,
  strokesAmong,
  toBase64,
  unpackBits,
} from "../../fewshot/interface/web/codec.js";

test("base64 there and back", () => {
  assert.equal(toBase64(Uint8Array.of(72, 105, 0, 255)), "SGkA/w==");
  assert.deepEqual([...fromBase64("SGkA/w==")], [72, 105, 0, 255]);
  const many = new Uint8Array(200_000).map((_, i) => i % 251);
  assert.deepEqual(fromBase64(toBase64(many)), many);
});

test("bits, the highest of each byte first; the last byte is filled up", () => {
  const bits = Uint8Array.of(1, 0, 0, 0, 0, 0, 1, 1, 0, 1);
  assert.deepEqual([...packBits(bits)], [0b10000011, 0b01000000]);
  assert.deepEqual(unpackBits(packBits(bits), 10), bits);
  assert.deepEqual([...unpackBits(Uint8Array.of(255, 255), 3)], [1, 1, 1]);
  assert.equal(packBits(new Uint8Array(26 * 26)).length, 85);
});

test("deflated bytes", async () => {
  const bytes = Uint8Array.of(1, 2, 3, 3, 3, 3);
  assert.deepEqual(new Uint8Array(await inflate(Uint8Array.from(deflateSync(bytes)))), bytes);
  await assert.rejects(inflate(Uint8Array.of(1, 2, 3)));
});

test("strokes among what was kept", () => {
  const stroke = [
    [1, 2],
    [3.5, 4],
  ];
  assert.deepEqual(strokesAmong([stroke, 3, [], [[1]], [[1, "2"]], [[1, Number.NaN]], null]), [stroke]);
  for (const damaged of [undefined, null, 3, "x", {}]) assert.deepEqual(strokesAmong(damaged), []);
});

/** @param {Uint8Array<ArrayBuffer>[]} pieces */
function streamOf(pieces) {
  return new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });
}

/** @param {Uint8Array<ArrayBuffer>} bytes @param {number} size */
const cut = (bytes, size) =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.slice(i * size, (i + 1) * size));

test("answers in a stream, wherever it is cut, with the bytes that follow some", async () => {
  const text = new TextEncoder();
  const data = new Uint8Array([10, 123, 0, 255, 10]); // with what looks like the end of a line
  const bytes = new Uint8Array([
    ...text.encode('{"é": 1}\n{"b": 2, "bytes": 5}\n'),
    ...data,
    ...text.encode('{"c": 3, "bytes": 0}\n{"error": "last"}\n'),
  ]);
  const expected = [{ é: 1 }, { b: 2, data: data.buffer }, { c: 3, data: new ArrayBuffer(0) }, { error: "last" }];
  for (const size of [1, 2, 5, 30, 100]) {
    const answers = [];
    for await (const answer of answersIn(streamOf(cut(bytes, size)))) answers.push(answer);
    assert.deepEqual(answers, expected);
  }
});

test("an answer that is cut off fails, and those before it arrive", async () => {
  for (const rest of ['{"b": 2', '{"b": 2, "bytes": 5}\nabcd']) {
    const read = /** @type {unknown[]} */ ([]);
    await assert.rejects(async () => {
      const stream = streamOf([new TextEncoder().encode(`{"a": 1}\n${rest}`)]);
      for await (const answer of answersIn(stream)) read.push(answer);
    }, /ended within/);
    assert.deepEqual(read, [{ a: 1 }]);
  }
});

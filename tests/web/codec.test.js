import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateSync } from "node:zlib";
import {
  fromBase64,
  inflate,
  isPicture,
  linesOf,
  mirrorImage,
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

test("lines of a stream, wherever it is cut", async () => {
  const bytes = new TextEncoder().encode('{"é": 1}\n{"b": 2}\nlast');
  for (const size of [1, 2, 5, 100]) {
    const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
      bytes.slice(i * size, (i + 1) * size),
    );
    const lines = [];
    for await (const line of linesOf(streamOf(pieces))) lines.push(line);
    assert.deepEqual(lines, ['{"é": 1}', '{"b": 2}', "last"]);
  }
});

test("a picture is known by its length, and mirrored left to right, in bits and in colour", () => {
  const bits = toBase64(packBits(Uint8Array.of(1, 0, 0, 1, 1, 0, 0, 0, 1)));
  assert.ok(isPicture(bits, 3, 1));
  const turned = mirrorImage(bits, 3, 1);
  assert.deepEqual([...unpackBits(fromBase64(turned), 9)], [0, 0, 1, 0, 1, 1, 1, 0, 0]);
  const colours = toBase64(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12));
  assert.ok(isPicture(colours, 2, 3));
  assert.deepEqual([...fromBase64(mirrorImage(colours, 2, 3))], [4, 5, 6, 1, 2, 3, 10, 11, 12, 7, 8, 9]);
  for (const wrong of [null, 3, "", `${bits}AAAA`, colours, bits.replace(/^./, "!")])
    assert.ok(!isPicture(wrong, 3, 1));
});

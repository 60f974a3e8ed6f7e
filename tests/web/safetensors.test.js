import assert from "node:assert/strict";
import test from "node:test";
import { createNetwork } from "../../fewshot/interface/web/local/network.js";
import { parseSafetensors, WeightsError } from "../../fewshot/interface/web/local/safetensors.js";

/**
 * @param {unknown} header
 * @param {number[]} numbers
 */
function file(header, numbers = []) {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + 4 * numbers.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(new Uint8Array(Float32Array.from(numbers).buffer), 8 + text.length);
  return bytes.buffer;
}

const PAIR = { dtype: "F32", shape: [2, 1], data_offsets: [0, 8] };

test("numbers and shapes are read, also where they do not lie at a multiple of four", () => {
  for (const padding of ["", " ", "  ", "   "]) {
    const tensors = parseSafetensors(
      file(JSON.stringify({ __metadata__: { by: "me" }, pair: PAIR }) + padding, [1, -2]),
    );
    assert.deepEqual([...tensors], [["pair", { shape: [2, 1], data: Float32Array.of(1, -2) }]]);
  }
});

test("half precision is read: signs, the smallest and the largest", () => {
  const halves = Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x83ff, 0x7bff, 0x3555);
  const numbers = [...new Float32Array(halves.buffer)];
  const header = { halves: { dtype: "F16", shape: [6], data_offsets: [0, 12] } };
  const read = parseSafetensors(file(header, numbers)).get("halves")?.data;
  assert.deepEqual([...(read ?? [])], [1, -2, 2 ** -24, -1023 * 2 ** -24, 65504, 1365 * 2 ** -12]);
});

test("a damaged, truncated or foreign file says so in a sentence", () => {
  const whole = file({ pair: PAIR }, [1, 2]);
  const cases = [
    [new ArrayBuffer(0), /no safetensors file/],
    [new TextEncoder().encode("<!doctype html><title>404</title>").buffer, /no safetensors file/],
    [file("{"), /no safetensors file/],
    [file("[]"), /no safetensors file/],
    [whole.slice(0, 20), /cut off within its header/],
    [whole.slice(0, -1), /cut off before the end of 'pair'/],
    [file({ pair: { ...PAIR, dtype: "F64" } }, [1, 2]), /'pair' are not of numbers in half or single precision/],
    [file({ pair: null }), /'pair' are not of numbers/],
    [file({ pair: { ...PAIR, dtype: "F16" } }, [1, 2]), /another size than their shape/],
    [file({ pair: { ...PAIR, dtype: "F16", shape: [4] } }, [1, Number.NaN]), /not finite/],
    [file({ pair: { ...PAIR, shape: [3] } }, [1, 2]), /another size than their shape/],
    [file({ pair: { ...PAIR, shape: [-2] } }, [1, 2]), /header of the weights 'pair' is damaged/],
    [file({ pair: { ...PAIR, data_offsets: [8, 0] } }, [1, 2]), /another size/],
    [file({ pair: PAIR }, [1, Number.NaN]), /not finite/],
  ];
  for (const [buffer, sentence] of cases) {
    assert.throws(
      () => parseSafetensors(/** @type {ArrayBuffer} */ (buffer)),
      (error) => error instanceof WeightsError && /** @type {RegExp} */ (sentence).test(error.message),
    );
  }
});

test("weights of another network say which are missing", () => {
  const config = /** @type {any} */ ({ channels: 1, layers: 1, maps: 2, penultimate: 2, dilation_cycle: 1, side: 26 });
  assert.throws(
    () => createNetwork(config, parseSafetensors(file({ pair: PAIR }, [1, 2]))),
    /'layers.0.link.bias' are missing/,
  );
});

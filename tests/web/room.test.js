// That the kernel's memory, which cannot grow, holds what any order of wishes takes.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { createRoom } from "../../fewshot/interface/web/local/kernel.js";
import { draw, readNetwork } from "../../fewshot/interface/web/local/model.js";

const CHECKPOINTS = fileURLToPath(new URL("../../checkpoints/", import.meta.url));
const NAMES = ["emoji-pixelcnn", "emoji-conditional", "emoji-attention"]; // the largest that a browser draws with

/** @param {string} name */
function load(name) {
  const { config } = JSON.parse(readFileSync(`${CHECKPOINTS}${name}.json`, "utf-8"));
  const { buffer, byteOffset, byteLength } = readFileSync(`${CHECKPOINTS}${name}.safetensors`);
  return readNetwork(config, /** @type {ArrayBuffer} */ (buffer.slice(byteOffset, byteOffset + byteLength)));
}

/** The largest array that the kernel still has room for, in numbers. */
function room() {
  for (let size = 2 ** 24; ; size -= 2 ** 16) {
    const its = createRoom();
    try {
      its.floats(size);
      return size;
    } catch {
    } finally {
      its.close();
    }
  }
}

test("the models draw in turn, many pictures and one with its trace, as often as one likes", () => {
  const networks = NAMES.map(load);
  const how = { seed: 0, temperature: 1, guidance: 1, cut: 0, prefix: new Uint8Array() };
  const begin = (/** @type {(typeof networks)[0]} */ network, /** @type {number} */ samples) => {
    const supports = Array(8).fill(new Uint8Array(network.config.side ** 2));
    for (const _ of draw(network, network, supports, { ...how, samples, trace: samples === 1 })) break; // a row will do
  };
  const drawAll = () => {
    for (const each of networks) for (const samples of [16, 1, 8]) begin(each, samples);
    for (const samples of [8, 1, 16]) for (const each of networks) begin(each, samples);
    return room();
  };
  const once = drawAll();
  assert.equal(drawAll(), once);
});

test("a picture for which there is no room takes nothing with it", () => {
  const network = load("emoji-attention");
  const how = { seed: 0, temperature: 1, guidance: 1, cut: 0, prefix: new Uint8Array(), trace: true };
  const supports = [new Uint8Array(network.config.side ** 2)];
  const one = () => {
    for (const _ of draw(network, network, supports, { ...how, samples: 1 })) break;
    return room();
  };
  const before = one();
  assert.throws(() => [...draw(network, network, supports, { ...how, samples: 400 })], RangeError);
  assert.equal(one(), before);
});

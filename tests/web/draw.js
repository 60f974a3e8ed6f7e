// Draws as the browser's engine does. Reads from standard input what to draw, as JSON: "networks" by name, each with its
// "config" and the path of its "weights"; and "runs", each with its "model", the "partner" of its guidance, and all else
// that `draw` takes. Writes all arrays of all pictures on standard output, one after the other, and on standard error,
// a line for each run, its milliseconds of the processor and of the clock.

import { readFileSync, writeSync } from "node:fs";
import { draw, readNetwork } from "../../fewshot/interface/web/local/model.js";

const { networks, runs } = JSON.parse(readFileSync(0, "utf-8"));
const read = Object.fromEntries(
  Object.entries(networks).map(([name, { config, weights }]) => {
    const bytes = readFileSync(weights);
    return [name, readNetwork(config, bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))];
  }),
);
const bytesOf = (/** @type {number[][] | number[][][]} */ image) => Uint8Array.from(image.flat(2));

for (const { model, partner, supports, prefix, ...wish } of runs) {
  const [cpu, clock] = [process.cpuUsage(), performance.now()];
  const { head } = read[model];
  const values = supports.map((/** @type {number[][]} */ support) => head.read(bytesOf(support)));
  const rows = draw(read[model], read[partner], values, { ...wish, prefix: head.read(bytesOf(prefix)) });
  for (const drawn of rows) {
    if (drawn[0].rows < read[model].config.side) continue;
    const { user, system } = process.cpuUsage(cpu);
    console.error(JSON.stringify({ cpu: (user + system) / 1000, wall: performance.now() - clock }));
    for (const { image, chance, attention, own } of drawn) {
      for (const { buffer, byteOffset, byteLength } of [head.show(image), chance, attention, own]) {
        write(new Uint8Array(buffer, byteOffset, byteLength));
      }
    }
  }
}

/** @param {Uint8Array} bytes */
function write(bytes) {
  for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at);
}

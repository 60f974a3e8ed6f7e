// Writes noise on standard output: node noise.js SEED COUNT [SEED COUNT ...].

import { writeSync } from "node:fs";
import { uniformNoise } from "../../fewshot/interface/web/local/noise.js";

const numbers = process.argv.slice(2).map(Number);
for (let i = 0; i < numbers.length; i += 2) {
  const bytes = new Uint8Array(uniformNoise(numbers[i], numbers[i + 1]).buffer);
  for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at);
}

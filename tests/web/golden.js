// Reads a chunk from payload.py on standard input, and writes on standard output what it holds as JSON: its arrays, the
// same packed anew, and the picture's bits as they travel to the server.

import { packBits, toBase64 } from "../../fewshot/interface/web/codec.js";
import { addRows, beginRun, layout, supportsOf, unpack } from "../../fewshot/interface/web/run.js";
import { packed } from "./made.js";

let text = "";
for await (const piece of process.stdin) text += piece;
const chunk = JSON.parse(text);
const run = beginRun(chunk);
addRows(run, chunk, await unpack(chunk));
const arrays = Object.fromEntries(layout(chunk).map(([name]) => [name, [...run[name]]]));
const bits = chunk.channels === 1 ? toBase64(packBits(run.image)) : null;
console.log(JSON.stringify({ arrays, supports: [...supportsOf(run)], data: packed(chunk, run), bits }));

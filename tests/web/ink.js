// Reads drawings, each a list of strokes, as JSON from standard input, and writes on standard output what a model sees.

import { readFileSync, writeSync } from "node:fs";
import { renderStrokes } from "../../fewshot/interface/web/ink.js";

for (const strokes of JSON.parse(readFileSync(0, "utf-8"))) writeSync(1, renderStrokes(strokes));

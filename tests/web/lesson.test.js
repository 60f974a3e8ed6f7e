import assert from "node:assert/strict";
import { test } from "node:test";
import { asked, score } from "../../fewshot/interface/web/guess.js";
import { beforeInk, PIXELS, POSITIONS } from "../../fewshot/interface/web/moments.js";
import { viewOf } from "../../fewshot/interface/web/places.js";
import { beginRun } from "../../fewshot/interface/web/run.js";
import { madeChunk } from "./made.js";

const run = beginRun(madeChunk({ height: 4, width: 4 }));
run.image.set([0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0]);
run.chance.set([0.1, 0, 0, 0, 0, 0, 0, 0.9, 0.8, 0.4, 0, 0, 0, 0.45, 0, 0]);
const blank = beginRun(madeChunk({ height: 4, width: 4 }));

test("pixels that are named by a rule", () => {
  assert.equal(PIXELS["first ink"](run), 7);
  assert.equal(PIXELS["middle ink"](run), 8);
  assert.equal(PIXELS["last ink"](run), 13);
  assert.equal(PIXELS["least sure"](run), 13);
  for (const at of Object.values(PIXELS)) assert.ok(at(blank) >= 0 && at(blank) < 16);
});

test("shortly before the first ink, and never in another row", () => {
  assert.equal(beforeInk(run), 5);
  run.image[4] = 1;
  assert.equal(beforeInk(run), 4);
  run.image[4] = 0;
  for (const at of Object.values(POSITIONS)) assert.ok(at(blank) >= 0 && at(blank) <= 16);
});

test("what is asked for next: a pixel, the rest of a row, the rest of the picture", () => {
  assert.deepEqual(asked("pixel", 5, run), { from: 5, to: 6 });
  assert.deepEqual(asked("row", 5, run), { from: 5, to: 8 });
  assert.deepEqual(asked("row", 8, run), { from: 8, to: 12 });
  assert.deepEqual(asked("picture", 5, run), { from: 5, to: 16 });
  assert.deepEqual(asked("pixel", 16, run), { from: 16, to: 16 });
});

test("a guess is counted beside the model's own", () => {
  const guessed = new Uint8Array(16);
  guessed[8] = 1;
  assert.deepEqual(score(run, guessed, { from: 7, to: 14 }), { user: 5, model: 6, of: 7 });
});

test("on a phone, a step is shown where one draws only if that is what it asks for", () => {
  assert.equal(viewOf(["pad", "generate", "heatmaps"]), "draw");
  assert.equal(viewOf(["drawings", "generate", "picture"]), "draw");
  assert.equal(viewOf(["drawings", "picture"]), "watch");
  assert.equal(viewOf(["models", "picture"]), "watch");
  assert.equal(viewOf(["generate", "cost"]), "watch");
});

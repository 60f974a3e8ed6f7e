// What is seen of models side by side, without a page.

import assert from "node:assert/strict";
import { test } from "node:test";
import { shortNames } from "../../fewshot/interface/web/choices.js";
import {
  bestFirst,
  columnsOf,
  costOf,
  differences,
  distinctSets,
  firstCompared,
  otherwise,
  sharesOfSets,
} from "../../fewshot/interface/web/comparing.js";
import { surprisesOf } from "../../fewshot/interface/web/reading.js";

test("ink and paper differ by 1, and only pixels that are drawn differ", () => {
  const [a, b] = [new Uint8Array([0, 1, 1, 0]), new Uint8Array([0, 0, 1, 1])];
  assert.deepEqual([...differences(a, b, 1, 4)], [0, 1, 0, 1]);
  assert.deepEqual([...differences(a, b, 1, 3)], [0, 1, 0, 0]);
});

test("colours differ by the mean of their levels", () => {
  const [a, b] = [new Uint8Array([0, 0, 0, 10, 20, 30]), new Uint8Array([255, 255, 0, 10, 20, 30])];
  const [first, second] = differences(a, b, 3, 2);
  assert.ok(Math.abs(first - 2 / 3) < 1e-6);
  assert.equal(second, 0);
});

test("what a drawing cost is a sum, and a mean over its dimensions", () => {
  assert.deepEqual(costOf(new Float32Array([1, 2, 3, 6]), 1), { total: 12, perDimension: 3 });
  assert.equal(costOf(new Float32Array([3, 9]), 3).perDimension, 2);
});

test("shares of sets are those of Bayes' rule, also where nats are large", () => {
  const [a, b, none] = sharesOfSets([1000, 1000 + Math.log(3), null]);
  assert.ok(Math.abs(a - 0.75) < 1e-9);
  assert.ok(Math.abs(b - 0.25) < 1e-9);
  assert.equal(none, 0);
  assert.deepEqual(sharesOfSets([null]), [0]);
});

test("the likeliest set comes first, and one without nats not at all", () => {
  assert.deepEqual(bestFirst([70, null, 45, 60]), [2, 3, 0]);
});

test("a set whose supports are all in another one is left out, and of two equal ones the second", () => {
  const set = (/** @type {string} */ name, /** @type {string[]} */ ...supports) => ({ name, supports });
  const sets = [
    set("mine", "a", "b"),
    set("ready", "a", "b", "c"),
    set("again", "c", "a", "b"),
    set("other", "a", "d"),
  ];
  assert.deepEqual(
    distinctSets([set("none"), ...sets]).map(({ name }) => name),
    ["ready", "other"],
  );
});

test("the current model and the one that reads a little less are compared at first", () => {
  assert.deepEqual(firstCompared(["a", "b", "c"], "b"), ["b", "a"]);
  assert.deepEqual(firstCompared(["a", "b", "c"], "a"), ["a", "b"]);
  assert.deepEqual(firstCompared(["a"], "a"), ["a"]);
  assert.deepEqual(firstCompared(["a", "b"], "gone"), ["a", "b"]);
});

test("the current model is the first of those that were chosen, then they are in order", () => {
  assert.deepEqual(columnsOf(["a", "b", "c", "d"], new Set(["d", "a", "c"]), "c"), ["c", "a", "d"]);
  assert.deepEqual(columnsOf(["a", "b", "c"], new Set(["c", "a"]), "b"), ["a", "c"]);
});

test("surprise has its full colour where a pixel cost much, in colour where all colours were as likely", () => {
  const run = { nats: new Float32Array([0, 2, 100]), channels: 1, colours: 2 };
  assert.deepEqual([.../** @type {Float32Array} */ (surprisesOf(/** @type {any} */ (run)))], [0, 0.5, 1]);
  const inColour = { nats: new Float32Array([Math.log(16) / 4]), channels: 3, colours: 16 };
  assert.deepEqual([.../** @type {Float32Array} */ (surprisesOf(/** @type {any} */ (inColour)))], [0.25]);
  assert.equal(surprisesOf(/** @type {any} */ ({ nats: null, channels: 1 })), null);
});

test("a last word that all names share is left out", () => {
  assert.deepEqual(shortNames(["PixelCNN", "Meta PixelCNN"]), ["PixelCNN", "Meta"]);
  assert.deepEqual(shortNames(["One net", "Two"]), ["One net", "Two"]);
});

test("what was kept says how it differs from what is on the page", () => {
  const settings = { model: "a", guidance: 0.5, temperature: 1, seed: 1, inner_steps: 2, fresh: true };
  const drawings = { supports: [{ pixels: "a" }, { pixels: "b" }], shots: null, beginning: null };
  const photographs = { photos: [], beginning: null };
  const now = { task: "t", drawings, photographs, settings };
  const model = { adapts: true, guides: true };
  const said = (/** @type {object} */ kept, its = model) => otherwise({ ...now, ...kept }, now, its, "drawing");
  assert.deepEqual(said({}), []);
  assert.deepEqual(said({ settings: { ...settings, seed: 7, fresh: false } }), []); // the chance number is the same
  assert.deepEqual(said({ drawings: { ...drawings, supports: [{ pixels: "c" }] } }), ["other drawings"]);
  assert.deepEqual(said({ drawings: { ...drawings, shots: 1 } }), ["1 drawing"]);
  assert.deepEqual(said({ drawings: { ...drawings, beginning: { strokes: [], rows: 3 } } }), ["its own beginning"]);
  const other = { settings: { ...settings, guidance: 2, temperature: 0.9, inner_steps: 5 } };
  assert.deepEqual(said(other), ["faithfulness 2", "temperature 0.9", "5 steps"]);
  assert.deepEqual(said(other, { adapts: false, guides: false }), ["temperature 0.9"]);
});

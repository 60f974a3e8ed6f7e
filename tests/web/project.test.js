import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateSync } from "node:zlib";
import { recipeOf } from "../../fewshot/interface/web/export.js";
import { checkProject, fromFragment, KIND, toFragment, VERSION } from "../../fewshot/interface/web/project.js";
import { addRows, beginRun, unpack } from "../../fewshot/interface/web/run.js";
import { madeChunk } from "./made.js";

/** @type {import("../../fewshot/interface/web/engine.js").Project} */
const PROJECT = {
  kind: KIND,
  version: VERSION,
  task: "made",
  model: "made-model",
  supports: [{ pixels: "+/+=" }, { strokes: [[[1.5, 2], [3, 104.9]], [[7, 7]]] }], // biome-ignore format: as it is drawn
  shots: null,
  beginning: null,
  settings: { seed: 5, temperature: 0.9, guidance: 0.5, inner_steps: null },
  view: { position: 12, locked: 3 },
};

let number = 1; // Park and Miller's generator: what does not repeat cannot be packed
const noise = () => {
  number = (number * 48271) % 2147483647;
  return number;
};

/** @param {unknown} value */
const packed = (value) =>
  `#studio=${deflateSync(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url")}`;

test("a link holds all of a project, in letters that an address may have", async () => {
  const fragment = String(await toFragment(PROJECT));
  assert.match(fragment, /^#studio=[\w-]+$/);
  assert.deepEqual(await fromFragment(fragment), PROJECT);
  assert.deepEqual(await fromFragment(packed(PROJECT)), PROJECT);
});

test("a link leaves out the strokes of drawings in the tray where there is no room for them", async () => {
  const [seen, onThePad] = PROJECT.supports;
  /** @param {number} points  @param {boolean} [brief] */
  async function opened(points, brief) {
    const stroke = Array.from({ length: points }, () => [noise() % 105, noise() % 105]);
    const strokes = /** @type {import("../../fewshot/interface/web/codec.js").Stroke[]} */ ([stroke]);
    const supports = [{ pixels: "+/+=", strokes, muted: true }, seen, onThePad];
    const project = /** @type {any} */ (await fromFragment(String(await toFragment({ ...PROJECT, supports }, brief))));
    assert.deepEqual(project.supports.slice(1), [seen, onThePad]);
    return project.supports[0].strokes?.[0].length;
  }
  assert.equal(await opened(50), 50);
  assert.equal(await opened(50, true), undefined);
  assert.equal(await opened(9000), undefined);
});

test("an address without a project", async () => {
  for (const fragment of ["", "#", "#top", "#studi"]) assert.equal(await fromFragment(fragment), null);
});

test("what is too long for a link says so", async () => {
  const letters = Array.from({ length: 9000 }, () => String.fromCharCode(33 + (noise() % 90)));
  const refused = await toFragment({ ...PROJECT, model: letters.join("") });
  assert.ok(typeof refused === "object");
  assert.match(refused.error, /too much for a link: .* Save a project file instead\.$/);
});

test("damaged and hostile links are refused with a sentence", async () => {
  const good = packed(PROJECT);
  const hostile = [
    "#studio=",
    "#studio=<script>",
    "#studio=%7B%7D",
    good.slice(0, -9),
    `${good.slice(0, 20)}AAAA${good.slice(24)}`,
    packed("no JSON"),
    packed("\u0000"),
    packed("x".repeat(5_000_000)), // a few thousand characters that become five million
    `#studio=${"A".repeat(9000)}`,
  ];
  for (const fragment of hostile) {
    const answer = /** @type {any} */ (await fromFragment(fragment));
    assert.match(answer.error, /^This link is damaged: .*\.$/, fragment.slice(0, 40));
  }
});

test("what is needed to draw a picture again", async () => {
  const chunk = madeChunk({ given: 1, seed: 7, guidance: 0.5, cut: 0.01, rows: 1 });
  const run = beginRun(chunk);
  addRows(run, chunk, await unpack(chunk));
  assert.deepEqual(recipeOf(run), {
    model: "made",
    supports: [{ pixels: btoa("\x90") }, { pixels: btoa("\x60") }],
    beginning: { pixels: btoa("\x40"), rows: 1 },
    seed: 7,
    temperature: 1,
    guidance: 0.5,
    cut: 0.01,
    inner_steps: 1,
  });
});

// What is opened without a server -------------------------------------------------------------------------------------

const FACTS = /** @type {any} */ ({
  tasks: {
    made: { drawn: true, side: 26, channels: 1, most: 8 },
    painted: { drawn: false, side: 2, channels: 3, most: 3 },
  },
  models: { "made-model": { task: "made" }, other: { task: "another" }, painter: { task: "painted" } },
  limits: { seed: [0, 99], temperature: [0.5, 2], guidance: [0, 4] },
});
const PIXELS = Buffer.alloc(85, 0b10110000).toString("base64"); // the last byte has bits that are none
const GIVEN = { ...PROJECT, supports: [{ pixels: PIXELS }, PROJECT.supports[1]] };

test("a project is opened as it was saved, and what is on the pad is seen too", () => {
  const opened = /** @type {any} */ (checkProject({ ...GIVEN, more: "nothing" }, FACTS));
  const { supports, ...others } = opened;
  const { supports: _, ...expected } = GIVEN;
  assert.deepEqual(others, expected);
  assert.deepEqual(supports[1].strokes, /** @type {any} */ (PROJECT.supports[1]).strokes);
  assert.equal(Buffer.from(supports[0].pixels, "base64").length, 85);
  const strokes = [
    [
      [5, 5],
      [90, 90],
    ],
  ]; // of a drawing in the tray, which says what it shows
  const tray = [{ pixels: PIXELS, strokes, muted: true }, PROJECT.supports[1], { pixels: PIXELS, muted: 1 }];
  const [muted, onThePad, read] = /** @type {any} */ (checkProject({ ...GIVEN, supports: tray, shots: 2 }, FACTS))
    .supports;
  assert.deepEqual([muted.strokes, muted.muted], [strokes, true]);
  assert.notEqual(muted.pixels, read.pixels);
  assert.deepEqual(onThePad, PROJECT.supports[1]);
  assert.deepEqual(Object.keys(read), ["pixels"]);
  const begun = { ...PROJECT.supports[1], rows: 9 };
  assert.equal(/** @type {any} */ (checkProject({ ...GIVEN, beginning: begun }, FACTS)).beginning.rows, 9);
  assert.deepEqual(/** @type {any} */ (checkProject({ ...GIVEN, view: undefined }, FACTS)).view, {
    position: 676,
    locked: null,
  });
});

test("a project of paintings", () => {
  const [pixels, other] = [1, 2].map((level) => Buffer.alloc(12, level).toString("base64"));
  const beginning = { pixels: other, rows: 1 };
  const supports = [{ pixels, muted: true }, { pixels: other }];
  const given = { ...GIVEN, task: "painted", model: "painter", supports, beginning, view: undefined };
  const opened = /** @type {any} */ (checkProject(given, FACTS));
  assert.deepEqual([opened.supports, opened.beginning], [supports, beginning]);
  const short = { ...given, supports: [{ pixels: "AAAA" }] };
  assert.match(/** @type {any} */ (checkProject(short, FACTS)).error, /2x2x3 bytes/);
});

test("what is no project, or damaged, is said in a sentence", () => {
  /** @type {[unknown, RegExp][]} */
  const wrong = [
    [null, /no project/],
    [[], /no project/],
    ["few-shot studio", /no project/],
    [{ ...GIVEN, version: 2 }, /another version/],
    [{ ...GIVEN, model: "missing" }, /a model that is not here/],
    [{ ...GIVEN, task: "__proto__" }, /a model that is not here/],
    [{ ...GIVEN, model: "other" }, /draws something else/],
    [{ ...GIVEN, supports: null }, /up to 8 drawings/],
    [{ ...GIVEN, supports: Array(9).fill({ pixels: PIXELS }) }, /up to 8 drawings/],
    [{ ...GIVEN, supports: [null] }, /26x26 bits/],
    [{ ...GIVEN, supports: [{ pixels: "!" }] }, /26x26 bits/],
    [{ ...GIVEN, supports: [{ pixels: "AAAA" }] }, /26x26 bits/],
    [{ ...GIVEN, supports: [{ strokes: [[["1", 2]]] }] }, /strokes/],
    [{ ...GIVEN, supports: [PROJECT.supports[1], PROJECT.supports[1]] }, /only one drawing/],
    [{ ...GIVEN, supports: [{ pixels: PIXELS, muted: true }, { pixels: PIXELS }], shots: 2 }, /how many drawings/],
    [{ ...GIVEN, shots: 3 }, /how many drawings/],
    [{ ...GIVEN, shots: 1.5 }, /how many drawings/],
    [{ ...GIVEN, settings: null }, /chance number/],
    [{ ...GIVEN, settings: { ...GIVEN.settings, seed: true } }, /chance number/],
    [{ ...GIVEN, settings: { ...GIVEN.settings, temperature: 9 } }, /temperature/],
    [{ ...GIVEN, settings: { ...GIVEN.settings, guidance: "1" } }, /faithfulness/],
    [{ ...GIVEN, beginning: { pixels: PIXELS, rows: 27 } }, /rows that are given/],
    [{ ...GIVEN, view: { position: 677 } }, /a pixel that is not there/],
    [{ ...GIVEN, view: { locked: 676 } }, /a pixel that is not there/],
  ];
  for (const [given, sentence] of wrong) {
    const answer = /** @type {any} */ (checkProject(given, FACTS));
    assert.match(answer.error ?? "none", sentence, JSON.stringify(given));
  }
});

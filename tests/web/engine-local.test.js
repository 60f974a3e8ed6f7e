// Who draws: the browser's engine between a made worker and a made server.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBase64, packBits, toBase64, unpackBits } from "../../fewshot/interface/web/codec.js";
import { createLocalEngine } from "../../fewshot/interface/web/engine-local.js";

/** @typedef {import("../../fewshot/interface/web/engine.js").Engine} Engine */
/** @typedef {import("../../fewshot/interface/web/engine.js").Settings} Settings */
/** @typedef {import("../../fewshot/interface/web/local/artist.js").Answer} Answer */

/** @type {import("../../fewshot/interface/web/engine.js").Drawings} */
const DRAWINGS = { supports: [{ strokes: [[[9, 9]]] }], shots: null, beginning: null };
const SETTINGS = { model: "one", guidance: 0, temperature: 1, seed: 7, inner_steps: 0, fresh: false };
/** @type {[string, boolean][]} */
const MODELS = [
  ["one", true],
  ["other", true],
  ["neither", false],
  ["painter", true],
];
const PAINTING = Uint8Array.from({ length: 12 }, (_, i) => i);
const NO_PHOTOS = { photos: [], beginning: null };

/**
 * What a worker says of variations: two rows of five pixels, of which the seeds' last bits are ink, and each one's fit.
 * @param {{seed: number, samples: number}} wish
 */
function variationsOf({ seed, samples }) {
  const fits = Array.from({ length: samples }, (_, i) => seed + i);
  const rows = Uint8Array.from(fits.flatMap((each) => [0, 0, 0, 0, each % 2]));
  const chunk = { seed, number: samples, width: 5, channels: 1, pixels: toBase64(packBits(rows)), fits: null };
  return [
    { ...chunk, start: 0, rows: 1 },
    { ...chunk, start: 1, rows: 2 },
    { ...chunk, start: 2, rows: 2, pixels: "", fits },
  ];
}

/** Lets all that waits for nothing go on. */
const settle = () => new Promise((resolve) => setTimeout(resolve));

/**
 * An engine, whose server says "server", and whose worker answers a wish with its own seed as the picture.
 * @param {object} options
 * @param {(number | string)[]} [options.answers]  of the worker, in turn and the last for ever: the milliseconds that it
 *   says a picture took; or a sentence, after a first row
 * @param {boolean} [options.always]
 * @param {boolean} [options.starts]
 * @param {number} [options.cores]
 */
function madeEngine({ answers = [1], always = false, starts = true, cores = 1 }) {
  /** @type {any[]} */
  const wishes = [];
  /** @type {number[]} */
  const told = [];
  /** @type {number[]} */
  const left = [];
  /** @type {ArrayBuffer[]} */
  const spares = [];
  let workers = 0;
  const start = () => {
    const target = new EventTarget();
    workers++;
    if (!starts) setTimeout(() => target.dispatchEvent(new Event("error")));
    return Object.assign(target, {
      postMessage(/** @type {any} */ { id, wish, spare }, /** @type {ArrayBuffer[]} */ given = []) {
        if (spare) spares.push(structuredClone(spare, { transfer: given }));
        else if (!wish) left.push(id);
        if (!wish || !starts) return;
        wishes.push(wish);
        const answer = answers.length > 1 ? answers.shift() : answers[0];
        const say = (/** @type {object} */ more) =>
          target.dispatchEvent(new MessageEvent("message", { data: { id, ...more } }));
        setTimeout(() => {
          if (wish.samples) for (const chunk of variationsOf(wish)) say({ chunk });
          else if (wish.supports)
            say({ chunk: { by: "browser", seed: wish.seed, height: 1, width: 1, data: Uint8Array.of(1) } });
          say(typeof answer === "string" ? { error: answer } : { time: answer });
        });
      },
    });
  };
  const server = /** @type {any} */ ({
    async *generate(/** @type {any} */ _, /** @type {any} */ __, /** @type {Settings} */ { seed, fresh }) {
      yield { by: "server", seed, fresh };
    },
    along: async () => ({ by: "server" }),
  });
  const engine = createLocalEngine(server, {
    start: /** @type {any} */ (start),
    cores,
    facts: /** @type {any} */ ({
      tasks: {
        made: { drawn: true, side: 26, channels: 1, read: 2, most: 3 },
        painted: { drawn: false, side: 2, channels: 3, read: 2, most: 3 },
      },
      models: Object.fromEntries(
        MODELS.map(([name, local]) => {
          const task = name === "painter" ? "painted" : "made";
          return [name, { task, local, needs_supports: name !== "other" }];
        }),
      ),
      limits: { seed: [0, 99], temperature: [0.5, 2], guidance: [0, 4] },
      new_seeds: 10,
    }),
    always,
    tellSeed: (seed) => told.push(seed),
  });
  return {
    told,
    spares,
    wishes,
    left,
    get workers() {
      return workers;
    },
    /**
     * Who draws a picture, row by row.
     * @param {Partial<Settings>} [settings]
     * @param {AbortSignal} [wanted]
     * @param {import("../../fewshot/interface/web/engine.js").Photographs} [photographs]
     */
    async generate(settings, wanted = new AbortController().signal, photographs = NO_PHOTOS) {
      const its = { ...SETTINGS, ...settings };
      const chunks = [];
      for await (const chunk of engine.generate(DRAWINGS, photographs, its, wanted)) chunks.push(chunk);
      await settle();
      await settle();
      await settle();
      return /** @type {any[]} */ (chunks);
    },
    /** @param {number} samples  @param {number} [most]  chunks that are taken */
    async variations(samples, most = 3) {
      const chunks = [];
      const recipe = /** @type {any} */ ({ task: "made", drawings: DRAWINGS, settings: SETTINGS });
      for await (const chunk of engine.variations(recipe, samples)) {
        chunks.push(chunk);
        if (chunks.length === most) break;
      }
      return /** @type {any[]} */ (chunks);
    },
    /** @param {Partial<Settings>} [settings]  @param {object} [drawings] */
    async along(settings, drawings) {
      const answer = await engine.along({ ...DRAWINGS, ...drawings }, { ...SETTINGS, ...settings });
      await settle();
      await settle();
      await settle();
      return /** @type {any} */ (answer).by;
    },
  };
}

test("a picture that is not wanted any more ends", async () => {
  const engine = madeEngine({ answers: [900, 299] });
  await engine.along();
  const stopped = AbortSignal.abort();
  assert.deepEqual(await engine.generate({}, stopped), []);
});

test("a model's first picture is the server's, and the others the browser's if its second trial is fast", async () => {
  const engine = madeEngine({ answers: [900, 299] });
  assert.equal(await engine.along(), "server");
  assert.equal(engine.wishes.length, 2);
  assert.equal(await engine.along(), "browser");
  const [{ release: _, ...chunk }, ...others] = await engine.generate();
  assert.deepEqual(chunk, { by: "browser", seed: 7, height: 1, width: 1, data: Uint8Array.of(1) });
  assert.equal(others.length, 0);
  assert.equal((await engine.generate({ model: "other" }))[0].by, "server");
  assert.equal((await engine.generate({ model: "other" }))[0].by, "browser");
  assert.equal(engine.workers, 1);
});

test("the memory of a chunk's data goes back to the worker once they are copied", async () => {
  const engine = madeEngine({ always: true });
  const [{ data, release }] = await engine.generate();
  release(data.buffer);
  assert.equal(data.length, 0);
  assert.equal(engine.spares[0].byteLength, 1);
});

test("a slow browser leaves it to the server", async () => {
  const engine = madeEngine({ answers: [100, 301] });
  for (let i = 0; i < 3; i++) assert.equal(await engine.along(), "server");
  assert.equal(engine.wishes.length, 2);
});

test("a browser that always draws tries nothing out, and does not ask for speed", async () => {
  const engine = madeEngine({ answers: [5000], always: true });
  assert.equal(await engine.along(), "browser");
  assert.equal(engine.wishes.length, 2);
  assert.equal(engine.wishes[0].supports, null);
});

test("what it cannot draw is the server's", async () => {
  const engine = madeEngine({ always: true });
  assert.equal(await engine.along({ model: "neither" }), "server");
  assert.equal(engine.workers, 0);
  assert.equal(await engine.along({}, { supports: [] }), "server");
  assert.equal(await engine.along({ model: "other" }, { supports: [] }), "browser"); // it reads none anyway
});

test("of a task whose supports are pictures, these are read, in colour", async () => {
  const engine = madeEngine({ always: true });
  assert.equal((await engine.generate({ model: "painter" }))[0].by, "server"); // there are none
  const photos = [{ pixels: toBase64(PAINTING) }, { pixels: "", muted: true }];
  const beginning = { pixels: toBase64(PAINTING), rows: 1 };
  assert.equal((await engine.generate({ model: "painter" }, undefined, { photos, beginning }))[0].by, "browser");
  const [{ supports, beginning: begun }] = engine.wishes.slice(-1);
  assert.deepEqual(supports, [PAINTING]);
  assert.deepEqual(begun, { image: PAINTING, rows: 1 });
});

test("settings that are none are the server's, which says so", async () => {
  const engine = madeEngine({ always: true });
  const wrong = [{ seed: -1 }, { seed: 1.5 }, { seed: 100 }, { temperature: 0.4 }, { temperature: 3 }, { guidance: 5 }];
  for (const settings of [...wrong, { seed: null }, { temperature: "1" }, { guidance: Number.NaN }]) {
    assert.equal(await engine.along(/** @type {any} */ (settings)), "server", JSON.stringify(settings));
  }
  assert.equal(await engine.along({ seed: 99, temperature: 0.5, guidance: 4 }), "browser");
});

test("a new seed is told, and one that was chosen is not", async () => {
  const engine = madeEngine({ always: true });
  await engine.generate();
  const [{ seed }] = await engine.generate({ fresh: true });
  assert.deepEqual(engine.told, [seed]);
  assert.ok(seed >= 0 && seed < 10);
});

test("where the worker fails, the server draws the same picture, and all from then on", async () => {
  const engine = madeEngine({ answers: [1, "Damaged."], always: true });
  const chunks = await engine.generate({ fresh: true });
  assert.deepEqual(
    chunks.map(({ by }) => by),
    ["browser", "server"],
  );
  assert.deepEqual([chunks[1].seed, chunks[1].fresh], [chunks[0].seed, false]);
  assert.equal(await engine.along(), "server");
  assert.equal(engine.wishes.length, 2);
});

test("weights that cannot be read are the server's affair", async () => {
  const engine = madeEngine({ answers: ["Damaged."], always: true });
  assert.equal(await engine.along(), "server");
  assert.equal(await engine.along(), "server");
  assert.equal(engine.wishes.length, 1);
});

test("a worker that cannot start", async () => {
  const engine = madeEngine({ starts: false, always: true });
  assert.equal(await engine.along(), "server");
  assert.equal(await engine.along({ model: "other" }), "server");
});

test("two workers draw variations together, and their chunks are as those of one", async () => {
  const [one, two] = [1, 4].map((cores) => madeEngine({ always: true, cores }));
  for (const samples of [1, 2, 5]) {
    const chunks = await two.variations(samples);
    assert.deepEqual(chunks, await one.variations(samples));
    assert.deepEqual(
      chunks[2].fits,
      Array.from({ length: samples }, (_, i) => SETTINGS.seed + i),
    );
    const pixels = unpackBits(fromBase64(chunks[1].pixels), samples * 5);
    assert.deepEqual(
      [...pixels.filter((_, i) => i % 5 === 4)],
      Array.from({ length: samples }, (_, i) => (i + 1) % 2),
    );
  }
  assert.deepEqual([one.workers, two.workers], [1, 2]);
  assert.deepEqual(
    two.wishes.filter(({ samples }) => samples).map(({ seed, samples }) => [seed, samples]),
    [
      [7, 1],
      [7, 1],
      [8, 1],
      [7, 3],
      [10, 2],
    ],
  );
});

test("variations that nobody takes any more are drawn by no worker", async () => {
  const engine = madeEngine({ always: true, cores: 2 });
  assert.equal((await engine.variations(4, 1)).length, 1);
  assert.deepEqual(engine.left, [1, 2, 1]); // the trial; then both
});

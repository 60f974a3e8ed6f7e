// Who draws: the browser's engine between a made worker and a made server.

import assert from "node:assert/strict";
import { test } from "node:test";
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
];
const NO_PHOTOS = { photos: [], beginning: null };

/** Lets all that waits for nothing go on. */
const settle = () => new Promise((resolve) => setTimeout(resolve));

/**
 * An engine, whose server says "server", and whose worker answers a wish with its own seed as the picture.
 * @param {object} options
 * @param {(number | string)[]} [options.answers]  of the worker, in turn and the last for ever: the milliseconds that it
 *   says a picture took; or a sentence, after a first row
 * @param {boolean} [options.always]
 * @param {boolean} [options.starts]
 */
function madeEngine({ answers = [1], always = false, starts = true }) {
  /** @type {any[]} */
  const wishes = [];
  /** @type {number[]} */
  const told = [];
  let workers = 0;
  const start = () => {
    const target = new EventTarget();
    workers++;
    if (!starts) setTimeout(() => target.dispatchEvent(new Event("error")));
    return Object.assign(target, {
      postMessage(/** @type {any} */ { id, wish }) {
        if (!wish || !starts) return;
        wishes.push(wish);
        const answer = answers.length > 1 ? answers.shift() : answers[0];
        const say = (/** @type {object} */ more) =>
          target.dispatchEvent(new MessageEvent("message", { data: { id, ...more } }));
        setTimeout(() => {
          if (wish.supports)
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
    facts: /** @type {any} */ ({
      tasks: { made: { side: 26, read: 2 } },
      models: Object.fromEntries(MODELS.map(([name, local]) => [name, { task: "made", local }])),
      limits: { seed: [0, 99], temperature: [0.5, 2], guidance: [0, 4] },
      new_seeds: 10,
    }),
    always,
    tellSeed: (seed) => told.push(seed),
  });
  return {
    told,
    wishes,
    get workers() {
      return workers;
    },
    /** Who draws a picture, row by row. @param {Partial<Settings>} [settings]  @param {AbortSignal} [wanted] */
    async generate(settings, wanted = new AbortController().signal) {
      const its = { ...SETTINGS, ...settings };
      const chunks = [];
      for await (const chunk of engine.generate(DRAWINGS, NO_PHOTOS, its, wanted)) chunks.push(chunk);
      await settle();
      await settle();
      await settle();
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
  assert.deepEqual(await engine.generate(), [{ by: "browser", seed: 7, height: 1, width: 1, data: Uint8Array.of(1) }]);
  assert.equal((await engine.generate({ model: "other" }))[0].by, "server");
  assert.equal((await engine.generate({ model: "other" }))[0].by, "browser");
  assert.equal(engine.workers, 1);
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

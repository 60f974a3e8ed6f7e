import assert from "node:assert/strict";
import { test } from "node:test";
import { createHistory } from "../../fewshot/interface/web/history.js";

/**
 * What database.js keeps, in memory: it outlives a page as that does.
 * @returns {import("../../fewshot/interface/web/history.js").Keeper & {records: Map<string, any>}}
 */
function createKeeper() {
  const records = new Map();
  const of = (/** @type {unknown} */ key) => JSON.stringify(key);
  return {
    records,
    put: async (_store, key, value) => records.set(of(key), structuredClone(value)),
    remove: async (_store, key) => records.delete(of(key)),
    all: async (_store, [part]) => {
      const found = [...records].filter(([key]) => JSON.parse(key)[0] === part);
      return found.sort(([a], [b]) => JSON.parse(a)[1] - JSON.parse(b)[1]).map(([, value]) => value);
    },
  };
}

test("the last change is undone first, several times, and then nothing", () => {
  const history = createHistory("pad", createKeeper());
  assert.equal(history.last, undefined);
  history.add("one", [1]);
  history.add("two", [2]);
  assert.equal(history.last, "two");
  assert.deepEqual(history.undo()?.before, [2]);
  assert.deepEqual(history.undo()?.before, [1]);
  assert.equal(history.undo(), undefined);
});

test("after a reload the same can be undone, and what was undone before cannot", async () => {
  const keeper = createKeeper();
  const history = createHistory("pad", keeper);
  for (const n of [1, 2, 3]) history.add(String(n), n);
  history.undo();
  createHistory("shelf", keeper).add("another part", 0);
  const latest = Math.max(...[...keeper.records.values()].map(({ at }) => at));
  while (Date.now() <= latest); // a page takes longer to load
  const again = createHistory("pad", keeper);
  again.add("added before it was loaded", 4);
  await again.load();
  assert.deepEqual(
    [again.undo(), again.undo(), again.undo(), again.undo()].map((entry) => entry?.before),
    [4, 2, 1, undefined],
  );
  assert.equal(keeper.records.size, 1);
});

test("the oldest go, here and where they are kept", async () => {
  const keeper = createKeeper();
  const history = createHistory("pad", keeper);
  for (let n = 0; n < 60; n++) history.add(String(n), n);
  assert.equal(keeper.records.size, 50);
  let undone = 0;
  while (history.undo()) undone++;
  assert.equal(undone, 50);
  assert.equal(keeper.records.size, 0);
});

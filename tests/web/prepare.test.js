import assert from "node:assert/strict";
import { test } from "node:test";
import { hiddenBy, PARTS } from "../../fewshot/interface/web/hiding.js";
import { queryOf } from "../../fewshot/interface/web/prepare.js";

const NAMES = Object.keys(PARTS);

test("what a link hides, and what it only says", () => {
  assert.deepEqual(hiddenBy(""), { names: [], unknown: [] });
  assert.deepEqual(hiddenBy("?hide="), { names: [], unknown: [] });
  assert.deepEqual(hiddenBy(`?lesson=1&hide=${NAMES}`), { names: NAMES, unknown: [] });
  const said = "?hide=model, model,nonsense,%3Cb%3E,toString,__proto__,,upload";
  assert.deepEqual(hiddenBy(said), {
    names: ["model", "upload"],
    unknown: ["nonsense", "<b>", "toString", "__proto__"],
  });
});

test("what a prepared link says is what is hidden, and the lesson that opens", () => {
  assert.equal(queryOf({ hidden: [], lesson: null, step: 1 }), "");
  const query = queryOf({ hidden: NAMES, lesson: 3, step: 2 });
  assert.deepEqual(hiddenBy(query).names, NAMES);
  const read = new URLSearchParams(query);
  assert.deepEqual([read.get("lesson"), read.get("step")], ["3", "2"]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { GAP, layOut, PICTURE } from "../../fewshot/interface/web/wall/sheet.js";

test("all drawings lie on the sheet, and none on another", () => {
  for (const count of [1, 2, 5, 12, 240]) {
    const { width, height, places } = layOut(count);
    assert.equal(new Set(places.map(({ x, y }) => `${x} ${y}`)).size, count);
    for (const { x, y } of places) {
      assert.ok(x >= GAP && x + PICTURE + GAP <= width);
      assert.ok(y >= GAP && y + PICTURE + GAP <= height);
      const near = places.filter((other) => Math.abs(other.x - x) < PICTURE && Math.abs(other.y - y) < PICTURE);
      assert.equal(near.length, 1);
    }
    assert.ok(width < 4 * height && height < 2 * width);
    assert.ok(width * height < 2 ** 26); // a canvas that browsers make
  }
});

// Painting on a small picture.

import assert from "node:assert/strict";
import { test } from "node:test";
import { blank, colourAt, colourOfHex, fill, isBlank, paintLine } from "../../fewshot/interface/web/raster.js";

const RED = colourOfHex("#e53935");
const [SIDE, BLUE] = [8, /** @type {[number, number, number]} */ ([0, 0, 255])];

/** @param {Uint8Array} pixels */
function shown(pixels) {
  const names = { "255,255,255": ".", [String(RED)]: "r", [String(BLUE)]: "b" };
  const rows = Array.from({ length: SIDE }, (_, row) => row * SIDE);
  return rows.map((start) => Array.from({ length: SIDE }, (_, i) => names[colourAt(pixels, start + i)]).join(""));
}

test("a brush is as wide as it says, around the place, and ends at the edge", () => {
  assert.deepEqual(RED, [229, 57, 53]);
  const pixels = blank(SIDE);
  assert.ok(isBlank(pixels));
  paintLine(pixels, SIDE, [0.5, 0.5], [0.5, 0.5], 1, RED);
  paintLine(pixels, SIDE, [7, 1], [7, 1], 2, RED);
  paintLine(pixels, SIDE, [4, 6], [4, 6], 4, BLUE);
  assert.deepEqual(shown(pixels), [
    "r.....rr",
    "......rr",
    "........",
    "........",
    "...bb...",
    "..bbbb..",
    "..bbbb..",
    "...bb...",
  ]);
  paintLine(pixels, SIDE, [-20, 6], [20, 6], 4, [255, 255, 255]);
  paintLine(pixels, SIDE, [0, 1], [8, 1], 2, [255, 255, 255]);
  assert.ok(isBlank(pixels));
});

test("a fast hand leaves no gaps", () => {
  const pixels = blank(SIDE);
  paintLine(pixels, SIDE, [0.5, 0.5], [7.5, 3.5], 1, RED);
  const rows = shown(pixels);
  for (let column = 0; column < SIDE; column++) assert.ok(rows.some((row) => row[column] === "r"));
});

test("filling stops at another colour, and does not cross corners", () => {
  const pixels = blank(SIDE);
  paintLine(pixels, SIDE, [3.5, 0], [3.5, 3.5], 1, RED);
  paintLine(pixels, SIDE, [0, 4.5], [2.5, 4.5], 1, RED);
  fill(pixels, SIDE, [1.2, 1.7], BLUE);
  const expected = ["bbbr....", "bbbr....", "bbbr....", "bbbr....", "rrr.....", "........", "........", "........"];
  assert.deepEqual(shown(pixels), expected);
  fill(pixels, SIDE, [0, 0], BLUE);
  assert.deepEqual(shown(pixels), expected);
});

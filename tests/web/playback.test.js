import assert from "node:assert/strict";
import { test } from "node:test";
import { createPlayback } from "../../fewshot/interface/web/playback.js";
import { createSelection } from "../../fewshot/interface/web/selection.js";

/** A playback whose frames come when the test says so. */
function made() {
  let now = 0;
  /** @type {((now: number) => void) | null} */
  let asked = null;
  const playback = createPlayback({
    now: () => now,
    request: (frame) => {
      asked = frame;
      return 1;
    },
    cancel: () => {
      asked = null;
    },
  });
  /** @param {number} milliseconds */
  const pass = (milliseconds) => {
    now += milliseconds;
    const frame = asked;
    asked = null;
    frame?.(now);
  };
  const track = (available = 0, growing = false) => {
    const state = { available, growing, told: 0 };
    const leave = playback.join({
      available: () => state.available,
      growing: () => state.growing,
      changed: () => state.told++,
    });
    return Object.assign(state, { leave });
  };
  return { playback, pass, track, waits: () => asked !== null };
}

test("plays at its speed, to the end, and from the start again", () => {
  const { playback, pass, track, waits } = made();
  playback.play();
  assert.equal(playback.playing, false); // nothing to play
  track(20);
  playback.play();
  pass(50);
  assert.equal(playback.drawn, 5); // of 100 pixels/s
  playback.speed = 10;
  pass(100);
  assert.equal(playback.drawn, 6);
  playback.speed = 400;
  pass(1e6); // a frame counts for at most 100 ms
  assert.equal(playback.drawn, 20);
  assert.deepEqual([playback.playing, waits()], [false, false]);
  playback.toggle();
  assert.deepEqual([playback.drawn, playback.playing], [0, true]);
  pass(10);
  playback.toggle();
  assert.deepEqual([playback.drawn, playback.playing, waits()], [4, false, false]);
});

test("waits for a picture that grows, not for one that stopped", () => {
  const { playback, pass, track } = made();
  const one = track(5, true);
  playback.play();
  pass(100);
  assert.deepEqual([playback.drawn, playback.playing], [5, true]);
  one.available = 8;
  pass(100);
  assert.deepEqual([playback.drawn, playback.playing], [8, true]);
  one.growing = false;
  pass(100);
  assert.deepEqual([playback.drawn, playback.playing], [8, false]);
});

test("steps by pixels and rows, within what there is", () => {
  const { playback, track } = made();
  track(10);
  const at = (/** @type {() => void} */ act) => {
    act();
    return playback.drawn;
  };
  assert.equal(
    at(() => playback.step(-1)),
    0,
  );
  assert.equal(
    at(() => playback.step(5)),
    5,
  );
  assert.equal(
    at(() => playback.stepRows(1, 4)),
    8,
  );
  assert.equal(
    at(() => playback.stepRows(1, 4)),
    10,
  );
  assert.equal(
    at(() => playback.stepRows(-1, 4)),
    8,
  );
  assert.equal(
    at(() => playback.go(99)),
    10,
  );
});

test("is shared: a growing picture holds the others up, a finished one does not, and who left hears nothing", () => {
  const { playback, pass, track, waits } = made();
  const whole = track(100);
  const growing = track(3, true);
  assert.equal(playback.available, 3);
  playback.restart();
  pass(100);
  assert.equal(playback.drawn, 3);
  growing.growing = false; // stopped after three pixels
  pass(100);
  assert.equal(playback.drawn, 13);
  growing.leave();
  const { told } = growing;
  pass(100);
  assert.deepEqual([growing.told, playback.drawn], [told, 23]);
  assert.ok(whole.told > told);
  whole.leave();
  assert.deepEqual([playback.playing, waits()], [false, false]);
});

test("a selection tells of what is pointed at and locked", () => {
  const selection = createSelection();
  let told = 0;
  const leave = selection.subscribe(() => told++);
  selection.hover(3);
  selection.hover(3);
  assert.deepEqual([selection.hovered, selection.locked, told], [3, null, 1]);
  selection.lock(3);
  selection.lock(3);
  assert.equal(selection.locked, null);
  selection.lock(4);
  selection.lock(null);
  assert.deepEqual([selection.locked, told], [null, 5]);
  selection.lock(4);
  selection.clear();
  assert.deepEqual([selection.hovered, selection.locked], [null, null]);
  leave();
  selection.hover(1);
  assert.equal(told, 6);
});

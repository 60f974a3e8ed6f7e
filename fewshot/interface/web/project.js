// A project: all that is on the page, as a file or in a link. project.py describes its fields, and checks what is opened
// where there is a server. Needs no page.

import { fromBase64, packBits, packImages, strokesAmong, toBase64, unpackImages } from "./codec.js";
import { renderStrokes } from "./ink.js";
import { readOf } from "./supports.js";

/** @typedef {import("./engine.js").Project} Project */
/** @typedef {import("./engine.js").OpenedProject} OpenedProject */
/** @typedef {import("./engine.js").Facts} Facts */
/** @typedef {import("./engine.js").Refusal} Refusal */
/** @typedef {import("./engine.js").Task} Task */

export const KIND = "few-shot studio";
export const VERSION = 1;
const MARK = "#studio="; // before what a link holds
const LONGEST = 8000; // characters of a link's fragment: longer ones are cut by what they are sent with
const ROOM = LONGEST - MARK.length;
const MOST = 200_000; // bytes of what it says
const BROKEN =
  "This link is damaged: a part of it is missing or was changed. Ask for it again, or for the project file.";

/**
 * @param {Project} project
 * @param {boolean} brief  as short as can be: for a code that a camera reads
 * @returns {Promise<string | Refusal>} the fragment of a link that holds it, or a sentence that says why there is none.
 *   Where there is no room for the strokes of drawings in the tray, it is without them: they can be traced
 */
export async function toFragment(project, brief = false) {
  const supports = project.supports.map((one) => ("pixels" in one ? { ...one, strokes: undefined } : one));
  const traced = { ...project, supports };
  const whole = brief ? "" : await packed(project);
  const text = whole && whole.length <= ROOM ? whole : await packed(traced);
  if (text.length <= ROOM) return MARK + text;
  const [is, most] = [text.length, LONGEST].map((length) => length.toLocaleString("en"));
  return { error: `This is too much for a link: ${is} of at most ${most} characters. Save a project file instead.` };
}

/** @param {Project} project */
async function packed(project) {
  const bytes = new TextEncoder().encode(JSON.stringify(project));
  const deflated = await through(bytes, new CompressionStream("deflate"), Number.POSITIVE_INFINITY);
  return toBase64(deflated).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/**
 * @param {string} fragment  of the page's address
 * @returns {Promise<unknown>} the project that a link holds, not checked, or {error}; null if it holds none
 */
export async function fromFragment(fragment) {
  if (!fragment.startsWith(MARK)) return null;
  const text = fragment.slice(MARK.length);
  if (fragment.length > LONGEST || !/^[\w-]+$/.test(text)) return { error: BROKEN };
  try {
    const packed = fromBase64(text.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = await through(packed, new DecompressionStream("deflate"), MOST);
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return { error: BROKEN };
  }
}

/**
 * Bytes through a stream that changes them. Rejected if they are damaged, or more than `most` come out.
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {CompressionStream | DecompressionStream} stream
 * @param {number} most
 */
async function through(bytes, stream, most) {
  const reader = new Blob([bytes]).stream().pipeThrough(stream).getReader();
  const parts = [];
  let size = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    parts.push(next.value);
    size += next.value.length;
    if (size > most) {
      await reader.cancel();
      throw new RangeError("That is too much.");
    }
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** What a project is not; the message is one sentence for the user. */
class ProjectError extends Error {}

/**
 * A project, checked as project.py does: what is wrong with it, in a sentence, or all of it that is known.
 * @param {any} given
 * @param {Facts} facts
 * @returns {OpenedProject | Refusal}
 */
export function checkProject(given, facts) {
  try {
    return checked(given, facts);
  } catch (error) {
    if (error instanceof ProjectError) return { error: error.message };
    throw error;
  }
}

/**
 * @param {any} given
 * @param {Facts} facts
 * @returns {OpenedProject}
 */
function checked(given, { tasks, models, limits }) {
  const no = (/** @type {string} */ sentence) => new ProjectError(sentence);
  if (given?.kind !== KIND) throw no("This is no project of the studio.");
  if (given.version !== VERSION) throw no("This project was made by another version of the studio.");
  const { task, model, supports, shots, beginning, settings } = given;
  if (!Object.hasOwn(tasks, task) || !Object.hasOwn(models, model)) {
    throw no("This project needs a model that is not here: open it in a studio with a server.");
  }
  if (models[model].task !== task) throw no("This project is damaged: its model draws something else.");
  const its = tasks[task];
  const { side, most } = its;
  if (!Array.isArray(supports) || supports.length > most) {
    throw no(`This project is damaged: it must have up to ${most} drawings.`);
  }
  const seen = supports.map((each) => supportOf(each, its));
  if (seen.filter((one) => !("pixels" in one)).length > 1) {
    throw no("This project is damaged: only one drawing can be on the pad.");
  }
  if (shots !== null && !isWhole(shots, 1, readOf(seen).length)) {
    throw no("This project is damaged: it does not say how many drawings are used.");
  }
  const isRecord = typeof settings === "object" && settings !== null;
  const { seed, temperature, guidance } = isRecord ? settings : {};
  const isWithin = (/** @type {unknown} */ value, /** @type {[number, number]} */ [least, greatest]) =>
    typeof value === "number" && least <= value && value <= greatest;
  if (!isWhole(seed, ...limits.seed) || !isWithin(temperature, limits.temperature)) {
    throw no("This project is damaged: its chance number or its temperature is out of range.");
  }
  if (!isWithin(guidance, limits.guidance)) {
    throw no(`The faithfulness must be a number from ${limits.guidance.join(" to ")}.`);
  }
  const { position = side ** 2, locked = null } = given.view ?? {};
  if (!isWhole(position, 0, side ** 2) || (locked !== null && !isWhole(locked, 0, side ** 2 - 1))) {
    throw no("This project is damaged: it looks at a pixel that is not there.");
  }
  return {
    kind: KIND,
    version: VERSION,
    task,
    model,
    supports: seen,
    shots,
    beginning: beginningOf(beginning ?? null, its),
    settings: { seed, temperature, guidance, inner_steps: null }, // models that take some need a server
    view: { position, locked },
  };
}

/**
 * @param {unknown} value
 * @param {number} least
 * @param {number} most
 */
const isWhole = (value, least, most) => Number.isInteger(value) && Number(value) >= least && Number(value) <= most;

/**
 * @param {any} given
 * @param {Task} task
 * @returns {OpenedProject["beginning"]}
 */
function beginningOf(given, task) {
  if (given === null) return null;
  if (!isWhole(given?.rows, 0, task.side)) {
    throw new ProjectError(`The rows that are given must be a whole number from 0 to ${task.side}.`);
  }
  return { ...seenOf(given, task), rows: given.rows };
}

/**
 * A support that is checked; one with strokes alone is on the pad.
 * @param {any} given
 * @param {Task} task
 * @returns {OpenedProject["supports"][number]}
 */
function supportOf(given, task) {
  const { pixels, strokes } = seenOf(given, task);
  if (strokes && !("pixels" in given)) return { strokes };
  return { pixels, ...(strokes && { strokes }), ...(given.muted === true && { muted: true }) };
}

/**
 * A support as a model sees it, and its strokes, which say what it is, where there are any.
 * @param {any} given
 * @param {Task} task
 * @returns {{pixels: string, strokes?: import("./codec.js").Stroke[]}}
 */
function seenOf(given, { drawn, side, channels }) {
  if (drawn && given?.strokes?.length) {
    const strokes = strokesAmong(given.strokes);
    if (!strokes.length || strokes.length !== given.strokes.length) {
      throw new ProjectError("This project is damaged: its strokes cannot be read.");
    }
    return { pixels: toBase64(packBits(renderStrokes(strokes))), strokes };
  }
  const count = side ** 2;
  const bytes = bytesOf(given?.pixels);
  if (bytes?.length !== (channels === 1 ? Math.ceil(count / 8) : count * channels)) {
    const size = channels === 1 ? `${side}x${side} bits` : `${side}x${side}x${channels} bytes`;
    throw new ProjectError(`This project is damaged: a drawing must be ${size}.`);
  }
  return { pixels: packImages(unpackImages(toBase64(bytes), count, channels), channels) };
}

/** @param {unknown} text  that should be base64 */
function bytesOf(text) {
  try {
    return typeof text === "string" ? fromBase64(text) : null;
  } catch {
    return null;
  }
}

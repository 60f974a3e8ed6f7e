// A project: all that is on the page, as a file or in a link. project.py describes its fields, and checks what is opened.
// Needs no page.

import { fromBase64, toBase64 } from "./codec.js";

/** @typedef {import("./engine.js").Project} Project */
/** @typedef {import("./engine.js").Refusal} Refusal */

export const [KIND, VERSION] = ["few-shot studio", 1];
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

// The teacher's page: all that pupils sent, as it comes. What is asked and said goes through wall.py, which checks by the
// browser's cookie that this is the teacher.

import { make, one } from "../dom.js";
import { download } from "../export.js";
import { colourOf, contextOf, paintDrawing, paintPhoto } from "../painting.js";
import { layOut, PICTURE, SUPPORT } from "./sheet.js";

/**
 * @typedef {object} Drawing
 * @property {string} title  of the model
 * @property {number} guidance
 * @property {number} given  rows that the model did not draw
 * @property {number} side
 * @property {number} channels
 * @property {{pixels: string}[]} supports
 * @property {string} picture
 */
/**
 * What is new; wall.py describes each field.
 * @typedef {object} News
 * @property {number} revision
 * @property {number[]} numbers
 * @property {Record<string, Drawing>} drawings
 * @property {number | null} shared
 * @property {number} removed
 */

const AGAIN = 1000; // milliseconds between two looks at what is new
const BLACK = /** @type {import("../painting.js").Colour} */ ([0, 0, 0]);

const list = one(document, ".drawings");
const status = one(document, "[role=status]");
const button = (/** @type {string} */ name) => one(document, `[data-do=${name}]`, HTMLButtonElement);

/** @type {Map<number, {drawing: Drawing, card: HTMLLIElement}>} */
const shown = new Map();
let revision = 0;
let said = "";
let isAway = false; // the studio did not answer
/** @type {number | null} */
let shared = null;

/** @param {string} path */
const address = (path) => new URL(`wall/${path}`, document.baseURI);

/**
 * @param {string} path
 * @param {object} wish
 */
async function ask(path, wish = {}) {
  const answer = await fetch(address(path), { method: "POST", body: JSON.stringify(wish) }).catch(() => null);
  if (answer?.ok) await look();
  else status.textContent = answer?.status === 400 ? (await answer.json()).error : whyNot(answer);
}

/** @param {Response | null} answer */
const whyNot = (answer) =>
  answer?.status === 403
    ? "The studio was started again: open the wall by the address that it printed."
    : "The studio does not answer. It may have ended.";

/**
 * @param {HTMLCanvasElement} canvas
 * @param {string} pixels
 * @param {Drawing} of
 * @param {import("../painting.js").Colour} ink
 */
function paint(canvas, pixels, { side, channels }, ink) {
  if (channels === 1) paintDrawing(canvas, pixels, side, ink);
  else paintPhoto(canvas, pixels, side);
}

/** @param {{drawing: Drawing, card: HTMLLIElement}} entry */
function paintCard({ drawing, card }) {
  const [picture, ...supports] = card.querySelectorAll("canvas");
  const ink = colourOf("--ink");
  paint(picture, drawing.picture, drawing, ink);
  supports.forEach((canvas, s) => {
    paint(canvas, drawing.supports[s].pixels, drawing, ink);
  });
}

/**
 * Who drew it; and what of it is not the model's, as faithfulness, with which a picture is no sample of the model.
 * @param {Drawing} drawing
 */
const captionOf = ({ title, guidance, given }) =>
  [title, guidance && `faithfulness ${guidance}`, given && `${given} rows given`].filter(Boolean).join(", ");

/**
 * @param {number} number
 * @param {Drawing} drawing
 */
function makeCard(number, drawing) {
  const share = make("button", { type: "button", hidden: !drawing.supports.length });
  share.dataset.do = "share";
  share.addEventListener("click", () => ask("share", { number: shared === number ? null : number }));
  const remove = make("button", { type: "button" }, "Remove");
  remove.addEventListener("click", () => ask("remove", { numbers: [number] }));
  const supports = make("div", { className: "supports" }, ...drawing.supports.map(() => make("canvas")));
  const picture = make("canvas");
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", `Drawing ${number}, by ${captionOf(drawing)}`);
  return make(
    "li",
    { className: "drawing" },
    picture,
    supports,
    make("p", { className: "caption" }, captionOf(drawing)),
    make("div", { className: "tools" }, share, remove),
  );
}

/** @param {News} news */
function show(news) {
  ({ revision, shared } = news);
  for (const number of shown.keys()) {
    if (news.numbers.includes(number)) continue;
    shown.get(number)?.card.remove();
    shown.delete(number);
  }
  for (const [name, drawing] of Object.entries(news.drawings)) {
    const number = Number(name);
    if (shown.has(number)) continue;
    const entry = { drawing, card: makeCard(number, drawing) };
    const before = [...shown.keys()].filter((other) => other < number);
    const older = before.length ? shown.get(Math.max(...before))?.card : null;
    if (older) older.before(entry.card);
    else list.append(entry.card);
    shown.set(number, entry);
    paintCard(entry);
  }
  for (const [number, { card }] of shown) {
    const isShared = number === shared;
    card.classList.toggle("is-shared", isShared);
    const share = one(card, "[data-do=share]");
    share.textContent = isShared ? "Shared" : "Share";
    share.title = isShared ? "Pupils may take these drawings; press to end that" : "Pupils may take these drawings";
    share.setAttribute("aria-pressed", String(isShared));
  }
  const count = news.numbers.length;
  one(document, ".count").textContent = count ? String(count) : "";
  button("clear").disabled = button("export").disabled = !count;
  button("restore").hidden = !news.removed;
  said = news.removed ? `Removed ${news.removed === 1 ? "a drawing" : `${news.removed} drawings`}.` : "";
  status.textContent = said;
}

async function look() {
  const answer = await fetch(address(`drawings?known=${revision}`)).catch(() => null);
  if (answer?.status === 200) show(await answer.json());
  else if (!answer?.ok) status.textContent = whyNot(answer);
  else if (isAway) status.textContent = said; // what was said before it was away
  isAway = !answer?.ok;
}

async function lookOn() {
  await look();
  setTimeout(lookOn, AGAIN);
}

/** All of the wall on one white sheet, the newest first as on the page. */
async function saveSheet() {
  const entries = [...shown].sort(([one], [other]) => other - one).map(([, { drawing }]) => drawing);
  const { width, height, places } = layOut(entries.length);
  const sheet = make("canvas", { width, height });
  const context = contextOf(sheet);
  context.imageSmoothingEnabled = false;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  const small = make("canvas");
  entries.forEach((drawing, i) => {
    const { x, y } = places[i];
    paint(small, drawing.picture, drawing, BLACK);
    context.drawImage(small, x, y, PICTURE, PICTURE);
    context.strokeStyle = "#ccc";
    context.strokeRect(x - 0.5, y - 0.5, PICTURE + 1, PICTURE + SUPPORT + 1);
    drawing.supports.forEach(({ pixels }, s) => {
      paint(small, pixels, drawing, BLACK);
      context.drawImage(small, x + s * SUPPORT, y + PICTURE, SUPPORT, SUPPORT);
    });
  });
  const blob = await new Promise((resolve) => sheet.toBlob(resolve));
  if (blob) download("wall.png", blob);
  else status.textContent = "The browser cannot make so large a picture.";
}

const dark = window.matchMedia("(prefers-color-scheme: dark)");
function showColours() {
  document.body.classList.toggle("dark", dark.matches);
  for (const entry of shown.values()) paintCard(entry);
}

button("export").addEventListener("click", saveSheet);
button("clear").addEventListener("click", () => ask("remove", { numbers: [...shown.keys()] }));
button("restore").addEventListener("click", () => ask("restore"));
dark.addEventListener("change", showColours);
showColours();
lookOn();

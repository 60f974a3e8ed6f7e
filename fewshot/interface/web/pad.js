// The drawing pad, the tray of drawings, and the ready-made sets.
//
// A drawing in the tray has the bits that the model sees, in base64, and its strokes where it was drawn here. Only the
// engine makes bits of strokes or of a picture file, so that what is shown is what is read.

import { createBeginning } from "./beginning.js";
import { strokesAmong } from "./codec.js";
import { make, one, placesOf } from "./dom.js";
import { acceptChosen, acceptDrops, acceptPastes, addFiles, readFile } from "./files.js";
import { createHistory } from "./history.js";
import { colourOf, contextOf, paintDrawing } from "./painting.js";
import { createSheet } from "./sheet.js";
import { keep, ofThisTab, recall } from "./store.js";
import { flipped, muted, readOf, sayMuted, supportsAmong, turned } from "./supports.js";
import { createStatus, createTray, makeCard } from "./tray.js";

/** @typedef {import("./codec.js").Stroke} Stroke */
/** @typedef {import("./codec.js").Point} Point */
/** @typedef {import("./engine.js").Drawings} Drawings */
/** @typedef {import("./supports.js").Support} Support */
/** @typedef {Awaited<ReturnType<import("./engine.js").Engine["preview"]>>} Answer */
/**
 * What can be undone: all that was on the pad and in the tray, and the settings where they were replaced too.
 * @typedef {object} Before
 * @property {Support[]} drawings
 * @property {number | null} shots
 * @property {Stroke[]} strokes
 * @property {number | null} rows  that were given
 * @property {number | null} place  in the tray, of the drawing on the pad: the last one if null
 * @property {boolean} [changes]  a drawing of the tray came onto the pad
 * @property {boolean} [alters]  a drawing of the tray became another, or none, to see what that does
 * @property {import("./engine.js").Recipe} [recipe]  with the settings
 * @property {Stroke[]} [put]  strokes that came onto the pad with what replaced it
 */

const STORAGE_KEY = "fewshot-studio-drawings";
const SHOWN_OF_A_SET = 4;
const ONCE_MORE = "Draw it once more, a little differently, or generate now.";
const PENCIL = "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3";

/**
 * @param {HTMLElement} root
 * @param {object} options
 * @param {import("./engine.js").Engine} options.engine
 * @param {import("./database.js").Database} options.database
 * @param {string} options.task  whose models read the drawings
 * @param {import("./engine.js").Facts} options.facts
 * @param {{name: string, drawings: string[]}[]} options.sets
 * @param {() => void} options.edited  called whenever `now` changed, also while a stroke is being drawn
 * @param {() => void} options.altered  instead, when what is known of a picture was changed, to see what that does
 * @param {() => void} options.altering  before a drawing comes onto the pad to be changed
 * @param {(recipe: import("./engine.js").Recipe) => void} options.choose  brings settings back
 */
export function createPad(root, { engine, database, task, facts, sets, edited, altered, altering, choose }) {
  const { side, most } = facts.tasks[task];
  const paper = one(root, ".pad-canvas", HTMLCanvasElement);
  const seenCanvas = one(root, ".pad-preview", HTMLCanvasElement);
  const mirrorCanvas = one(root, ".pad-drawn", HTMLCanvasElement);
  const shotsMenu = one(root, ".pad-shots select", HTMLSelectElement);
  const status = createStatus(one(root, ".pad-status"));
  const tray = createTray(one(root, ".pad-tray"), {
    noun: () => "drawing",
    className: "thumb",
    paint,
    can: {
      remove,
      mute: (i) => alter(i, muted(drawings[i]), sayMuted("drawing", i, drawings[i])),
      flipOver: (i) => rearrange(i, flipped(drawings[i], side), `Flipped drawing ${i + 1}.`),
      turn: (i) => rearrange(i, turned(drawings[i], side), `Turned drawing ${i + 1}.`),
    },
    more: (i) => [{ label: "Change it on the pad", icon: PENCIL, run: () => change(i) }],
    move,
  });
  const sheet = createSheet(one(root, "#pad-sheet"), { paint });
  const history = /** @type {ReturnType<typeof createHistory<Before>>} */ (createHistory(ofThisTab("pad"), database));
  const kept = recalled();
  let { drawings, shots, strokes, place } = kept;
  const beginning = createBeginning(one(root, ".pad-paper"), one(root, ".pad-along"), {
    side,
    lowest: () =>
      Math.ceil((Math.max(0, ...strokes.flat().map(([, y]) => y + facts.pad.stroke / 2)) * side) / facts.pad.side),
    changed: () => {
      keepAll();
      edited();
    },
  });
  beginning.recall(kept.rows);
  /** @type {Promise<Answer> | null} */
  let seen = null; // the engine's answer for the strokes that are on the pad
  /** @type {string | null} */
  let mirrored = null; // what the machine drew along

  const button = (/** @type {string} */ name) => one(root, `[data-do=${name}]`, HTMLButtonElement);

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {string | null | undefined} pixels
   */
  function paint(canvas, pixels) {
    paintDrawing(canvas, pixels, side, colourOf("--ink"));
  }

  // Why the drawing on the pad is not read, if it is not; what can be undone still can.
  function sayIfUnread() {
    const full = drawings.length >= most && `${most} drawings are below already: remove one, and this one is read too.`;
    const few =
      shots &&
      `Only ${shots} of your drawings ${shots === 1 ? "is" : "are"} used: choose all, and this one is read too.`;
    if (beginning.rows === null && (full || few)) mention(full || few || "");
  }

  // Undoing --------------------------------------------------------------------------------------------------------

  /** Tells of a change. @param {string} sentence */
  function say(sentence) {
    status.say(sentence, history.last ? takeBack : null);
  }

  /** Tells of something that changed nothing: what can be undone is the change before. @param {string} sentence */
  function mention(sentence) {
    status.say(sentence, history.last ? takeBack : null, history.last);
  }

  /** @returns {Before} */
  function before() {
    return { drawings, shots, strokes: structuredClone(strokes), rows: beginning.rows, place };
  }

  /**
   * @param {string} sentence
   * @param {Before} old
   */
  function remember(sentence, old) {
    if (old.drawings.length || old.strokes.length || old.recipe) history.add(sentence, old);
  }

  // What was on the pad comes back, and what was drawn there since stays, if it was not to change a drawing of the tray.
  function takeBack() {
    const old = history.undo()?.before;
    if (!old) return;
    drawings = supportsAmong(old.drawings, side);
    ({ shots, place = null } = old);
    const known = new Set([...old.strokes, ...(old.put ?? [])].map((stroke) => JSON.stringify(stroke)));
    const since = old.changes ? [] : strokes.filter((stroke) => !known.has(JSON.stringify(stroke)));
    strokes = [...old.strokes, ...since];
    beginning.recall(old.rows);
    showTray();
    strokesChanged(old.alters ? altered : edited);
    if (old.recipe) choose(old.recipe);
    say("Your drawings are back.");
  }

  // Keeping --------------------------------------------------------------------------------------------------------

  /** @returns {Drawings} */
  function value() {
    const { rows } = beginning;
    const begun = rows !== null && strokes.length ? { strokes, rows } : null;
    return { supports: drawings, shots, beginning: begun };
  }

  /**
   * The same, with the drawing on the pad in its place, unless it is the beginning.
   * @returns {Drawings}
   */
  function now() {
    const { supports, beginning: begun } = value();
    const drawn = strokes.length && !begun ? [{ strokes }] : [];
    const all = supports.toSpliced(place ?? supports.length, 0, ...drawn);
    return { supports: all.slice(0, most), shots, beginning: begun };
  }

  function keepAll() {
    keep(STORAGE_KEY, before());
  }

  /** @returns {Before} */
  function recalled() {
    const kept = recall(STORAGE_KEY) ?? {};
    const known = supportsAmong(kept.drawings, side).slice(0, most);
    return {
      drawings: known,
      strokes: strokesAmong(kept.strokes),
      shots: kept.shots >= 1 && kept.shots < known.length ? Math.floor(kept.shots) : null,
      rows: kept.rows,
      place: Number.isInteger(kept.place) && kept.place >= 0 && kept.place <= known.length ? kept.place : null,
    };
  }

  // The pad --------------------------------------------------------------------------------------------------------

  function paintPad() {
    const { side: units, stroke: width } = facts.pad;
    const pixels = Math.round(paper.clientWidth * (window.devicePixelRatio || 1)) || units;
    if (paper.width !== pixels) paper.width = paper.height = pixels;
    const context = contextOf(paper);
    context.setTransform(pixels / units, 0, 0, pixels / units, 0, 0);
    context.clearRect(0, 0, units, units);
    context.strokeStyle = `rgb(${colourOf("--ink")})`;
    context.lineWidth = width;
    context.lineCap = context.lineJoin = "round";
    for (const stroke of strokes) {
      context.beginPath();
      context.moveTo(...stroke[0]);
      for (const point of stroke) context.lineTo(...point);
      context.stroke();
    }
    root.classList.toggle("has-strokes", strokes.length > 0);
  }

  async function paintSeen() {
    const asked = seen;
    const answer = await asked;
    if (seen !== asked || (answer && "error" in answer)) return;
    paint(seenCanvas, answer?.pixels);
  }

  // Forgets what was seen of the old strokes and asks for the new.
  function strokesChanged(tell = edited) {
    paintPad();
    keepAll();
    tell();
    for (const name of ["undo", "clear", "add"]) button(name).disabled = !strokes.length;
    seen = strokes.length ? engine.preview(task, { strokes }) : null;
    paintSeen();
  }

  /**
   * @param {PointerEvent} event
   * @returns {Point}
   */
  function pointOf(event) {
    const inside = (/** @type {number} */ share) =>
      Math.round(Math.min(Math.max(share, 0), 1) * facts.pad.side * 10) / 10;
    const [x, y] = sharesOf(event);
    return [inside(x), inside(y)];
  }

  /** Where on the pad it is: 0 to 1 across and down. @param {PointerEvent} event */
  function sharesOf(event) {
    const box = paper.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }

  /** @type {{type: string, drawn: Stroke[], leave: () => void} | null} */
  let underWay = null; // what is being drawn, and the kind of pointer that draws it

  /** @param {PointerEvent} event */
  function penDown(event) {
    if (event.button !== 0 || !event.isPrimary) return;
    event.preventDefault();
    if (underWay) {
      // The hand that rests beside the pen draws nothing, even if it came first.
      const { type, drawn, leave } = underWay;
      if (event.pointerType !== "pen" || type === "pen") return;
      leave();
      strokes = strokes.filter((other) => !drawn.includes(other));
    }
    paper.setPointerCapture(event.pointerId);
    /** @type {Stroke[]} */
    const drawn = [[pointOf(event)]]; // one stroke, and one more each time that the pen comes back onto the pad
    let isOut = false;
    strokes.push(drawn[0]);
    sayIfUnread();
    paintPad();
    edited();
    // Another finger, or that hand, sends events to the same canvas.
    const isOther = (/** @type {PointerEvent} */ { pointerId }) => pointerId !== event.pointerId;
    const move = (/** @type {PointerEvent} */ moved) => {
      if (isOther(moved)) return;
      for (const each of placesOf(moved)) {
        const wasOut = isOut;
        isOut = sharesOf(each).some((share) => share < 0 || share > 1);
        if (wasOut && isOut) continue; // a stroke ends at the edge
        const point = pointOf(each);
        if (wasOut) strokes.push(drawn[drawn.push([point]) - 1]);
        const stroke = drawn[drawn.length - 1];
        const [x, y] = stroke[stroke.length - 1];
        if (point[0] !== x || point[1] !== y) stroke.push(point);
      }
      paintPad();
      edited();
    };
    const end = (/** @type {PointerEvent} */ ended) => {
      if (isOther(ended)) return;
      leave();
      underWay = null;
      strokesChanged();
    };
    const leave = () => {
      paper.removeEventListener("pointermove", move);
      paper.removeEventListener("lostpointercapture", end);
    };
    underWay = { type: event.pointerType, drawn, leave };
    paper.addEventListener("pointermove", move);
    paper.addEventListener("lostpointercapture", end); // also follows pointerup and pointercancel
  }

  // The tray -------------------------------------------------------------------------------------------------------

  function trayChanged(tell = edited) {
    const isAway = place !== null && strokes.length > 0; // one of them is on the pad, and comes back
    if (shots !== null && shots >= readOf(drawings).length + Number(isAway)) shots = null;
    if (place !== null) place = Math.min(place, drawings.length);
    showTray();
    keepAll();
    tell();
  }

  function showTray() {
    const count = drawings.length;
    const heard = readOf(drawings).length;
    tray.show({ items: drawings, slots: most, used: shots, away: place });
    one(root, ".pad-add").textContent = place === null ? "Add" : "Put back";
    button("add").setAttribute("aria-label", place === null ? "Add drawing" : "Put the drawing back");
    one(root, ".pad-count").textContent = `${count} of ${most}`;
    button("empty").disabled = !count;
    const first = Array.from({ length: Math.max(0, heard - 1) }, (_, i) => i + 1);
    shotsMenu.replaceChildren(
      new Option(heard ? `all ${heard}` : "all", ""),
      ...first.map((n) => new Option(n === 1 ? "the first" : `first ${n}`, String(n))),
    );
    shotsMenu.value = String(shots ?? "");
    shotsMenu.disabled = heard < 2;
  }

  /**
   * @param {number} from
   * @param {number} to
   */
  function move(from, to) {
    const old = before();
    drawings = drawings.filter((_, at) => at !== from);
    drawings.splice(to, 0, old.drawings[from]);
    trayChanged();
    remember(`Moved a drawing to place ${to + 1}.`, old);
    say(`Moved to place ${to + 1}.`);
  }

  /**
   * What takes drawings away can be undone.
   * @param {{drawings: Support[], shots: number | null, place: number | null}} its  of the tray
   * @param {string} sentence
   * @param {boolean} alters
   */
  function replace(its, sentence, alters = false) {
    const old = before();
    ({ drawings, shots, place } = its);
    trayChanged(alters ? altered : edited);
    remember(sentence, { ...old, alters });
    say(sentence);
  }

  /** @param {number} i */
  function remove(i) {
    const rest = drawings.filter((_, at) => at !== i);
    const its = place !== null && i < place ? place - 1 : place;
    replace({ drawings: rest, shots, place: its }, `Removed drawing ${i + 1}.`, true);
  }

  /**
   * @param {number} i
   * @param {Support} to  what the drawing becomes
   * @param {string} sentence
   */
  function alter(i, to, sentence) {
    replace({ drawings: drawings.with(i, to), shots, place }, sentence, true);
  }

  /**
   * The same for one whose strokes were changed, if there are any: the engine says what is seen of them.
   * @param {number} i
   * @param {Support} to
   * @param {string} sentence
   */
  async function rearrange(i, to, sentence) {
    const from = drawings[i];
    const answer = to.strokes ? await engine.preview(task, { strokes: to.strokes }) : to;
    if ("error" in answer) return mention(answer.error);
    const at = drawings.indexOf(from);
    if (at >= 0) alter(at, { ...to, pixels: answer.pixels }, sentence);
  }

  /**
   * A drawing of the tray comes onto the pad, as it was drawn or traced, to be changed there. Add puts it back in its place.
   * What is on the pad joins the others first.
   * @param {number} i
   */
  async function change(i) {
    const its = drawings[i];
    const traced = its.strokes ? { strokes: its.strokes } : await engine.trace(task, its);
    if ("error" in traced) return mention(traced.error);
    if (strokes.length && !(await add())) return;
    const at = drawings.indexOf(its);
    if (at < 0) return;
    altering();
    const old = before();
    strokes = structuredClone(traced.strokes);
    drawings = drawings.filter((one) => one !== its);
    place = at;
    const how = its.strokes ? "" : ", its lines traced";
    const sentence = `Drawing ${at + 1} is on the pad${how}: change it, or draw another, then put it back.`;
    remember(sentence, { ...old, changes: true });
    trayChanged();
    strokesChanged();
    say(sentence);
  }

  function clear() {
    remember("Cleared the pad.", before());
    strokes = [];
    strokesChanged();
    say("Cleared the pad.");
  }

  const full = () => `A model reads at most ${most} drawings: remove one first.`;

  /**
   * Adds drawings at the end, as many as there is room for.
   * @param {string[]} all  their pixels
   * @returns {number | string} how many, or why none
   */
  function append(all) {
    const added = all.slice(0, most - drawings.length).map((pixels) => ({ pixels }));
    if (!added.length) return full();
    remember(added.length === 1 ? "Added a drawing." : `Added ${added.length} drawings.`, before());
    drawings = [...drawings, ...added];
    trayChanged();
    return added.length;
  }

  /**
   * The drawing on the pad joins the tray, or comes back into its place there.
   * @returns {Promise<boolean>} whether it did
   */
  async function add() {
    if (!strokes.length) return false;
    seen ??= engine.preview(task, { strokes });
    const asked = seen;
    const added = [...strokes];
    const answer = await asked;
    if (asked !== seen) return false; // the pad was drawn on meanwhile, or added by a second click
    if ("error" in answer) {
      seen = null; // the next time, it may go better
      mention(answer.error);
      return false;
    }
    if (drawings.length >= most) {
      mention(`A model reads at most ${most} drawings: remove one, then add this one.`);
      return false;
    }
    const back = place !== null;
    const old = before();
    drawings = drawings.toSpliced(place ?? drawings.length, 0, { pixels: answer.pixels, strokes: added });
    place = null;
    remember(back ? "Put the drawing back." : "Added a drawing.", old);
    strokes = strokes.filter((stroke) => !added.includes(stroke)); // the next one may have been begun
    showTray();
    strokesChanged(back ? altered : edited);
    const first = drawings.length === 1 && !back;
    say(back ? "It is back in its place." : first ? `Added. ${ONCE_MORE}` : "Added.");
    return true;
  }

  /** @param {File} file */
  async function addFile(file) {
    if (drawings.length >= most) return full();
    const read = await readFile(file, facts.most_bytes);
    const answer = "error" in read ? read : await engine.preview(task, read);
    if ("error" in answer) return answer.error;
    const room = most - drawings.length;
    const taken = answer.sheet && room ? await sheet.ask(answer.sheet, answer.pixels, room) : [answer.pixels];
    return taken.length ? append(taken) : "nothing of it was taken.";
  }

  // Wiring ---------------------------------------------------------------------------------------------------------

  function undo() {
    strokes.pop();
    strokesChanged();
  }

  /**
   * @param {string} name
   * @param {string[]} ready
   */
  function take(name, ready) {
    const sentence = `${name}: ${ready.length} drawings. Generate shows how the machine draws one more.`;
    replace({ drawings: ready.map((pixels) => ({ pixels })), shots: null, place: null }, sentence);
    one(root, "#pad-sets").hidePopover();
  }

  function showSets() {
    const cards = sets.map(({ name, drawings: ready }) => {
      const pictures = ready.slice(0, SHOWN_OF_A_SET).map((pixels) => {
        const canvas = make("canvas");
        paint(canvas, pixels);
        return canvas;
      });
      return makeCard("pad-set", name, `Use the ready-made set ${name}`, pictures, () => take(name, ready));
    });
    one(root, ".pad-sets").replaceChildren(...cards);
  }

  // In the colours that the page has now.
  function repaint() {
    paintPad();
    paintSeen();
    paint(mirrorCanvas, mirrored);
    showTray();
    showSets();
  }

  /** @type {Record<string, () => void>} */
  const actions = {
    undo,
    clear,
    add,
    empty: () => replace({ drawings: [], shots: null, place: null }, "Removed all drawings."),
    upload: () => one(root, ".pad-files").click(),
  };
  for (const [name, action] of Object.entries(actions)) button(name).addEventListener("click", action);
  shotsMenu.addEventListener("change", () => {
    shots = Number(shotsMenu.value) || null;
    trayChanged();
    say("");
  });
  paper.addEventListener("pointerdown", penDown);
  document.addEventListener("keydown", (event) => {
    const target = /** @type {Element} */ (event.target);
    const typing = target.matches("input:is([type=number], [type=text]), textarea"); // which has an undo of its own
    if (typing || !root.checkVisibility() || !(event.ctrlKey || event.metaKey) || event.key !== "z") return;
    if (!strokes.length && !history.last) return;
    event.preventDefault();
    if (strokes.length) undo();
    else takeBack();
  });
  const upload = (/** @type {File[]} */ files) => addFiles(files, "drawing", say, mention, addFile);
  acceptChosen(one(root, ".pad-files", HTMLInputElement), upload);
  acceptDrops(root, upload);
  acceptPastes(root, upload);
  new ResizeObserver(paintPad).observe(paper);
  new MutationObserver(repaint).observe(document.body, { attributeFilter: ["class"] }); // light and dark

  showSets();
  trayChanged();
  strokesChanged();
  paint(mirrorCanvas, mirrored);
  history.load().then(() => say(history.last ?? ""));

  return {
    say,
    now,
    /**
     * The drawings of a recipe, and of what it begins with, in place of these. That can be undone, and brings back the
     * settings too, if the recipe that they were of is given.
     * @param {import("./engine.js").Recipe} recipe
     * @param {import("./engine.js").Recipe} [old]  with the settings as they are
     * @param {string} [sentence]  that says what they are
     */
    recall({ drawings: its, settings }, old, sentence = `The recipe of chance number ${settings.seed} is back.`) {
      const onThePad = its.supports.findIndex((one) => !("pixels" in one));
      const put = structuredClone(its.beginning?.strokes ?? its.supports[onThePad]?.strokes ?? []);
      remember(sentence, { ...before(), recipe: old, put });
      drawings = its.supports.filter((one) => "pixels" in one);
      ({ shots } = its);
      place = onThePad >= 0 && onThePad < drawings.length ? onThePad : null;
      strokes = structuredClone(put);
      beginning.recall(its.beginning?.rows);
      trayChanged();
      strokesChanged();
      say(sentence);
    },
    /**
     * The machine's drawing beside the one on the pad, for screens that do not show pad and player together.
     * @param {string | null} pixels
     */
    mirror(pixels) {
      mirrored = pixels;
      paint(mirrorCanvas, mirrored);
    },
    /** What Generate uses: the drawing on the pad counts too. If it is the beginning, it stays there. */
    async commit() {
      if (!value().beginning) await add();
      return structuredClone(value());
    },
  };
}

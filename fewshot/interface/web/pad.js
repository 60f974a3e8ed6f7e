// The drawing pad, the tray of drawings, and the ready-made sets.
//
// A drawing in the tray is a string: base64 of the bits that the model sees. Only the engine makes those, from strokes or
// from a picture file, so that what is shown is what is read.

import { createBeginning } from "./beginning.js";
import { strokesAmong } from "./codec.js";
import { make, one } from "./dom.js";
import { acceptChosen, acceptDrops, acceptPastes, addFiles, readFile } from "./files.js";
import { createHistory } from "./history.js";
import { colourOf, contextOf, paintDrawing } from "./painting.js";
import { keep, ofThisTab, recall } from "./store.js";
import { createStatus, createTray, makeCard } from "./tray.js";

/** @typedef {import("./codec.js").Stroke} Stroke */
/** @typedef {import("./codec.js").Point} Point */
/** @typedef {import("./engine.js").Drawings} Drawings */
/** @typedef {Awaited<ReturnType<import("./engine.js").Engine["preview"]>>} Answer */
/**
 * What can be undone: all that was on the pad and in the tray, and the settings where they were replaced too.
 * @typedef {object} Before
 * @property {string[]} drawings
 * @property {number | null} shots
 * @property {Stroke[]} strokes
 * @property {number | null} rows  that were given
 * @property {import("./engine.js").Recipe} [recipe]  with the settings
 */

const STORAGE_KEY = "fewshot-studio-drawings";
const SHOWN_OF_A_SET = 4;

/**
 * @param {HTMLElement} root
 * @param {object} options
 * @param {import("./engine.js").Engine} options.engine
 * @param {import("./database.js").Database} options.database
 * @param {string} options.task  whose models read the drawings
 * @param {import("./engine.js").Facts} options.facts
 * @param {{name: string, drawings: string[]}[]} options.sets
 * @param {() => void} options.edited  called whenever `now` changed, also while a stroke is being drawn
 * @param {(recipe: import("./engine.js").Recipe) => void} options.choose  brings settings back
 */
export function createPad(root, { engine, database, task, facts, sets, edited, choose }) {
  const { side, most } = facts.tasks[task];
  const paper = one(root, ".pad-canvas", HTMLCanvasElement);
  const seenCanvas = one(root, ".pad-preview", HTMLCanvasElement);
  const mirrorCanvas = one(root, ".pad-drawn", HTMLCanvasElement);
  const shotsMenu = one(root, ".pad-shots select", HTMLSelectElement);
  const status = createStatus(one(root, ".pad-status"));
  const tray = createTray(one(root, ".pad-tray"), {
    noun: "drawing",
    className: "thumb",
    paint,
    remove,
    move,
  });
  const history = /** @type {ReturnType<typeof createHistory<Before>>} */ (createHistory(ofThisTab("pad"), database));
  const kept = recalled();
  let { drawings, shots, strokes } = kept;
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
    paintDrawing(canvas, pixels, side, colourOf(root, "--ink"));
  }

  // Why the drawing on the pad is not read, if it is not; what can be undone still can.
  function sayIfUnread() {
    const full = drawings.length >= most && `${most} drawings are below already: remove one, and this one is read too.`;
    const few =
      shots &&
      `Only ${shots} of your drawings ${shots === 1 ? "is" : "are"} used: choose all, and this one is read too.`;
    if (beginning.rows === null && (full || few)) say(full || few || "");
  }

  // Undoing --------------------------------------------------------------------------------------------------------

  /** @param {string} sentence */
  function say(sentence) {
    status.say(sentence, history.last ? takeBack : null);
  }

  /** @returns {Before} */
  function before() {
    return { drawings, shots, strokes: structuredClone(strokes), rows: beginning.rows };
  }

  /**
   * @param {string} sentence
   * @param {Before} old
   */
  function remember(sentence, old) {
    if (old.drawings.length || old.strokes.length || old.recipe) history.add(sentence, old);
  }

  // What was on the pad comes back, and what was drawn there since stays.
  function takeBack() {
    const old = history.undo()?.before;
    if (!old) return;
    ({ drawings, shots } = old);
    const known = new Set(old.strokes.map((stroke) => JSON.stringify(stroke)));
    strokes = [...old.strokes, ...strokes.filter((stroke) => !known.has(JSON.stringify(stroke)))];
    beginning.recall(old.rows);
    trayChanged();
    strokesChanged();
    if (old.recipe) choose(old.recipe);
    say("Your drawings are back.");
  }

  // Keeping --------------------------------------------------------------------------------------------------------

  /** @returns {Drawings} */
  function value() {
    const { rows } = beginning;
    const begun = rows !== null && strokes.length ? { strokes, rows } : null;
    return { supports: drawings.map((pixels) => ({ pixels })), shots, beginning: begun };
  }

  /**
   * The same, with the drawing on the pad as it is now in place of the last, unless it is the beginning.
   * @returns {Drawings}
   */
  function now() {
    const { supports, beginning: begun } = value();
    const drawn = strokes.length && !begun ? [{ strokes }] : [];
    return { supports: [...supports, ...drawn].slice(0, most), shots, beginning: begun };
  }

  function keepAll() {
    keep(STORAGE_KEY, { drawings, strokes, shots, rows: beginning.rows });
  }

  /** @returns {Before} */
  function recalled() {
    const kept = recall(STORAGE_KEY) ?? {};
    const length = 4 * Math.ceil(Math.ceil((side * side) / 8) / 3);
    const isDrawing = (/** @type {unknown} */ drawing) =>
      typeof drawing === "string" && drawing.length === length && /^[A-Za-z0-9+/]+=*$/.test(drawing);
    const known = (Array.isArray(kept.drawings) ? kept.drawings : []).filter(isDrawing).slice(0, most);
    return {
      drawings: known,
      strokes: strokesAmong(kept.strokes),
      shots: kept.shots >= 1 && kept.shots < known.length ? Math.floor(kept.shots) : null,
      rows: kept.rows,
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
    context.strokeStyle = getComputedStyle(root).getPropertyValue("--ink");
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
  function strokesChanged() {
    paintPad();
    keepAll();
    edited();
    for (const name of ["undo", "clear", "add"]) button(name).disabled = !strokes.length;
    seen = strokes.length ? engine.preview(task, { strokes }) : null;
    paintSeen();
  }

  /**
   * @param {PointerEvent} event
   * @returns {Point}
   */
  function pointOf(event) {
    const box = paper.getBoundingClientRect();
    const inside = (/** @type {number} */ share) =>
      Math.round(Math.min(Math.max(share, 0), 1) * facts.pad.side * 10) / 10;
    return [inside((event.clientX - box.left) / box.width), inside((event.clientY - box.top) / box.height)];
  }

  /** @type {{type: string, stroke: Stroke, leave: () => void} | null} */
  let underWay = null; // the stroke that is being drawn, and the kind of pointer that draws it

  /** @param {PointerEvent} event */
  function penDown(event) {
    if (event.button !== 0 || !event.isPrimary) return;
    event.preventDefault();
    if (underWay) {
      // The hand that rests beside the pen draws nothing, even if it came first.
      const { type, stroke, leave } = underWay;
      if (event.pointerType !== "pen" || type === "pen") return;
      leave();
      strokes = strokes.filter((other) => other !== stroke);
    }
    paper.setPointerCapture(event.pointerId);
    const stroke = [pointOf(event)];
    strokes.push(stroke);
    sayIfUnread();
    paintPad();
    edited();
    // Another finger, or that hand, sends events to the same canvas.
    const isOther = (/** @type {PointerEvent} */ { pointerId }) => pointerId !== event.pointerId;
    const move = (/** @type {PointerEvent} */ moved) => {
      if (isOther(moved)) return;
      const events = moved.getCoalescedEvents();
      for (const point of (events.length ? events : [moved]).map(pointOf)) {
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
    underWay = { type: event.pointerType, stroke, leave };
    paper.addEventListener("pointermove", move);
    paper.addEventListener("lostpointercapture", end); // also follows pointerup and pointercancel
  }

  // The tray -------------------------------------------------------------------------------------------------------

  function trayChanged() {
    if (shots !== null && shots >= drawings.length) shots = null;
    showTray();
    keepAll();
    edited();
  }

  function showTray() {
    const count = drawings.length;
    tray.show({ items: drawings, slots: most, used: shots ?? count });
    one(root, ".pad-count").textContent = `${count} of ${most}`;
    button("empty").disabled = !count;
    const first = Array.from({ length: Math.max(0, count - 1) }, (_, i) => i + 1);
    shotsMenu.replaceChildren(
      new Option(count ? `all ${count}` : "all", ""),
      ...first.map((n) => new Option(n === 1 ? "only the first" : `the first ${n}`, String(n))),
    );
    shotsMenu.value = String(shots ?? "");
    shotsMenu.disabled = count < 2;
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
   * @param {{drawings: string[], shots: number | null}} its  of the tray
   * @param {string} sentence
   */
  function replace(its, sentence) {
    const old = before();
    ({ drawings, shots } = its);
    trayChanged();
    remember(sentence, old);
    say(sentence);
  }

  /** @param {number} i */
  function remove(i) {
    const rest = drawings.filter((_, at) => at !== i);
    replace({ drawings: rest, shots }, `Removed drawing ${i + 1}.`);
  }

  function clear() {
    remember("Cleared the pad.", before());
    strokes = [];
    strokesChanged();
    say("Cleared the pad.");
  }

  /**
   * @param {string} pixels
   * @returns {boolean} false if the tray is full
   */
  function append(pixels) {
    if (drawings.length >= most) return false;
    remember("Added a drawing.", before());
    drawings = [...drawings, pixels];
    trayChanged();
    return true;
  }

  /**
   * The drawing on the pad joins the tray.
   * @returns {Promise<void>}
   */
  async function add() {
    if (!strokes.length) return;
    seen ??= engine.preview(task, { strokes });
    const asked = seen;
    const added = [...strokes];
    const answer = await asked;
    if (asked !== seen) return; // the pad was drawn on meanwhile, or added by a second click
    if ("error" in answer) {
      seen = null; // the next time, it may go better
      return say(answer.error);
    }
    if (!append(answer.pixels)) {
      return say(`A model reads at most ${most} drawings: remove one, then add this one.`);
    }
    strokes = strokes.filter((stroke) => !added.includes(stroke)); // the next one may have been begun
    strokesChanged();
    say(drawings.length === 1 ? "Added. Draw it once more, a little differently, or generate now." : "Added.");
  }

  /** @param {File} file */
  async function addFile(file) {
    const read = await readFile(file, facts.most_bytes);
    const answer = "error" in read ? read : await engine.preview(task, read);
    if ("error" in answer) return answer.error;
    return append(answer.pixels) ? undefined : `A model reads at most ${most} drawings: remove one first.`;
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
    replace({ drawings: [...ready], shots: null }, sentence);
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
    empty: () => replace({ drawings: [], shots: null }, "Removed all drawings."),
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
  const upload = (/** @type {File[]} */ files) => addFiles(files, "picture", say, addFile);
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
    now,
    /**
     * The drawings of a recipe, and of what it begins with, in place of these. That can be undone, and brings back the
     * settings too, if the recipe that they were of is given.
     * @param {import("./engine.js").Recipe} recipe
     * @param {import("./engine.js").Recipe} [old]  with the settings as they are
     */
    recall({ drawings: its, settings }, old) {
      const sentence = `The recipe of chance number ${settings.seed} is back.`;
      remember(sentence, { ...before(), recipe: old });
      drawings = its.supports.flatMap((one) => ("pixels" in one ? [one.pixels] : []));
      ({ shots } = its);
      const begun = its.beginning?.strokes ?? its.supports.flatMap((one) => ("strokes" in one ? one.strokes : []));
      strokes = structuredClone(begun);
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

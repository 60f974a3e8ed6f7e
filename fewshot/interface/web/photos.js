// The photographs that a model reads, ready-made ones, and one of which the first rows are given; of a task that has a
// palette also what is painted.
//
// A photograph has what the model sees, in base64: side x side x 3 bytes, or of one channel side x side bits. Only the
// engine makes those from a picture file, so that what is shown is what is read.

import { make, one } from "./dom.js";
import { acceptChosen, acceptDrops, acceptPastes, addFiles, readFile } from "./files.js";
import { createHistory } from "./history.js";
import { createPaint } from "./paint.js";
import { colourOf, paintDrawing, paintPhoto } from "./painting.js";
import { keep, ofThisTab, recall } from "./store.js";
import { flipped, muted, sayMuted, supportsAmong, turned } from "./supports.js";
import { createStatus, createTray, makeCard } from "./tray.js";

/** @typedef {import("./engine.js").PhotoTask} PhotoTask */
/** @typedef {import("./supports.js").Support} Support */
/**
 * @typedef {object} State
 * @property {Support[]} photos
 * @property {string | null} begin  whose first rows are given
 * @property {number} rows  that are given
 * @property {string | null} painting  on the colour pad; null while that is white
 * @property {boolean} isExample  the photographs are ready-made ones that nobody chose: they make room for what is
 */
/** @typedef {{name: string, photos: string[]}} Sample */
/**
 * @typedef {State & {recipe?: import("./engine.js").Recipe, alters?: boolean}} Before  recipe: with the settings, if they
 *   were replaced too; alters: a photograph became another, or none, to see what that does
 */

const STORAGE_KEY = "fewshot-studio-photographs";
const SLOTS = 4; // in the tray, of a task that reads several

/**
 * @param {HTMLElement} root
 * @param {object} options
 * @param {import("./engine.js").Engine} options.engine
 * @param {import("./database.js").Database} options.database
 * @param {Record<string, PhotoTask>} options.tasks  those whose supports are photographs
 * @param {number} options.mostBytes  of a picture file
 * @param {() => void} options.altered  when a photograph was changed, to see what that does
 * @param {(recipe: import("./engine.js").Recipe) => void} options.choose  brings settings back
 */
export function createPhotos(root, { engine, database, tasks, mostBytes, altered, choose }) {
  const slider = one(root, ".photos-beginning input", HTMLInputElement);
  const status = createStatus(one(root, ".photos-status"));
  const paint = createPaint(one(root, ".paint"), painted);
  const sentenceOf = (/** @type {string} */ done, /** @type {number} */ i) => `${done} ${facts.unit} ${i + 1}.`;
  const tray = createTray(one(root, ".photos-tray"), {
    noun: () => facts.unit,
    className: "photo",
    paint: show,
    can: {
      remove: (i) => alter(state.photos.toSpliced(i, 1), sentenceOf("Removed", i)),
      mute: (i) => alter(state.photos.with(i, muted(state.photos[i])), sayMuted(facts.unit, i, state.photos[i])),
      flipOver: (i) => alter(state.photos.with(i, changed(flipped, state.photos[i])), sentenceOf("Flipped", i)),
      turn: (i) => alter(state.photos.with(i, changed(turned, state.photos[i])), sentenceOf("Turned", i)),
    },
  });
  const states = recalled();
  const histories = Object.fromEntries(
    Object.keys(tasks).map((name) => {
      const its = createHistory(ofThisTab(`photos-${name}`), database);
      return [name, /** @type {ReturnType<typeof createHistory<Before>>} */ (its)];
    }),
  );
  /** @type {string | null} */
  let task = null;
  /** @type {PhotoTask} */
  let facts; // of the task
  /** @type {State} */
  let state; // of the task

  // State ----------------------------------------------------------------------------------------------------------

  /**
   * @param {typeof flipped} change
   * @param {Support} photo
   */
  const changed = (change, photo) => change(photo, facts.side, facts.channels);

  // What may be begun with: what was chosen for it, else what is on the pad, else, of a photograph that is to be
  // mirrored, what comes out.
  function beginning() {
    const { begin, photos, painting } = state;
    return begin ?? painting ?? (facts.mirrors && photos.length ? changed(flipped, photos[0]).pixels : null);
  }

  // What is on the pad is read too, unless it is what the machine completes.
  const isRead = () => state.painting !== null && !(state.rows && !state.begin);

  /** The photographs that stay where one is added. */
  const kept = () => (state.isExample ? [] : state.photos);

  const full = () => `A model reads at most ${facts.most} ${facts.unit}s: remove one first.`;

  /** @returns {import("./engine.js").Photographs} */
  function value() {
    if (!task) return { photos: [], beginning: null };
    const pixels = beginning();
    const { photos, rows, painting } = state;
    const read = painting !== null && isRead() ? [...photos, { pixels: painting }].slice(0, facts.most) : photos;
    return {
      photos: read,
      beginning: pixels && rows ? { pixels, rows } : null,
    };
  }

  /** @returns {Record<string, State>} */
  function recalled() {
    const all = recall(STORAGE_KEY) ?? {};
    const ofTask = (/** @type {[string, PhotoTask]} */ [name, { side, channels, most, palette }]) => {
      const { photos, begin, rows, painting, isExample } = all[name] ?? {};
      const pixelsOf = (/** @type {unknown} */ value) => supportsAmong([value], side, channels)[0]?.pixels ?? null;
      return [
        name,
        {
          photos: supportsAmong(photos, side, channels).slice(0, most),
          begin: pixelsOf(begin),
          rows: Number.isInteger(rows) && rows >= 0 && rows < side ? rows : 0,
          painting: palette.length ? pixelsOf(painting) : null,
          isExample: isExample === true,
        },
      ];
    };
    return Object.fromEntries(Object.entries(tasks).map(ofTask));
  }

  function stateChanged() {
    showTray();
    showBeginning();
    showPaint();
    keep(STORAGE_KEY, states);
  }

  /** @param {string} sentence */
  function say(sentence) {
    status.say(sentence, task && histories[task].last ? takeBack : null);
  }

  /** Tells of something that changed nothing: what can be undone is the change before. @param {string} sentence */
  function mention(sentence) {
    const last = task ? histories[task].last : undefined;
    status.say(sentence, last ? takeBack : null, last);
  }

  /**
   * @param {Partial<State>} change
   * @param {string} sentence
   * @param {import("./engine.js").Recipe} [recipe]  with the settings, if they are replaced too
   * @param {boolean} alters
   */
  function replace(change, sentence, recipe, alters = false) {
    const old = { ...state, ...(recipe && { recipe }), alters };
    const isLost = old.photos.length || old.begin || old.painting || change.painting || recipe;
    if (task && isLost) histories[task].add(sentence, old);
    Object.assign(state, { isExample: false }, change);
    stateChanged();
    say(sentence);
    if (alters) altered();
  }

  /**
   * @param {Support[]} photos
   * @param {string} sentence
   */
  function alter(photos, sentence) {
    replace({ photos }, sentence, undefined, true);
  }

  function takeBack() {
    const old = task && histories[task].undo()?.before;
    if (!old) return;
    const { recipe, alters, photos, ...before } = old;
    const isPainting = JSON.stringify(photos) === JSON.stringify(state.photos);
    Object.assign(state, before, { photos: supportsAmong(photos, facts.side, facts.channels) });
    stateChanged();
    if (alters) altered();
    if (recipe) choose(recipe);
    say(isPainting ? "" : `Your ${facts.unit}s are back.`);
  }

  // The colour pad -------------------------------------------------------------------------------------------------

  /** @param {string | null} painting */
  function painted(painting) {
    if (painting === state.painting) return;
    const sentence = state.isExample ? "The ready-made ones made room for yours." : "Painted.";
    replace({ painting, photos: kept() }, sentence);
    if (painting && isRead() && state.photos.length >= facts.most) mention(full());
  }

  /** What is on the pad joins the tray. */
  function add() {
    const { painting, photos } = state;
    if (painting === null) return;
    if (photos.length >= facts.most) mention(full());
    else replace({ ...noPainting(), photos: [...photos, { pixels: painting }] }, "Added. Paint one more, or generate.");
  }

  // What was to be completed is not there any more.
  const noPainting = () => ({ painting: null, rows: state.begin ? state.rows : 0 });

  // What is shown --------------------------------------------------------------------------------------------------

  const isSingle = () => facts.most === 1;

  function showTray() {
    const slots = isSingle() ? 1 : canPaint() ? facts.most : SLOTS;
    tray.show({ items: state.photos, slots, needed: facts.read });
    one(root, ".photos-tray").classList.toggle("is-single", isSingle());
    one(root, "[data-do=empty]").hidden = state.photos.length < 2;
    one(root, ".photos-counts .pad-count").textContent = `${state.photos.length} of ${facts.most}`;
  }

  const canPaint = () => facts.palette.length > 0;

  function showPaint() {
    if (!canPaint()) return;
    paint.show(state.painting);
    const button = (/** @type {string} */ name) => one(root, `[data-do=${name}]`, HTMLButtonElement);
    for (const name of ["wipe", "add"]) button(name).disabled = state.painting === null;
    button("back").disabled = !task || !histories[task].last;
  }

  function showBeginning() {
    const pixels = beginning();
    const { begin, rows } = state;
    const { side } = facts;
    slider.max = String(side - 1);
    slider.value = String(rows);
    slider.disabled = !pixels;
    show(one(root, ".photos-beginning canvas", HTMLCanvasElement), pixels, rows);
    one(root, ".photos-rows").textContent =
      !pixels || !rows
        ? "no row is given"
        : `the first ${rows === 1 ? "row" : `${rows} rows`} of ${side} ${rows === 1 ? "is" : "are"} given`;
    one(root, ".photos-whose").textContent = begin
      ? `of this ${facts.unit}; the model draws the rest`
      : state.painting
        ? "of what is on the pad; the model draws the rest"
        : pixels
          ? "of the mirror image; the model draws the rest"
          : `of a ${facts.unit} of yours, which the model then completes`;
    one(root, "[data-do=unbegin]").hidden = !begin;
  }

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {string | null} pixels
   * @param {number} [rows]  that are given
   */
  function show(canvas, pixels, rows) {
    if (facts.channels === 1) paintDrawing(canvas, pixels, facts.side, colourOf("--ink"), rows);
    else paintPhoto(canvas, pixels, facts.side, rows);
  }

  /** @param {string} pixels */
  function canvasOf(pixels) {
    const canvas = make("canvas");
    show(canvas, pixels);
    return canvas;
  }

  function showSamples() {
    const list = one(root, ".photos-samples");
    const isCredited = facts.credits.length > 0;
    list.classList.toggle("has-credits", isCredited);
    list.style.setProperty("--read", String(facts.read));
    list.replaceChildren(...(isCredited ? creditedSamples() : facts.samples.map(cardOf)));
  }

  /** @param {Sample} sample */
  function cardOf(sample) {
    const pictures = sample.photos.slice(0, facts.read).map(canvasOf);
    return makeCard("photos-sample", sample.name, `Use the ready-made ${sample.name}`, pictures, () => take(sample));
  }

  // Below whose they are, a row for each set: all of it, or one of its pictures.
  function creditedSamples() {
    const { side, credits } = facts;
    const heads = credits.map(({ work, artist, licence }) =>
      make("p", {}, make("b", {}, work), make("span", {}, artist), make("span", {}, licence)),
    );
    const rows = facts.samples.map((sample) => [
      makeCard("photos-all", sample.name, `Use the ready-made ${sample.name}`, [], () => take(sample)),
      ...credits.map(({ work }, i) => {
        const label = `Add the ${sample.name} of ${work}`;
        return makeCard("photos-one", "", label, [canvasOf(sample.photos[i])], () => takeOne(sample.photos[i]));
      }),
    ]);
    const note = make(
      "p",
      { className: "photos-note" },
      `All are shrunk to ${side}x${side} pixels and painted with ${facts.palette.length} colours.`,
    );
    return [make("p", {}, "all, or one"), ...heads, ...rows.flat(), note];
  }

  /**
   * What a ready-made set has more than is read can be begun with.
   * @param {Sample} sample
   * @param {boolean} isExample
   */
  function take({ name, photos }, isExample = false) {
    const read = photos.slice(0, facts.read).map((pixels) => ({ pixels }));
    replace({ photos: read, begin: photos[facts.read] ?? null, isExample }, `${name}: press Generate.`);
    const list = one(root, "#photos-sets");
    if (list.popover) list.hidePopover();
  }

  /** @param {string} pixels */
  function takeOne(pixels) {
    if (kept().length >= facts.most) mention(full());
    else replace({ photos: [...kept(), { pixels }] }, `Added a ${facts.unit}.`);
  }

  // Uploads --------------------------------------------------------------------------------------------------------

  /** @param {File} file */
  async function read(file) {
    const answer = await readFile(file, mostBytes);
    return "error" in answer || !task ? answer : engine.preview(task, answer);
  }

  /** @param {File[]} files */
  async function upload(files) {
    const asked = task;
    const wanted = () => task === asked; // the user may go elsewhere meanwhile
    await addFiles(
      isSingle() ? files.slice(0, 1) : files,
      facts.unit,
      say,
      mention,
      (file) => addFile(file, wanted),
      wanted,
    );
  }

  /**
   * @param {File} file
   * @param {() => boolean} wanted
   */
  async function addFile(file, wanted) {
    if (!wanted()) return 0;
    if (!isSingle() && kept().length >= facts.most) return full();
    const answer = await read(file);
    if (!wanted() || "picture" in answer) return 0;
    if ("error" in answer) return answer.error;
    const photo = { pixels: answer.pixels };
    if (isSingle()) {
      replace({ photos: [photo], begin: null }, `Added a ${facts.unit}.`);
      return 1;
    }
    if (kept().length >= facts.most) return full();
    replace({ photos: [...kept(), photo] }, `Added a ${facts.unit}.`);
    return 1;
  }

  /** @param {File[]} files */
  async function beginWith([file]) {
    if (!file) return;
    const asked = task;
    const answer = await read(file);
    if (task !== asked || "picture" in answer) return;
    if ("error" in answer) return mention(`${file.name}: ${answer.error}`);
    replace({ begin: answer.pixels, rows: state.rows || Math.round(facts.side / 2) }, "The machine will complete it.");
  }

  // Wiring ---------------------------------------------------------------------------------------------------------

  /** @type {Record<string, () => void>} */
  const actions = {
    back: takeBack,
    wipe: () => replace(noPainting(), "Cleared the pad."),
    add,
    upload: () => one(root, ".photos-files").click(),
    empty: () => replace({ photos: [] }, `Removed all ${facts.unit}s.`),
    begin: () => one(root, ".photos-begin-file").click(),
    unbegin: () => replace({ begin: null, rows: 0 }, "Removed what the machine was to complete."),
  };
  for (const [name, action] of Object.entries(actions))
    one(root, `[data-do=${name}]`).addEventListener("click", action);
  acceptChosen(one(root, ".photos-files", HTMLInputElement), upload);
  acceptChosen(one(root, ".photos-begin-file", HTMLInputElement), beginWith);
  acceptDrops(root, upload);
  acceptPastes(root, upload);
  for (const [name, history] of Object.entries(histories)) {
    history.load().then(() => name === task && showPaint());
  }
  document.addEventListener("keydown", (event) => {
    const target = /** @type {Element} */ (event.target);
    const typing = target.matches("input:is([type=number], [type=text]), textarea"); // which has an undo of its own
    if (typing || !root.checkVisibility() || !(event.ctrlKey || event.metaKey) || event.key !== "z") return;
    if (!task || !histories[task].last) return;
    event.preventDefault();
    takeBack();
  });
  const repaint = () => {
    if (!task) return;
    showTray();
    showBeginning();
    showSamples();
  };
  new MutationObserver(repaint).observe(document.body, { attributeFilter: ["class"] }); // light and dark
  slider.addEventListener("input", () => {
    state.rows = Number(slider.value);
    stateChanged();
  });

  return {
    say,
    /**
     * Shows the photographs of a task, a ready-made one where there are none. Nothing for a task that has none.
     * @param {string} to
     */
    turn(to) {
      paint.finish();
      task = to in tasks ? to : null;
      if (!task) return;
      facts = tasks[task];
      state = states[task];
      one(root, ".photos-title").textContent = facts.title;
      root.classList.toggle("has-palette", canPaint());
      root.classList.toggle("has-one", isSingle());
      for (const name of ["#photos-sets", "#photos-begin"]) one(root, name).popover = canPaint() ? "auto" : null;
      paint.turn(facts.side, facts.palette);
      one(root, ".photos-what").textContent = `${facts.unit[0].toUpperCase()}${facts.unit.slice(1)}s`;
      one(root, "[data-do=upload] span").textContent = canPaint() ? "Upload" : facts.upload;
      one(root, ".photos-files", HTMLInputElement).multiple = !isSingle();
      one(root, ".photos-or").textContent = facts.or;
      one(root, ".photos-help").innerHTML = facts.help;
      showSamples();
      const isEmpty = !state.photos.length && !state.begin && !state.painting;
      if (isEmpty && facts.samples.length) take(facts.samples[0], canPaint());
      stateChanged();
      say(histories[task].last ?? "");
    },
    value,
    /** What Generate uses: what is on the pad counts too, and joins the tray unless it is the beginning. */
    commit() {
      if (task && isRead() && state.photos.length < facts.most) add();
      return value();
    },
    /**
     * The photographs of a recipe in place of the task's, as for the pad.
     * @param {import("./engine.js").Recipe} recipe
     * @param {import("./engine.js").Recipe} [old]  with the settings as they are
     * @param {string} [sentence]  that says what they are
     */
    recall({ photographs, settings }, old, sentence = `The recipe of chance number ${settings.seed} is back.`) {
      const { photos, beginning: begun } = photographs;
      const change = {
        photos,
        begin: begun?.pixels ?? null,
        rows: begun?.rows ?? 0,
        painting: null,
      };
      replace(change, sentence, old);
    },
  };
}

// The photographs that a model reads, ready-made ones, and one of which the first rows are given.
//
// A photograph has the side x side x 3 bytes that the model sees, in base64. Only the engine makes those from a picture
// file, so that what is shown is what is read.

import { make, one } from "./dom.js";
import { acceptChosen, acceptDrops, acceptPastes, addFiles, readFile } from "./files.js";
import { createHistory } from "./history.js";
import { paintPhoto } from "./painting.js";
import { keep, ofThisTab, recall } from "./store.js";
import { flipped, muted, sayMuted, supportsAmong, turned } from "./supports.js";
import { createStatus, createTray, makeCard } from "./tray.js";

/** @typedef {import("./engine.js").PhotoTask} PhotoTask */
/** @typedef {import("./supports.js").Support} Support */
/** @typedef {{photos: Support[], begin: string | null, rows: number}} State  begin: whose first rows are given */
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
  const tray = createTray(one(root, ".photos-tray"), {
    noun: "photograph",
    className: "photo",
    paint: (canvas, pixels) => paintPhoto(canvas, pixels, facts.side),
    can: {
      remove: (i) => alter(state.photos.toSpliced(i, 1), `Removed photograph ${i + 1}.`),
      mute: (i) => alter(state.photos.with(i, muted(state.photos[i])), sayMuted("photograph", i, state.photos[i])),
      flip: (i) => alter(state.photos.with(i, flipped(state.photos[i], facts.side, 3)), `Flipped photograph ${i + 1}.`),
      turn: (i) => alter(state.photos.with(i, turned(state.photos[i], facts.side, 3)), `Turned photograph ${i + 1}.`),
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

  // What may be begun with: what was chosen for it, else, of a photograph that is to be mirrored, what comes out.
  function beginning() {
    const { begin, photos } = state;
    return begin ?? (facts.mirrors && photos.length ? flipped(photos[0], facts.side, 3).pixels : null);
  }

  /** @returns {import("./engine.js").Photographs} */
  function value() {
    if (!task) return { photos: [], beginning: null };
    const pixels = beginning();
    const { photos, rows } = state;
    return {
      photos,
      beginning: pixels && rows ? { pixels, rows } : null,
    };
  }

  /** @returns {Record<string, State>} */
  function recalled() {
    const kept = recall(STORAGE_KEY) ?? {};
    const ofTask = (/** @type {[string, PhotoTask]} */ [name, { side, most }]) => {
      const { photos, begin, rows } = kept[name] ?? {};
      return [
        name,
        {
          photos: supportsAmong(photos, side, 3).slice(0, most),
          begin: supportsAmong([begin], side, 3)[0]?.pixels ?? null,
          rows: Number.isInteger(rows) && rows >= 0 && rows < side ? rows : 0,
        },
      ];
    };
    return Object.fromEntries(Object.entries(tasks).map(ofTask));
  }

  function stateChanged() {
    showTray();
    showBeginning();
    keep(STORAGE_KEY, states);
  }

  /** @param {string} sentence */
  function say(sentence) {
    status.say(sentence, task && histories[task].last ? takeBack : null);
  }

  /**
   * @param {Partial<State>} change
   * @param {string} sentence
   * @param {import("./engine.js").Recipe} [recipe]  with the settings, if they are replaced too
   * @param {boolean} alters
   */
  function replace(change, sentence, recipe, alters = false) {
    const old = { ...state, ...(recipe && { recipe }), alters };
    if (task && (old.photos.length || old.begin || recipe)) histories[task].add(sentence, old);
    Object.assign(state, change);
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
    const { recipe, alters, photos, begin, rows } = old;
    Object.assign(state, { photos: supportsAmong(photos, facts.side, 3), begin, rows });
    stateChanged();
    if (alters) altered();
    if (recipe) choose(recipe);
    say("Your photographs are back.");
  }

  // What is shown --------------------------------------------------------------------------------------------------

  const isSingle = () => facts.most === 1;

  function showTray() {
    tray.show({ items: state.photos, slots: isSingle() ? 1 : SLOTS, needed: facts.read });
    one(root, ".photos-tray").classList.toggle("is-single", isSingle());
    one(root, "[data-do=empty]").hidden = state.photos.length < 2;
  }

  function showBeginning() {
    const pixels = beginning();
    const { begin, rows } = state;
    const { side } = facts;
    slider.max = String(side - 1);
    slider.value = String(rows);
    slider.disabled = !pixels;
    paintPhoto(one(root, ".photos-beginning canvas", HTMLCanvasElement), pixels, side, rows);
    one(root, ".photos-rows").textContent =
      !pixels || !rows
        ? "no row is given"
        : `the first ${rows === 1 ? "row" : `${rows} rows`} of ${side} ${rows === 1 ? "is" : "are"} given`;
    one(root, ".photos-whose").textContent = begin
      ? "of this photograph; the model draws the rest"
      : pixels
        ? "of the mirror image; the model draws the rest"
        : "of a photograph of yours, which the model then completes";
    one(root, "[data-do=unbegin]").hidden = !begin;
  }

  function showSamples() {
    const cards = facts.samples.map((sample) => {
      const pictures = sample.photos.slice(0, facts.read).map((pixels) => {
        const canvas = make("canvas");
        paintPhoto(canvas, pixels, facts.side);
        return canvas;
      });
      return makeCard("photos-sample", sample.name, `Use the ready-made ${sample.name}`, pictures, () => take(sample));
    });
    one(root, ".photos-samples").replaceChildren(...cards);
    one(root, ".photos-samples").style.setProperty("--read", String(facts.read));
  }

  /**
   * What a ready-made set has more than is read can be begun with.
   * @param {{name: string, photos: string[]}} sample
   */
  function take({ name, photos }) {
    const read = photos.slice(0, facts.read).map((pixels) => ({ pixels }));
    replace({ photos: read, begin: photos[facts.read] ?? null }, `${name}: press Generate.`);
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
    await addFiles(isSingle() ? files.slice(0, 1) : files, "photograph", say, (file) => add(file, wanted), wanted);
  }

  /**
   * @param {File} file
   * @param {() => boolean} wanted
   */
  async function add(file, wanted) {
    const answer = await read(file);
    if (!wanted() || "picture" in answer) return 0;
    if ("error" in answer) return answer.error;
    const photo = { pixels: answer.pixels };
    if (isSingle()) {
      replace({ photos: [photo], begin: null }, "Added a photograph.");
      return 1;
    }
    if (state.photos.length >= facts.most) return `A model reads at most ${facts.most} photographs: remove one first.`;
    replace({ photos: [...state.photos, photo] }, "Added a photograph.");
    return 1;
  }

  /** @param {File[]} files */
  async function beginWith([file]) {
    if (!file) return;
    const asked = task;
    const answer = await read(file);
    if (task !== asked || "picture" in answer) return;
    if ("error" in answer) return say(`${file.name}: ${answer.error}`);
    replace({ begin: answer.pixels, rows: state.rows || Math.round(facts.side / 2) }, "The machine will complete it.");
  }

  // Wiring ---------------------------------------------------------------------------------------------------------

  /** @type {Record<string, () => void>} */
  const actions = {
    upload: () => one(root, ".photos-files").click(),
    empty: () => replace({ photos: [] }, "Removed all photographs."),
    begin: () => one(root, ".photos-begin-file").click(),
    unbegin: () => replace({ begin: null, rows: 0 }, "Removed what the machine was to complete."),
  };
  for (const [name, action] of Object.entries(actions))
    one(root, `[data-do=${name}]`).addEventListener("click", action);
  acceptChosen(one(root, ".photos-files", HTMLInputElement), upload);
  acceptChosen(one(root, ".photos-begin-file", HTMLInputElement), beginWith);
  acceptDrops(root, upload);
  acceptPastes(root, upload);
  for (const history of Object.values(histories)) history.load();
  slider.addEventListener("input", () => {
    state.rows = Number(slider.value);
    stateChanged();
  });

  return {
    /**
     * Shows the photographs of a task, a ready-made one where there are none. Nothing for a task that has none.
     * @param {string} to
     */
    turn(to) {
      task = to in tasks ? to : null;
      if (!task) return;
      facts = tasks[task];
      state = states[task];
      one(root, ".photos-title").textContent = facts.title;
      one(root, "[data-do=upload] span").textContent = facts.upload;
      one(root, ".photos-files", HTMLInputElement).multiple = !isSingle();
      one(root, ".photos-or").textContent = facts.or;
      one(root, ".photos-help").innerHTML = facts.help;
      showSamples();
      if (!state.photos.length && !state.begin && facts.samples.length) take(facts.samples[0]);
      stateChanged();
      say(histories[task].last ?? "");
    },
    value,
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
      };
      replace(change, sentence, old);
    },
  };
}

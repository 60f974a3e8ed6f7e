// Models side by side, in place of the single player: what they draw of one recipe with one chance number, what a drawing
// costs each of them, or which set of supports it belongs to. One clock and one locked pixel are for all of them. What a
// model draws can be kept: other drawings and settings are then compared with it.

import { withSeed } from "./batch.js";
import { shortNames } from "./choices.js";
import {
  bestFirst,
  columnsOf,
  costOf,
  differences,
  distinctSets,
  firstCompared,
  otherwise,
  sharesOfSets,
} from "./comparing.js";
import { make, one } from "./dom.js";
import { colourOf, paintCanvas, paintDrawing, paintPhoto, shades } from "./painting.js";
import { createPlayback } from "./playback.js";
import { createPlayer } from "./player.js";
import { fullSurprise, percent } from "./reading.js";
import { createSelection } from "./selection.js";
import { keep, recall } from "./store.js";
import { readOf } from "./supports.js";

/** @typedef {import("./engine.js").Recipe} Recipe */
/** @typedef {import("./engine.js").Seen} Seen */
/** @typedef {import("./engine.js").Recognised} Recognised */
/** @typedef {import("./player.js").Player} Player */
/** @typedef {"pictures" | "scores" | "sets"} Kind */
/** @typedef {import("./comparing.js").Named} Named */

/**
 * A model's place. One that shows a picture has a player, and a canvas over it for what differs.
 * @typedef {object} Column
 * @property {HTMLElement} root
 * @property {HTMLElement} figure  what is said below the picture, or in place of one
 * @property {Player | null} player
 * @property {HTMLCanvasElement | null} over
 */
/** @typedef {Recipe & {key: string}} Kept  a recipe that stays as it is, and the name of its column */

const STORAGE_KEY = "fewshot-studio-compared"; // the models, by task
const REST = 400; // milliseconds after the last change, until all is compared anew
const SEVERAL = "Several models side by side"; // what the button does, also in comparing.html
const MOST_SETS = 16;
const MOST_COLUMNS = 5;
const MARKED = 0.75; // opacity of ink where the first has paper...
const PALE = 0.35; // ... and of paper where it has ink
/** @type {Record<Kind, string>} */
const HELP = {
  pictures:
    "All models draw from the same drawings with the same chance number, so that what differs is the models' doing. " +
    "Attention shows where a model looks, not why it decides. Keep one, and change the drawings or the settings: what " +
    "you kept stays beside what comes, with the same chance number",
  scores:
    "The models read your other drawings and say how likely this one is, as they have learnt it: no faithfulness, no " +
    "temperature. In nats, -log p(x|s): 0 is a perfect prediction, and the fewer, the better. All have the same pixels " +
    "before them, so that their chances can be compared at each one",
  sets:
    "A few drawings of each set are read: the first is the set that makes this drawing likeliest. The share is what " +
    "each set gets if all are as likely beforehand, the number log p(x|set) in nats",
};

/**
 * @param {HTMLElement} root  compare.html
 * @param {object} options
 * @param {import("./engine.js").Engine} options.engine
 * @param {import("./engine.js").Facts} options.facts
 * @param {HTMLElement} options.blank  a player's HTML that no player has used
 * @param {HTMLElement} options.models  where models are chosen
 * @param {HTMLButtonElement} options.toggle  the button that opens and closes it
 * @param {() => Recipe | null} options.now  what is on the page, with the seed of the picture there
 * @param {(task: string) => Named[]} options.sets  in which a drawing may be looked for
 */
export function createCompare(root, { engine, facts, blank, models: group, toggle, now, sets }) {
  const status = one(root, ".compare-status");
  const list = one(root, ".compare-columns");
  const thumbs = one(root, ".compare-given");
  const playback = createPlayback();
  const selection = createSelection();
  /** @type {Record<string, string[]>} */
  const kept = { ...recall(STORAGE_KEY) };
  /** @type {Map<string, Column>} */
  const columns = new Map(); // by model, and by the key of what is kept
  /** @type {Kept[]} */
  let beside = []; // what was kept, of all tasks
  let keptEver = 0;
  /** @type {Kind} */
  let kind = "pictures";
  /** @type {Recipe | null} */
  let recipe = null; // what is compared; null while nothing is
  let asked = 0; // answers that were asked for; all but the last come too late
  let picked = Number.POSITIVE_INFINITY; // the place of the drawing that is scored; the last one's, at most
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let resting;

  const namesOf = (/** @type {string} */ task) =>
    Object.keys(facts.models).filter((name) => facts.models[name].task === task);
  /** @param {string} name */
  function shortOf(name) {
    const names = namesOf(facts.models[name].task);
    return shortNames(names.map((each) => facts.models[each].title))[names.indexOf(name)];
  }

  /** @param {Recipe} its */
  function chosenOf({ task, settings }) {
    const there = namesOf(task);
    const again = (Array.isArray(kept[task]) ? kept[task] : []).filter((name) => there.includes(name));
    return new Set(again.length ? again : firstCompared(there, settings.model));
  }

  /**
   * @param {string} sentence
   * @param {boolean} isError
   */
  function say(sentence, isError = false) {
    if (status.textContent !== sentence) status.textContent = sentence;
    status.classList.toggle("is-error", isError);
  }

  // Asking ---------------------------------------------------------------------------------------------------------

  /**
   * Compares by a recipe: with its seed, or if it is fresh, with any.
   * @param {Recipe} its
   */
  async function show(its) {
    const mine = ++asked;
    recipe = its;
    const names = columnsOf(namesOf(its.task), chosenOf(its), its.settings.model);
    const stay = keptOf(its);
    showChoice(its);
    const given = await givenOf(its);
    if (mine !== asked) return;
    if (given.length !== thumbs.querySelectorAll("input").length) picked = Number.POSITIVE_INFINITY; // the newest
    const at = Math.min(picked, given.length - 1);
    const of = { ...its, ...withoutOne(its, given, at) };
    showGiven(its, given, at);
    layOut([...names, ...stay.map(({ key }) => key)]);
    showKept(its, stay);
    const { locked } = selection;
    if (kind !== "pictures" && !given.length) return say("Draw something first: there is nothing to look at.", true);
    if (kind === "pictures") for (const { player } of [...columns.values()].reverse()) player?.expect();
    say(kind === "pictures" ? "Drawing…" : "Reading…");
    const among = [{ name: "your other drawings", supports: given.filter((_, i) => i !== at) }, ...sets(its.task)];
    const looked = distinctSets(among).slice(0, MOST_SETS);
    const answers = {
      pictures: () => engine.compare(its, names),
      scores: () => engine.score(of, names, { pixels: given[at] }),
      sets: () =>
        engine.recognise(
          of,
          names,
          { pixels: given[at] },
          looked.map(({ supports }) => supports.map((pixels) => ({ pixels }))),
        ),
    }[kind]();
    for await (const answer of answers) {
      if (mine !== asked) return;
      if ("error" in answer) refuse(answer);
      else if ("id" in answer) await receive(answer, answer.model);
      else showSets(answer, looked, its.task);
      if (mine !== asked) return;
    }
    for (const { key, ...again } of stay) {
      for await (const answer of engine.compare(withSeed(again, its.settings.seed), [again.settings.model])) {
        if (mine !== asked) return;
        if ("error" in answer) refuse({ ...answer, model: key });
        else await receive(answer, key);
        if (mine !== asked) return;
      }
    }
    for (const { player } of columns.values()) player?.stop();
    if (kind === "scores") playback.go(playback.available);
    if (locked !== null && selection.locked === null) selection.lock(locked);
  }

  /** @param {{error: string, model?: string}} refusal */
  function refuse({ error, model }) {
    const column = columns.get(model ?? "");
    if (!column) say(error, true);
    else if (column.player) column.player.absorb({ error });
    else column.figure.textContent = error;
  }

  /**
   * @param {import("./run.js").Chunk} chunk
   * @param {string} key  of its column
   */
  async function receive(chunk, key) {
    const player = columns.get(key)?.player;
    if (!player || !recipe) return;
    recipe.settings = {
      ...recipe.settings,
      seed: kind === "pictures" ? chunk.seed : recipe.settings.seed,
      fresh: false,
    };
    await (kind === "scores" ? player.show(chunk) : player.absorb(chunk));
    if (!recipe) return; // closed meanwhile
    if (key === chunk.model) say(kind === "pictures" ? sayRecipe(chunk) : saySurprise(chunk));
    showCosts();
    paintDifferences();
  }

  /** @param {import("./run.js").Chunk} chunk */
  function saySurprise(chunk) {
    const full = fullSurprise(chunk);
    const least = chunk.channels === 1 ? `a chance of ${percent(Math.exp(-full))}` : "a blind guess";
    return `The fewer nats, the less it surprised the model. Orange is where: full colour from ${least} on (${full.toFixed(1)} nats a pixel).`;
  }

  /** @param {import("./run.js").Chunk} chunk */
  function sayRecipe({ task, channels, shots, temperature, seed }) {
    const { guidance } = /** @type {Recipe} */ (recipe).settings;
    const [first] = columns.keys();
    const said = [`${shots} ${facts.tasks[task].unit}${shots === 1 ? "" : "s"}`];
    const guided = [...columns.keys()].some((name) => facts.models[name]?.guides);
    if (guidance && guided) said.push(`faithfulness\u00a0${guidance}: closer to yours than learnt`);
    if (temperature !== 1) said.push(`temperature\u00a0${temperature}`);
    said.push(`chance number\u00a0${seed}`);
    const marks = columns.size > 1 && channels === 1 ? ` Blue differs from ${shortOf(first)}.` : "";
    return `${said.join(" · ")}.${marks}`;
  }

  /**
   * What the model sees of each support that is read.
   * @param {Recipe} its
   * @returns {Promise<string[]>}
   */
  async function givenOf({ task, drawings, photographs }) {
    const { drawn } = facts.tasks[task];
    const all = drawn ? readOf(drawings.supports, drawings.shots) : readOf(photographs.photos);
    const seen = await Promise.all(all.map((each) => ("pixels" in each ? each : engine.preview(task, each))));
    return seen.flatMap((each) => ("pixels" in each ? [each.pixels] : []));
  }

  /**
   * The supports but one.
   * @param {Recipe} its
   * @param {string[]} given
   * @param {number} at
   * @returns {Pick<Recipe, "drawings" | "photographs">}
   */
  function withoutOne({ task }, given, at) {
    const others = given.flatMap((pixels, i) => (i === at ? [] : [{ pixels }]));
    const { drawn } = facts.tasks[task];
    return {
      drawings: { supports: drawn ? others : [], shots: null, beginning: null },
      photographs: { photos: drawn ? [] : others, beginning: null },
    };
  }

  /**
   * All that the answers depend on.
   * @param {Recipe} its
   */
  const nameOf = ({ settings: { fresh: _, ...settings }, ...others }) => JSON.stringify([settings, others]);

  // What was changed on the page is compared anew, once nothing more changes.
  function follow() {
    if (!recipe) return;
    clearTimeout(resting);
    resting = setTimeout(() => {
      const next = now();
      if (!recipe || !next || next.task !== recipe.task) return;
      const seed = next.settings.fresh ? recipe.settings.seed : next.settings.seed;
      const its = withSeed(next, seed);
      if (nameOf(its) !== nameOf(recipe)) show(its);
    }, REST);
  }

  // Columns --------------------------------------------------------------------------------------------------------

  /** @param {string[]} keys */
  function layOut(keys) {
    for (const [key, { root: old, player }] of columns) {
      if (keys.includes(key) && Boolean(player) === (kind !== "sets")) continue;
      player?.destroy();
      old.remove();
      columns.delete(key);
    }
    const before = new Map(columns);
    columns.clear();
    for (const key of keys) columns.set(key, before.get(key) ?? makeColumn(key));
    const roots = [...columns.values()].map((column) => column.root);
    for (const [i, element] of roots.entries()) element.style.setProperty("--column", String(i + 1));
    list.style.setProperty("--columns", String(keys.length));
    list.dataset.kind = kind;
    if (roots.some((element, i) => list.children[i] !== element)) list.replaceChildren(...roots);
    for (const { figure, over } of columns.values()) {
      figure.replaceChildren(kind === "sets" ? "reading…" : "");
      if (over) over.hidden = true;
    }
  }

  /**
   * @param {string} key
   * @returns {Column}
   */
  function makeColumn(key) {
    const stays = beside.find((each) => each.key === key);
    const name = stays?.settings.model ?? key;
    const words = make("h3", {}, shortOf(name));
    const button = make("button", { type: "button", className: "link" }, stays ? "remove" : "keep");
    button.ariaLabel = `${stays ? "Remove" : "Keep"} ${facts.models[name].title}`;
    button.addEventListener("click", () => (stays ? removeKept(stays) : keepBeside(name)));
    const title = make("div", { className: "compare-title" }, words, make("small"), button);
    const figure = make("div", { className: "compare-figure" });
    if (kind === "sets") {
      const column = make("section", { className: "compare-column" }, title, figure);
      column.setAttribute("aria-label", facts.models[name].title);
      return { root: column, figure, player: null, over: null };
    }
    const its = /** @type {HTMLElement} */ (blank.cloneNode(true));
    its.setAttribute("aria-label", `${facts.models[name].title}${stays ? ", kept" : ""}`);
    const over = make("canvas", { className: "compare-differing", hidden: true });
    one(its, ".player-canvas").after(over);
    one(its, ".player-frame").after(figure);
    its.prepend(title);
    const player = createPlayer(its, { engine, tasks: facts.tasks, playback, selection });
    return { root: its, figure, player, over };
  }

  /** @param {Recipe} its */
  const keptOf = ({ task }) => (kind === "pictures" ? beside.filter((each) => each.task === task) : []);

  /** @param {string} model */
  function keepBeside(model) {
    if (!recipe) return;
    beside = [...beside, { ...recipe, settings: { ...recipe.settings, model }, key: `kept ${++keptEver}` }];
    again();
  }

  /** @param {Kept} stays */
  function removeKept(stays) {
    beside = beside.filter((each) => each !== stays);
    again();
  }

  /**
   * How what is kept differs from what is on the page.
   * @param {Recipe} its
   * @param {Kept[]} stay
   */
  function showKept(its, stay) {
    for (const [key, { root: column }] of columns) {
      const stays = stay.find((each) => each.key === key);
      const button = one(column, ".compare-title button", HTMLButtonElement);
      button.hidden = !stays && (kind !== "pictures" || columns.size >= MOST_COLUMNS);
      if (!stays) continue;
      const { unit } = facts.tasks[its.task];
      const words = one(column, ".compare-title small");
      words.textContent = otherwise(stays, its, facts.models[stays.settings.model], unit).join(" · ");
      words.textContent = `kept: ${words.textContent || "as now"}`;
      words.title = words.textContent;
    }
  }

  // Over each picture but the first, in which pixels it differs from that: of photographs all do, by more or less.
  function paintDifferences() {
    const [first, ...others] = columns.values();
    const reference = first?.player?.state;
    if (kind !== "pictures" || !reference?.run) return;
    const cold = shades(colourOf("--cold"));
    for (const { player, figure, over } of others) {
      const { run, position } = /** @type {Player} */ (player).state;
      if (!run || !over) continue;
      const { image, channels, width, height } = run;
      const drawn = Math.min(position, reference.position);
      const differing = differences(reference.run.image, image, channels, drawn);
      const most = (/** @type {number} */ i) => (image[i] ? MARKED : PALE);
      over.hidden = channels > 1;
      if (!over.hidden) paintCanvas(over, width, height, (i) => cold(differing[i] * most(i)));
      const sum = differing.reduce((a, b) => a + b, 0);
      const levels = `colours differ by ${percent(sum / Math.max(1, drawn))}`;
      figure.textContent = !drawn ? "" : channels === 1 ? `${sum} of ${drawn} pixels differ` : levels;
    }
  }

  // What the drawing cost each model, beside the most.
  function showCosts() {
    if (kind !== "scores") return;
    const costs = [...columns.values()].map(({ player }) => {
      const run = player?.state.run;
      return run?.nats ? costOf(run.nats, run.channels) : null;
    });
    const totals = costs.map((cost) => cost?.total ?? 0);
    const least = Math.min(...costs.map((cost) => cost?.total ?? Number.POSITIVE_INFINITY));
    [...columns.values()].forEach(({ figure }, i) => {
      const cost = costs[i];
      if (!cost) return;
      const best = cost.total === least && columns.size > 1;
      const words = make("p", {}, make("b", {}, `${cost.total.toFixed(1)} nats`));
      if (best) words.append(make("em", {}, "least"));
      words.append(make("span", {}, `${cost.perDimension.toFixed(4)} nats/dim`));
      figure.replaceChildren(words, makeBar(cost.total / Math.max(...totals)));
      figure.classList.toggle("is-best", best);
    });
  }

  /**
   * The sets as bars, the best first.
   * @param {Recognised} answer
   * @param {Named[]} looked
   * @param {string} task
   */
  function showSets({ model, nats }, looked, task) {
    say("The likeliest set first, with log p(drawing | set) in nats. The drawing itself is left out of its set.");
    const figure = /** @type {Column} */ (columns.get(model)).figure;
    if (!nats) {
      figure.textContent = "reads no set, so that all are alike to it";
      return;
    }
    const shares = sharesOfSets(nats);
    const items = bestFirst(nats).map((i) => {
      const { name, supports } = looked[i];
      const canvas = make("canvas");
      paintSupport(canvas, task, supports[0]);
      const words = make("span", { className: "compare-set-name" }, name);
      const number = make("span", { className: "number" }, percent(shares[i]));
      const log = make("span", { className: "compare-log" }, `\u2212${Number(nats[i]).toFixed(1)}`);
      return make("li", {}, canvas, words, number, makeBar(shares[i]), log);
    });
    figure.replaceChildren(make("ol", { className: "compare-sets" }, ...items));
  }

  /** @param {number} share */
  function makeBar(share) {
    const bar = make("i", { className: "bar" }, make("b"));
    one(bar, "b").style.width = `${100 * share}%`;
    return bar;
  }

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {string} task
   * @param {string} pixels
   */
  function paintSupport(canvas, task, pixels) {
    const { drawn, side } = facts.tasks[task];
    canvas.dataset.pixels = pixels;
    if (drawn) paintDrawing(canvas, pixels, side, colourOf("--ink"));
    else paintPhoto(canvas, pixels, side);
  }

  // Choosing -------------------------------------------------------------------------------------------------------

  /** @param {Recipe} its */
  function showChoice(its) {
    const names = namesOf(its.task);
    const chosen = chosenOf(its);
    if ([...group.querySelectorAll("input")].map(({ value }) => value).join() !== names.join()) {
      group.replaceChildren(
        ...names.map((name) =>
          make(
            "label",
            {},
            make("input", { type: "checkbox", value: name, ariaLabel: facts.models[name].title }),
            make("span", {}, shortOf(name)),
          ),
        ),
      );
    }
    const full = chosen.size + keptOf(its).length >= MOST_COLUMNS;
    for (const box of group.querySelectorAll("input")) {
      box.checked = chosen.has(box.value);
      box.disabled = box.checked ? chosen.size === 1 : full; // one is left at least
    }
    one(root, ".compare-kinds").hidden = facts.tasks[its.task].most === 1;
    one(root, "[value=scores] + span").textContent = `one ${facts.tasks[its.task].unit}, scored`;
    const hint = one(root, ".hint");
    hint.textContent = "?";
    hint.title = hint.ariaLabel = HELP[kind];
  }

  /**
   * The drawings, of which one is scored.
   * @param {Recipe} its
   * @param {string[]} given
   * @param {number} at
   */
  function showGiven({ task }, given, at) {
    thumbs.hidden = kind === "pictures" || !given.length;
    const radios = /** @type {NodeListOf<HTMLInputElement>} */ (thumbs.querySelectorAll("input"));
    if (radios.length !== given.length) {
      thumbs.replaceChildren(
        "this one:",
        ...given.map((_, i) => {
          const radio = make("input", { type: "radio", name: "compare-given", value: String(i) });
          radio.ariaLabel = `${facts.tasks[task].unit} ${i + 1}`;
          return make("label", {}, radio, make("canvas"));
        }),
      );
    }
    [...thumbs.children].forEach((label, i) => {
      one(label, "input", HTMLInputElement).checked = i === at;
      paintSupport(one(label, "canvas", HTMLCanvasElement), task, given[i]);
    });
  }

  // In the colours that the page has now.
  function repaint() {
    if (!recipe) return;
    paintDifferences();
    for (const canvas of /** @type {NodeListOf<HTMLCanvasElement>} */ (root.querySelectorAll("canvas[data-pixels]"))) {
      paintSupport(canvas, recipe.task, String(canvas.dataset.pixels));
    }
  }

  function again() {
    if (recipe) show(recipe);
  }

  function open() {
    const its = now();
    if (!its) return;
    if (facts.tasks[its.task].most === 1) kind = "pictures"; // of one support, none is left to be scored
    one(root, `.compare-kinds [value=${kind}]`, HTMLInputElement).checked = true;
    toggle.textContent = "Back to one";
    toggle.title = "One model alone";
    group.hidden = root.hidden = false;
    document.body.toggleAttribute("data-comparing", true); // the page's style goes by it
    show(withSeed(its, its.settings.seed));
  }

  function close() {
    if (!recipe) return;
    asked++;
    recipe = null;
    clearTimeout(resting);
    layOut([]);
    selection.clear();
    toggle.textContent = "Compare";
    toggle.title = SEVERAL;
    group.hidden = root.hidden = true;
    document.body.toggleAttribute("data-comparing", false);
  }

  toggle.addEventListener("click", () => (recipe ? close() : open()));
  group.addEventListener("change", () => {
    if (!recipe) return;
    const boxes = [...group.querySelectorAll("input")];
    kept[recipe.task] = boxes.filter(({ checked }) => checked).map(({ value }) => value);
    keep(STORAGE_KEY, kept);
    again();
  });
  one(root, ".compare-kinds").addEventListener("change", ({ target }) => {
    kind = /** @type {Kind} */ (/** @type {HTMLInputElement} */ (target).value);
    again();
  });
  thumbs.addEventListener("change", ({ target }) => {
    picked = Number(/** @type {HTMLInputElement} */ (target).value);
    again();
  });
  playback.join({ available: () => 0, growing: () => false, changed: paintDifferences });
  new MutationObserver(repaint).observe(document.body, { attributeFilter: ["class"] }); // light and dark

  return {
    /** The settings are known, so that there is something to compare. */
    enable() {
      toggle.disabled = false;
    },
    show,
    follow,
    close,
    playback,
    selection,
    get isOpen() {
      return recipe !== null;
    },
    /** What each player shows, by model, or by the key of what is kept. */
    get states() {
      return Object.fromEntries([...columns].map(([name, { player }]) => [name, player?.state ?? null]));
    },
  };
}

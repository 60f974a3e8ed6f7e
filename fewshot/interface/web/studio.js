// Wires the page: the pad or the photographs on the left, players on the right, and what the buttons do. It speaks to
// the models through an engine (engine.js), and is told of the settings, which are not its own.

import { createAlong } from "./along.js";
import { withSeed } from "./batch.js";
import { newId, packBits, toBase64 } from "./codec.js";
import { createCompare } from "./compare.js";
import { one } from "./dom.js";
import { createExport } from "./export.js";
import { createPad } from "./pad.js";
import { createPhotos } from "./photos.js";
import { createPlayback } from "./playback.js";
import { createPlayer } from "./player.js";
import { createHints } from "./popup.js";
import { fromFragment, KIND, VERSION } from "./project.js";
import { createSelection } from "./selection.js";
import { createShelf } from "./shelf.js";
import { keep, recall } from "./store.js";
import { photographsRead, readOf } from "./supports.js";
import { createVariations } from "./variations.js";
import { createViews } from "./views.js";

/** @typedef {import("./engine.js").Settings} Settings */
/** @typedef {import("./engine.js").PhotoTask} PhotoTask */
/** @typedef {import("./engine.js").Recipe} Recipe */
/** @typedef {ReturnType<typeof createStudio>} Studio */

const STORAGE_KEY = "fewshot-studio-settings";
const SHOWN_KEY = "fewshot-studio-shown"; // the seed of the picture that is shown, if it is not the settings'

/** Task and settings as they were at the end of the last visit; null at the first. Anything, if they were damaged. */
export const keptSettings = () => recall(STORAGE_KEY);

/**
 * @param {object} options
 * @param {import("./engine.js").Engine} options.engine
 * @param {import("./engine.js").Facts} options.facts
 * @param {import("./database.js").Database} options.database
 * @param {Record<"pad" | "photos" | "player" | "variations" | "views" | "compare", HTMLElement>} options.roots
 * @param {HTMLButtonElement} options.stop
 * @param {{name: string, drawings: string[]}[]} options.sets  ready-made drawings
 * @param {import("./run.js").Chunk | import("./engine.js").Refusal} options.example  what is shown first
 * @param {(recipe: Recipe) => void} options.choose  has the page show a recipe's task and settings
 */
export function createStudio({ engine, facts, database, roots, stop, sets, example, choose }) {
  let { task } = facts;
  /** @type {Settings | null} */
  let settings = null;
  let taken = ""; // the settings that the last picture was asked for with
  let opened = false; // with the settings of the last visit
  let drawing = false; // a picture, not along with the user's hand
  let asked = false; // by the user, with Generate
  /** @type {{asked: boolean} | null} */
  let next = null; // picture, once it is finished
  let changed = () => {}; // what is on the pad; along comes later
  /** @type {import("./run.js").Run | null} */
  let held = null; // the picture from before a drawing came onto the pad, to be changed there
  /** @type {import("./run.js").Run | null} */
  let again = null; // it is drawn again, of other supports, once the picture that is being drawn is finished
  /** @type {Promise<void>} */
  let shown = Promise.resolve(); // once the picture that is being drawn is finished
  /** @type {Recipe | null} */
  let wanted = null; // is shown once it is finished
  /** @type {Recipe | null} */
  let recalled = null; // the last that was
  /** @type {Map<string, {run: import("./run.js").Run, given: string}>} */
  const pictures = new Map(); // by task, what was shown when the user turned away from it, and of what

  const { tasks } = facts;
  const photoTasks = Object.entries(tasks).filter(([, { drawn }]) => !drawn);
  const drawnTask = facts.task;
  const pad = createPad(roots.pad, {
    engine,
    database,
    task: drawnTask,
    facts,
    sets,
    edited: () => changed(),
    altered,
    altering: () => {
      held = players[0].keep();
    },
    choose: chooseAgain,
  });
  const photos = createPhotos(roots.photos, {
    engine,
    database,
    altered,
    choose: chooseAgain,
    tasks: /** @type {Record<string, PhotoTask>} */ (Object.fromEntries(photoTasks)),
    mostBytes: facts.most_bytes,
  });
  const blank = /** @type {HTMLElement} */ (roots.player.cloneNode(true));
  const playback = createPlayback();
  const selection = createSelection();
  const players = [createPlayer(roots.player, { engine, tasks, playback, selection })];
  const shelf = createShelf(one(roots.variations, ".shelf"), { database, recall: bringBack });
  const variations = createVariations(roots.variations, { engine, database, shelf, play });
  const along = createAlong(one(roots.pad, ".pad-along input", HTMLInputElement), {
    draw: () => (settings && isDrawn(settings) ? engine.along(pad.now(), settings) : Promise.reject()),
    show: (answer) => {
      if ("task" in answer && answer.task !== task) return Promise.resolve(); // the user turned to another meanwhile
      pad.mirror("pixels" in answer ? answer.pixels : null);
      keep(SHOWN_KEY, null);
      return players[0].show(answer);
    },
    wait: (isLong) => players[0].wait(isLong),
    screens: [one(roots.pad, ".pad-drawn"), one(roots.player, ".player-frame")],
  });
  const compare = createCompare(roots.compare, {
    engine,
    facts,
    blank,
    models: one(document, "#compare-models"),
    toggle: one(document, "#compare-open", HTMLButtonElement),
    now: whatIsShown,
    sets: setsOf,
  });
  changed = () => {
    along.changed();
    compare.follow();
  };
  const views = createViews(roots.views);
  const exporting = createExport(one(document, "#take-home"), {
    engine,
    formats: facts.formats,
    shown: () => players[0].state.run,
    batch: () => variations.batch,
    project,
    open: openProject,
  });

  // While the user turns from one task to another, the settings may still be the last one's.
  const isDrawn = (/** @type {Settings} */ { model }) =>
    tasks[task].drawn && (facts.models[model]?.task ?? drawnTask) === drawnTask;
  function supports() {
    const { supports: drawings, shots } = pad.now();
    return tasks[task].drawn ? readOf(drawings, shots) : photographsRead(photos.value()).photos;
  }
  const key = (/** @type {Settings} */ { model, guidance, temperature, seed, inner_steps }) =>
    [model, guidance, temperature, seed, inner_steps].join();

  // What the page's style goes by.
  function showTask() {
    document.body.dataset.given = tasks[task].drawn ? "drawings" : "photographs";
  }

  /**
   * What a picture is drawn from, as it is now.
   * @param {Settings} now
   * @param {boolean} byUser  then what is on the pad joins the tray
   * @returns {Promise<Recipe>}
   */
  async function recipeOf(now, byUser) {
    const none = { supports: [], shots: null, beginning: null };
    const drawings = !tasks[task].drawn ? none : byUser ? await pad.commit() : pad.now();
    const given = () => (byUser ? photos.commit() : photos.value());
    const photographs = tasks[task].drawn ? { photos: [], beginning: null } : given();
    return { task, drawings, photographs, settings: { ...now, fresh: byUser && now.fresh } };
  }

  /**
   * What the user has to do before there is anything to draw from; null if there is, or none is needed.
   * @param {Settings} now
   */
  function toDoFirst({ model }) {
    if (supports().length || !facts.models[model]?.needs_supports) return null;
    if (tasks[task].drawn) return "Draw something first, or take a ready-made set.";
    const canPaint = /** @type {PhotoTask} */ (tasks[task]).palette.length > 0;
    return `${canPaint ? "Paint something first, or take" : "Take"} a ready-made ${tasks[task].unit}${canPaint ? "" : " first, or upload one"}.`;
  }

  /**
   * Draws a picture. While one is being drawn, the next one waits for its end.
   * @param {Settings} now
   * @param {boolean} byUser  who pressed Generate: then the drawing on the pad joins the tray, and the seed may be new.
   *   Else it is drawn to show what was chosen, and nothing else changes
   */
  function generate(now, byUser) {
    if (drawing) {
      next = { asked: byUser || Boolean(next?.asked) };
      return;
    }
    drawing = true;
    asked = byUser;
    if (byUser) views.show("watch");
    shown = drawNew(now, byUser);
  }

  /**
   * @param {Settings} now
   * @param {boolean} byUser
   */
  async function drawNew(now, byUser) {
    const recipe = await recipeOf(now, byUser);
    again = null; // what the pad gave back to the tray is in this picture already
    taken = key(now);
    await showHow(recipe, null);
  }

  /**
   * Shows how a picture that was drawn before is drawn, the last one that was asked for if there are several.
   * @param {Recipe} recipe
   */
  function play(recipe) {
    variations.mark(recipe);
    views.show("watch");
    if (compare.isOpen) {
      compare.show(recipe);
      return;
    }
    if (drawing) {
      wanted = recipe;
      return;
    }
    drawing = true;
    asked = false;
    shown = showHow(recipe, recipe);
  }

  /**
   * The rows of a picture as they come, until Stop is pressed: then nothing comes after it either.
   * @param {Recipe} recipe
   */
  async function* rowsOf({ drawings, photographs, settings: its }) {
    const end = new AbortController();
    const pressed = () => {
      if (again) changed(); // what was changed meanwhile is still drawn along
      next = wanted = again = null;
      end.abort();
    };
    stop.addEventListener("click", pressed);
    stop.disabled = false;
    try {
      yield* engine.generate(drawings, photographs, its, end.signal);
    } finally {
      stop.removeEventListener("click", pressed);
      stop.disabled = true;
    }
  }

  /**
   * Has a picture drawn, and its rows shown as they come.
   * @param {Recipe} recipe
   * @param {Recipe | null} known  the same, if the picture was drawn before
   */
  async function showHow(recipe, known) {
    const [player] = players;
    along.pause();
    player.expect();
    variations.mark(known);
    keep(SHOWN_KEY, known?.settings.seed ?? null);
    try {
      let absorbed = Promise.resolve();
      for await (const chunk of rowsOf(recipe)) {
        // One that was begun before the user turned to another task is not shown there.
        if ("error" in chunk || chunk.task === task) absorbed = player.absorb(chunk);
        if ("error" in chunk || chunk.rows === chunk.height) asked = false; // of Generate, the next press asks for another
      }
      await absorbed;
    } finally {
      finish();
    }
  }

  /**
   * What is read was changed, to see what that does: the picture is drawn again with the same chance number, and can be
   * seen as it was before. Without one, it is drawn as after any other change.
   */
  function altered() {
    const [earlier, now] = [held ?? players[0].keep(), settings];
    held = null;
    if (compare.isOpen) compare.follow();
    else if (!now || !earlier || earlier.example || !supports().length || earlier.model !== now.model) {
      changed();
      if (now) showChosen(now);
    } else if (drawing) again ??= earlier;
    else {
      drawing = true;
      shown = drawAgain(
        earlier,
        withSeed({ task, drawings: pad.now(), photographs: photos.value(), settings: now }, earlier.seed),
      );
    }
  }

  /**
   * @param {import("./run.js").Run} earlier
   * @param {Recipe} recipe
   */
  async function drawAgain(earlier, recipe) {
    const [player] = players;
    along.pause();
    variations.mark(null);
    keep(SHOWN_KEY, recipe.settings.seed);
    try {
      let absorbed = Promise.resolve();
      for await (const chunk of rowsOf(recipe)) {
        if ("error" in chunk || chunk.task === task) absorbed = player.show(chunk, earlier);
      }
      await absorbed;
      const { run } = player.state;
      if (run && run.channels === 1) pad.mirror(toBase64(packBits(run.image)));
    } finally {
      finish();
    }
  }

  // A picture is finished, or will never be: on to what was asked for meanwhile.
  function finish() {
    players[0].stop();
    drawing = false;
    along.resume();
    const [recipe, waiting, earlier] = [wanted, next, again];
    again = null;
    if (recipe) {
      wanted = null;
      play(recipe);
    } else if (earlier && !waiting) {
      held = earlier;
      altered();
    } else if (waiting && settings) {
      next = null;
      generate(settings, waiting.asked);
    }
  }

  // What was chosen is shown, also if nothing draws along.
  /** @param {Settings} now */
  function showChosen(now) {
    const follows = isDrawn(now) && along.on;
    if (!follows && supports().length) generate(now, false);
  }

  function showExample() {
    players[0].absorb({ ...example, id: newId() });
  }

  /** What the comparison is of: what a picture would be drawn from now, or else the example; with the seed of the picture. */
  function whatIsShown() {
    const recipe = recipeNow();
    if (!recipe) return null;
    const { run } = players[0].state;
    const { fresh, seed } = recipe.settings;
    const its = { ...recipe, settings: { ...recipe.settings, seed: (fresh && run?.seed) || seed } };
    if (supports().length || !run?.example || !tasks[task].drawn) return its;
    const drawings = sets.find(({ name }) => name === run.example)?.drawings.slice(0, run.shots) ?? [];
    return { ...its, drawings: { supports: drawings.map((pixels) => ({ pixels })), shots: null, beginning: null } };
  }

  /**
   * The sets that a drawing may belong to: the ready-made ones, and those that pictures on the shelf were drawn from.
   * @param {string} of  a task
   */
  function setsOf(of) {
    const photographs = /** @type {PhotoTask} */ (tasks[of]).samples ?? [];
    const ready = tasks[of].drawn ? sets.map(({ name, drawings }) => ({ name, supports: drawings })) : [];
    const samples = photographs.map(({ name, photos: supports }) => ({ name, supports }));
    const kept = shelf.kept
      .filter(({ recipe }) => recipe.task === of)
      .map(({ recipe }) => {
        const given = tasks[of].drawn ? recipe.drawings.supports : recipe.photographs.photos;
        const name = `on your shelf, chance number ${recipe.settings.seed}`;
        return { name, supports: readOf(given).flatMap((each) => ("pixels" in each ? [each.pixels] : [])) };
      });
    return [...ready, ...samples, ...kept];
  }

  /** What a picture would be drawn from now; null until the settings are known. */
  const recipeNow = () => settings && { task, ...givenNow(), settings };

  /** What is read of what is on the page: drawings, or photographs. */
  function givenNow() {
    const { drawn } = tasks[task];
    return {
      drawings: drawn ? pad.now() : { supports: [], shots: null, beginning: null },
      photographs: drawn ? { photos: [], beginning: null } : photos.value(),
    };
  }

  /**
   * A recipe takes the place of what is on the page, and the picture of its chance number is drawn. That can be undone.
   * @param {Recipe} recipe
   * @param {string} [sentence]  that says what its drawings or photographs are
   * @returns {Promise<boolean>} once it is shown; false if another was recalled meanwhile
   */
  async function bringBack(recipe, sentence) {
    const old = recipeNow();
    if (!old || !(recipe.task in tasks)) return false;
    recalled = recipe;
    next = null;
    compare.close();
    if (recipe.task !== task) studio.turn(recipe.task);
    taken = key(recipe.settings);
    if (tasks[task].drawn) pad.recall(recipe, old, sentence);
    else photos.recall(recipe, old, sentence);
    choose(recipe);
    if (toDoFirst(recipe.settings)) showExample();
    else play(withSeed(recipe, recipe.settings.seed));
    while (drawing) await shown;
    return recalled === recipe;
  }

  /**
   * The settings that a recipe was recalled over come back.
   * @param {Recipe} old
   */
  function chooseAgain(old) {
    if (old.task !== task) studio.turn(old.task);
    choose(old);
  }

  /** @returns {import("./engine.js").Project | null} */
  function project() {
    if (!settings) return null;
    const { model, temperature, guidance, inner_steps } = settings;
    const { run, position, locked } = players[0].state;
    const { photos: given, beginning } = photos.value();
    return {
      kind: KIND,
      version: VERSION,
      task,
      model,
      ...(tasks[task].drawn ? pad.now() : { supports: given, shots: null, beginning }),
      settings: { seed: run && !run.example ? run.seed : settings.seed, temperature, guidance, inner_steps },
      view: { position, locked },
    };
  }

  /**
   * Puts all to what a project says, and draws its picture.
   * @param {any} wanted  not checked
   * @returns {Promise<string | undefined>} a sentence if it cannot be opened
   */
  async function openProject(wanted) {
    if (wanted?.error) return String(wanted.error);
    const opened = await engine.openProject(wanted);
    if ("error" in opened) return opened.error;
    const { supports: given, shots, beginning, settings: its } = opened;
    const drawings = {
      supports: given,
      shots,
      beginning: beginning?.strokes ? { strokes: beginning.strokes, rows: beginning.rows } : null,
    };
    const none = { supports: [], shots: null, beginning: null };
    const isDrawing = tasks[opened.task].drawn;
    await bringBack({
      task: opened.task,
      drawings: isDrawing ? drawings : none,
      photographs: {
        photos: isDrawing ? [] : given.filter((one) => "pixels" in one),
        beginning: isDrawing ? null : beginning,
      },
      settings: {
        ...its,
        model: opened.model,
        inner_steps: its.inner_steps ?? settings?.inner_steps ?? 0,
        fresh: false,
      },
    });
    players[0].look(opened.view);
    return undefined;
  }

  async function openLink() {
    const wanted = await fromFragment(location.hash);
    if (wanted === null) return;
    history.replaceState(history.state, "", location.pathname + location.search); // a reload keeps what is drawn from here on
    exporting.say("Opening what the link holds…", true);
    exporting.say((await openProject(wanted)) ?? "Opened what the link holds.");
  }

  const studio = {
    pad,
    photos,
    players,
    views,
    along,
    facts,
    sets,
    playback,
    selection,
    variations,
    shelf,
    compare,
    recall: bringBack,

    /** What is on the page, with the chance number of the picture that is shown. */
    get recipe() {
      const [recipe, { run }] = [recipeNow(), players[0].state];
      if (!recipe || !run || run.example || run.task !== task) return recipe;
      return { ...recipe, settings: { ...recipe.settings, seed: run.seed } };
    },
    get project() {
      return project();
    },

    /**
     * The settings as they are now.
     * @param {Settings} now
     */
    know(now) {
      settings = now;
      if (opened) keep(STORAGE_KEY, { task, ...now });
      document.body.toggleAttribute("data-adapts", Boolean(facts.models[now.model]?.adapts));
      document.body.toggleAttribute("data-guides", Boolean(facts.models[now.model]?.guides));
    },

    /**
     * The page is complete, with task and settings of the last visit. What was on the pad is drawn when it opens.
     * @param {string} to  the task
     * @param {Settings} now
     */
    open(to, now) {
      opened = true;
      compare.enable();
      if (to !== task) {
        studio.turn(to);
        studio.showTask(now);
      } else {
        studio.know(now);
        // Who turned to another task at once still has the last one's model: the picture follows with the new one.
        const isOfTask = (facts.models[now.model]?.task ?? task) === task;
        const recipe = /** @type {Recipe} */ (recipeNow());
        const seed = recall(SHOWN_KEY);
        if (isOfTask && supports().length && Number.isInteger(seed)) play(withSeed(recipe, seed));
        else if (isOfTask && supports().length) {
          along.changed();
          showChosen(now);
        }
      }
      openLink();
      window.addEventListener("hashchange", openLink);
    },

    /**
     * The user had the settings changed: drawings are drawn along with the new ones. A change that is told of only after
     * Generate has taken it is drawn already.
     * @param {Settings} now
     */
    follow(now) {
      studio.know(now);
      const isTaken = key(now) === taken;
      taken = "";
      if (isDrawn(now) && !isTaken) along.changed();
      compare.follow();
    },

    /**
     * The user turned to another task: its pad or photographs. What is being drawn for the last one is shown no further.
     * @param {string} to
     */
    turn(to) {
      const run = players[0].keep();
      if (run?.task === task && run.rows === run.height && !run.example) {
        pictures.set(task, { run, given: JSON.stringify(givenNow()) });
      } else pictures.delete(task);
      task = to;
      next = wanted = again = held = null;
      compare.close();
      showTask();
      photos.turn(task);
      variations.turn(task);
      for (const player of players) player.stop();
    },

    /**
     * Its models are here: at once a picture of what it does, the one that was there before if there was one.
     * @param {Settings} now
     */
    showTask(now) {
      studio.know(now);
      const kept = pictures.get(task);
      const isOfThese = kept?.given === JSON.stringify(givenNow());
      if (isOfThese && kept.run.model === now.model && supports().length) players[0].bring(kept.run);
      else if (supports().length) generate(now, false);
      else showExample();
    },

    /**
     * The user chose another model. Where nothing draws along, the picture would stay the old one's.
     * @param {Settings} now
     */
    showModel(now) {
      studio.know(now);
      showChosen(now);
    },

    /**
     * Generate was pressed, which does nothing while a picture that it asked for is being drawn. In a comparison, all of
     * its models draw anew.
     * @param {Settings} now
     */
    async press(now) {
      studio.know(now);
      const first = compare.isOpen ? null : toDoFirst(now);
      if (first) {
        views.show("draw");
        (tasks[task].drawn ? pad : photos).say(first);
        return;
      }
      if (compare.isOpen) {
        await compare.show(await recipeOf(now, true));
        return;
      }
      if (!drawing || !asked) generate(now, true);
    },

    /**
     * Sixteen at once were asked for.
     * @param {Settings} now
     */
    async vary(now) {
      studio.know(now);
      views.show("watch");
      await variations.draw({ ...(await recipeOf(now, true)), settings: now });
    },

    get settings() {
      return settings;
    },
    get drawing() {
      return drawing;
    },
  };

  createHints();
  photos.turn(task);
  variations.turn(task);
  showTask();
  players[0].absorb(example);
  return studio;
}

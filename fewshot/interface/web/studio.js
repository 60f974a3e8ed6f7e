// Wires the page: the pad or the photographs on the left, players on the right, and what the buttons do. It speaks to
// the models through an engine (engine.js), and is told of the settings, which are not its own.

import { createAlong } from "./along.js";
import { one } from "./dom.js";
import { createPad } from "./pad.js";
import { createPhotos } from "./photos.js";
import { createPlayer } from "./player.js";
import { createShelf } from "./shelf.js";
import { createVariations } from "./variations.js";

/** @typedef {import("./engine.js").Settings} Settings */
/** @typedef {import("./engine.js").PhotoTask} PhotoTask */
/** @typedef {import("./engine.js").Recipe} Recipe */
/** @typedef {ReturnType<typeof createStudio>} Studio */

/**
 * @param {object} options
 * @param {import("./engine.js").Engine} options.engine
 * @param {import("./engine.js").Facts} options.facts
 * @param {import("./database.js").Database} options.database
 * @param {Record<"pad" | "photos" | "player" | "variations", HTMLElement>} options.roots
 * @param {{name: string, drawings: string[]}[]} options.sets  ready-made drawings
 * @param {import("./run.js").Chunk | import("./engine.js").Refusal} options.example  what is shown first
 * @param {(recipe: Recipe) => void} options.choose  has the page show a recipe's task and settings
 */
export function createStudio({ engine, facts, database, roots, sets, example, choose }) {
  let { task } = facts;
  /** @type {Settings | null} */
  let settings = null;
  let taken = ""; // the settings that the last picture was asked for with
  let drawing = false; // a picture, by Generate
  let changed = () => {}; // what is on the pad; along comes later
  let again = false; // once it is finished, since what it is drawn from was changed
  /** @type {Recipe | null} */
  let wanted = null; // is shown once it is finished

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
    choose: chooseAgain,
  });
  const photos = createPhotos(roots.photos, {
    engine,
    database,
    choose: chooseAgain,
    tasks: /** @type {Record<string, PhotoTask>} */ (Object.fromEntries(photoTasks)),
    mostBytes: facts.most_bytes,
  });
  const players = [createPlayer(roots.player, { engine, tasks })];
  const shelf = createShelf(one(roots.variations, ".shelf"), { database, recall });
  const variations = createVariations(roots.variations, { engine, database, shelf, play });
  const along = createAlong(one(roots.pad, ".pad-along input", HTMLInputElement), {
    draw: () => (settings ? engine.along(pad.now(), settings) : Promise.reject()),
    show: (answer) => {
      pad.mirror("pixels" in answer ? answer.pixels : null);
      return players[0].show(answer);
    },
    wait: (isLong) => players[0].wait(isLong),
    screens: [one(roots.pad, ".pad-drawn"), one(roots.player, ".player-frame")],
  });
  changed = along.changed;

  const supports = () => (tasks[task].drawn ? pad.now().supports : photos.value().photos);
  const key = (/** @type {Settings} */ { model, guidance, temperature, seed, inner_steps }) =>
    [model, guidance, temperature, seed, inner_steps].join();

  // What the page's style goes by.
  function showTask() {
    document.body.dataset.given = tasks[task].drawn ? "drawings" : "photographs";
  }

  /**
   * What a picture is drawn from, as it is now: the drawing on the pad joins the tray.
   * @param {Settings} now
   * @returns {Promise<Recipe>}
   */
  async function recipeOf(now) {
    const drawings = tasks[task].drawn ? await pad.commit() : { supports: [], shots: null, beginning: null };
    const photographs = tasks[task].drawn ? { photos: [], beginning: null } : photos.value();
    return { task, drawings, photographs, settings: now };
  }

  /**
   * Draws a picture. While one is being drawn, the next one waits for its end.
   * @param {Settings} now
   */
  async function generate(now) {
    if (drawing) {
      again = true;
      return;
    }
    drawing = true;
    const recipe = await recipeOf(now);
    taken = key(now);
    await showHow(recipe, null);
    if (again && settings) generate(settings);
    again = false;
  }

  /**
   * Shows how a picture that was drawn before is drawn, the last one that was asked for if there are several.
   * @param {Recipe} recipe
   */
  async function play(recipe) {
    wanted = recipe;
    variations.mark(recipe);
    if (drawing) return;
    for (;;) {
      const next = /** @type {Recipe | null} */ (wanted);
      if (!next) break;
      wanted = null;
      drawing = true;
      await showHow(next, next);
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
    for await (const chunk of engine.generate(recipe.drawings, recipe.photographs, recipe.settings)) {
      // One that was begun before the user turned to another task is not shown there.
      if ("error" in chunk || chunk.task === task) player.absorb(chunk);
    }
    player.stop();
    drawing = false;
    along.resume();
    if (!known && wanted) play(wanted);
  }

  /**
   * A recipe comes back as it was, with its picture. That can be undone.
   * @param {Recipe} recipe
   */
  async function recall(recipe) {
    if (!settings || !(recipe.task in tasks)) return;
    const old = { task, drawings: pad.now(), photographs: photos.value(), settings };
    if (recipe.task !== task) studio.turn(recipe.task);
    taken = key(recipe.settings);
    if (tasks[task].drawn) pad.recall(recipe, old);
    else photos.recall(recipe, old);
    choose(recipe);
    await play(recipe);
  }

  /**
   * The settings that a recipe was recalled over come back.
   * @param {Recipe} old
   */
  function chooseAgain(old) {
    if (old.task !== task) studio.turn(old.task);
    choose(old);
  }

  const studio = {
    pad,
    photos,
    players,
    along,
    variations,
    shelf,

    /**
     * The settings as they are now.
     * @param {Settings} now
     */
    know(now) {
      settings = now;
      document.body.toggleAttribute("data-adapts", Boolean(facts.models[now.model]?.adapts));
      document.body.toggleAttribute("data-guides", Boolean(facts.models[now.model]?.guides));
    },

    /**
     * The page is complete. What was on the pad when it was closed is drawn along when it opens.
     * @param {Settings} now
     */
    open(now) {
      studio.know(now);
      if (pad.now().supports.length) along.changed();
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
      if (facts.models[now.model]?.task === drawnTask && !isTaken) along.changed();
    },

    /**
     * The user turned to another task: its pad or photographs. What is being drawn for the last one is shown no further.
     * @param {string} to
     */
    turn(to) {
      task = to;
      again = false;
      wanted = null;
      showTask();
      photos.turn(task);
      variations.turn(task);
      for (const player of players) player.stop();
    },

    /**
     * Its models are here: at once a picture of what it does.
     * @param {Settings} now
     */
    showTask(now) {
      studio.know(now);
      if (supports().length) generate(now);
      else players[0].absorb({ ...example, id: crypto.randomUUID() });
    },

    /**
     * The user chose another model. Of photographs, which nothing draws along, the picture would stay the old one's.
     * @param {Settings} now
     */
    showModel(now) {
      studio.know(now);
      if (!tasks[task].drawn && supports().length) generate(now);
    },

    /**
     * Generate was pressed, which does nothing while a picture is being drawn.
     * @param {Settings} now
     */
    press(now) {
      studio.know(now);
      if (!drawing) generate(now);
    },

    /**
     * Sixteen at once were asked for.
     * @param {Settings} now
     */
    async vary(now) {
      studio.know(now);
      await variations.draw(await recipeOf(now));
    },

    /** Stop was pressed. */
    stop() {
      again = false;
      wanted = null;
    },

    get settings() {
      return settings;
    },
    get drawing() {
      return drawing;
    },
  };

  photos.turn(task);
  variations.turn(task);
  showTask();
  players[0].absorb(example);
  return studio;
}

// Wires the page: the pad or the photographs on the left, players on the right, and what the buttons do. It speaks to
// the models through an engine (engine.js), and is told of the settings, which are not its own.

import { createAlong } from "./along.js";
import { one } from "./dom.js";
import { createPad } from "./pad.js";
import { createPhotos } from "./photos.js";
import { createPlayback } from "./playback.js";
import { createPlayer } from "./player.js";
import { createSelection } from "./selection.js";

/** @typedef {import("./engine.js").Settings} Settings */
/** @typedef {import("./engine.js").PhotoTask} PhotoTask */
/** @typedef {import("./engine.js").Recipe} Recipe */
/** @typedef {ReturnType<typeof createStudio>} Studio */

/**
 * @param {object} options
 * @param {import("./engine.js").Engine} options.engine
 * @param {import("./engine.js").Facts} options.facts
 * @param {{pad: HTMLElement, photos: HTMLElement, player: HTMLElement}} options.roots
 * @param {{name: string, drawings: string[]}[]} options.sets  ready-made drawings
 * @param {import("./run.js").Chunk | import("./engine.js").Refusal} options.example  what is shown first
 * @param {(recipe: Recipe) => void} options.choose  has the page show a recipe's task and settings
 */
export function createStudio({ engine, facts, roots, sets, example, choose }) {
  let { task } = facts;
  /** @type {Settings | null} */
  let settings = null;
  let taken = ""; // the settings that the last picture was asked for with
  let drawing = false; // a picture, by Generate
  let changed = () => {}; // what is on the pad; along comes later
  let again = false; // once it is finished, since what it is drawn from was changed
  /** @type {Promise<void>} */
  let shown = Promise.resolve(); // once the picture that is being drawn is finished
  /** @type {Recipe | null} */
  let wanted = null; // the last that was recalled

  const { tasks } = facts;
  const photoTasks = Object.entries(tasks).filter(([, { drawn }]) => !drawn);
  const drawnTask = facts.task;
  const pad = createPad(roots.pad, { engine, task: drawnTask, facts, sets, edited: () => changed() });
  const photos = createPhotos(roots.photos, {
    engine,
    tasks: /** @type {Record<string, PhotoTask>} */ (Object.fromEntries(photoTasks)),
    mostBytes: facts.most_bytes,
  });
  const playback = createPlayback();
  const selection = createSelection();
  const players = [createPlayer(roots.player, { engine, tasks, playback, selection })];
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
   * Draws a picture: the drawing on the pad joins the tray. While one is being drawn, the next one waits for its end.
   * @param {Settings} now
   */
  function generate(now) {
    if (drawing) again = true;
    else shown = drawNew(now);
  }

  /** @param {Settings} now */
  async function drawNew(now) {
    drawing = true;
    const drawings = tasks[task].drawn ? await pad.commit() : pad.now();
    taken = key(now);
    await showHow({ task, drawings, photographs: photos.value(), settings: now });
    if (again && settings) generate(settings);
    again = false;
  }

  /**
   * Has a picture drawn, and its rows shown as they come.
   * @param {Recipe} recipe
   */
  async function showHow(recipe) {
    const [player] = players;
    drawing = true;
    along.pause();
    player.expect();
    let absorbed = Promise.resolve();
    for await (const chunk of engine.generate(recipe.drawings, recipe.photographs, recipe.settings)) {
      // One that was begun before the user turned to another task is not shown there.
      if ("error" in chunk || chunk.task === task) absorbed = player.absorb(chunk);
    }
    await absorbed;
    player.stop();
    drawing = false;
    along.resume();
  }

  const studio = {
    pad,
    photos,
    players,
    along,
    facts,
    sets,
    playback,
    selection,

    /**
     * What a picture would be drawn from now; null until the settings are known.
     * @returns {Recipe | null}
     */
    get recipe() {
      return settings && { task, drawings: pad.now(), photographs: photos.value(), settings };
    },

    /**
     * A recipe takes the place of what is on the page, and its picture is drawn. That can be undone.
     * @param {Recipe} recipe
     * @returns {Promise<boolean>} once it is shown; false if another was recalled meanwhile
     */
    async recall(recipe) {
      wanted = recipe;
      again = false;
      while (drawing) await shown;
      if (wanted !== recipe) return false;
      if (recipe.task !== task) studio.turn(recipe.task);
      taken = key(recipe.settings);
      if (tasks[task].drawn) pad.recall(recipe);
      else photos.recall(recipe);
      choose(recipe);
      shown = showHow(recipe);
      await shown;
      return wanted === recipe;
    },

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
      showTask();
      photos.turn(task);
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

    /** Stop was pressed. */
    stop() {
      again = false;
    },

    get settings() {
      return settings;
    },
    get drawing() {
      return drawing;
    },
  };

  photos.turn(task);
  showTask();
  players[0].absorb(example);
  return studio;
}

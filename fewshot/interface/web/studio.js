// Wires the page: the pad or the photographs on the left, players on the right, and what the buttons do. It speaks to
// the models through an engine (engine.js), and is told of the settings, which are not its own.

import { createAlong } from "./along.js";
import { one } from "./dom.js";
import { createExport } from "./export.js";
import { createPad } from "./pad.js";
import { createPhotos } from "./photos.js";
import { createPlayer } from "./player.js";
import { fromFragment, KIND, VERSION } from "./project.js";

/** @typedef {import("./engine.js").Settings} Settings */
/** @typedef {import("./engine.js").PhotoTask} PhotoTask */
/** @typedef {ReturnType<typeof createStudio>} Studio */

/**
 * @param {object} options
 * @param {import("./engine.js").Engine} options.engine
 * @param {import("./engine.js").Facts} options.facts
 * @param {{pad: HTMLElement, photos: HTMLElement, player: HTMLElement}} options.roots
 * @param {{name: string, drawings: string[]}[]} options.sets  ready-made drawings
 * @param {import("./run.js").Chunk | import("./engine.js").Refusal} options.example  what is shown first
 */
export function createStudio({ engine, facts, roots, sets, example }) {
  let { task } = facts;
  /** @type {Settings | null} */
  let settings = null;
  let taken = ""; // the settings that the last picture was asked for with
  let drawing = false; // a picture, by Generate
  let changed = () => {}; // what is on the pad; along comes later
  let again = false; // once it is finished, since what it is drawn from was changed

  const { tasks } = facts;
  const photoTasks = Object.entries(tasks).filter(([, { drawn }]) => !drawn);
  const drawnTask = facts.task;
  const pad = createPad(roots.pad, { engine, task: drawnTask, facts, sets, edited: () => changed() });
  const photos = createPhotos(roots.photos, {
    engine,
    tasks: /** @type {Record<string, PhotoTask>} */ (Object.fromEntries(photoTasks)),
    mostBytes: facts.most_bytes,
  });
  const players = [createPlayer(roots.player, { engine, tasks })];
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
  const exporting = createExport(one(document, "#take-home"), {
    engine,
    formats: facts.formats,
    shown: () => players[0].state.run,
    project,
    open: openProject,
  });

  const supports = () => (tasks[task].drawn ? pad.now().supports : photos.value().photos);
  const key = (/** @type {Settings} */ { model, guidance, temperature, seed, inner_steps }) =>
    [model, guidance, temperature, seed, inner_steps].join();

  // What the page's style goes by.
  function showTask() {
    document.body.dataset.given = tasks[task].drawn ? "drawings" : "photographs";
  }

  /**
   * Draws a picture: the drawing on the pad joins the tray, and rows are shown as they come. While one is being drawn,
   * the next one waits for its end.
   * @param {Settings} now
   */
  async function generate(now) {
    if (drawing) {
      again = true;
      return;
    }
    drawing = true;
    const [player] = players;
    const drawings = tasks[task].drawn ? await pad.commit() : pad.now();
    along.pause();
    taken = key(now);
    player.expect();
    for await (const chunk of engine.generate(drawings, photos.value(), now)) {
      // One that was begun before the user turned to another task is not shown there.
      if ("error" in chunk || chunk.task === task) player.absorb(chunk);
    }
    player.stop();
    drawing = false;
    along.resume();
    if (again && settings) generate(settings);
    again = false;
  }

  /** @returns {import("./engine.js").Project | null} */
  function project() {
    if (!settings) return null;
    const { model, temperature, guidance, inner_steps } = settings;
    const { run, position, locked } = players[0].state;
    const { supports: drawings, shots } = pad.now();
    const { photos: given, beginning } = photos.value();
    return {
      kind: KIND,
      version: VERSION,
      task,
      model,
      ...(tasks[task].drawn
        ? { supports: drawings, shots, beginning: null }
        : { supports: given, shots: null, beginning }),
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
    along.pause();
    studio.know(await engine.restore(opened));
    studio.turn(opened.task);
    if (tasks[task].drawn) pad.open(opened);
    else photos.open(opened);
    if (settings && supports().length) await generate(settings);
    else along.resume();
    players[0].look(opened.view);
    return undefined;
  }

  async function openLink() {
    const wanted = await fromFragment(location.hash);
    if (wanted === null) return;
    history.replaceState(null, "", location.pathname + location.search); // a reload keeps what is drawn from here on
    exporting.say("Opening what the link holds…");
    exporting.say((await openProject(wanted)) ?? "Opened what the link holds.");
  }

  const studio = {
    pad,
    photos,
    players,
    along,

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

// The engine interface computed in the visitor's own browser, by a worker: pictures of ink, or of few colours, by models
// that do not adapt. All else another engine does, the server's, and these too where the browser is slow or cannot. A page without a
// server brings one that says so (engine-alone.js).

import { fromBase64, packBits, packImages, toBase64, unpackImages } from "./codec.js";
import { renderStrokes } from "./ink.js";
import { hire } from "./local/hire.js";
import { readOf } from "./supports.js";

/** @typedef {import("./engine.js").Engine} Engine */
/** @typedef {import("./engine.js").Chunk} Chunk */
/** @typedef {import("./engine.js").VariationsChunk} VariationsChunk */
/** @typedef {import("./engine.js").Recipe} Recipe */
/** @typedef {import("./engine.js").Seen} Seen */
/** @typedef {import("./engine.js").Drawings} Drawings */
/** @typedef {import("./engine.js").Photographs} Photographs */
/** @typedef {import("./engine.js").Task} Task */
/** @typedef {import("./engine.js").Settings} Settings */
/** @typedef {import("./local/artist.js").Wish} Wish */

/** @typedef {{drawings: Drawings, photographs: Photographs}} Given  what is on the page, of a task that is drawn or not */

const WORKERS = 2; // that draw variations together, each with the weights for itself
const FAST = 300; // milliseconds that a picture may take at most, for the browser to draw instead of the server
const NO_PHOTOGRAPHS = { photos: [], beginning: null };
const AS_LEARNT = { guidance: 0, temperature: 1, seed: 0, inner_steps: 0, fresh: false }; // how a given drawing is read

/**
 * @param {Engine} server
 * @param {object} options
 * @param {() => Pick<Worker, "postMessage" | "addEventListener">} options.start  gives a worker, when it is needed
 * @param {number} options.cores  of the processor
 * @param {import("./engine.js").Facts} options.facts
 * @param {boolean} options.always  it draws however slow it is; else a model's first picture is the server's, and a
 *   trial after it decides on the others
 * @param {(seed: number) => void} options.tellSeed  is told of a picture's seed that nobody chose
 * @param {(model: string, sentence: string) => void} [options.leave]  is told why it leaves a model to the server
 * @returns {Engine}
 */
export function createLocalEngine(server, { start, cores, facts, always, tellSeed, leave = sayInConsole }) {
  const { limits, models, tasks } = facts;
  const [ask, ...others] = Array.from({ length: Math.min(WORKERS, cores) }, () => hire(start));

  /** @type {Map<string, boolean | Promise<boolean>>} */
  const able = new Map(); // by model

  /** @param {string} model  @param {Error} error */
  function leaveToServer(model, error) {
    leave(model, error.message);
    able.set(model, false);
    return false;
  }

  /**
   * Loads a model, and has it draw, as the page does at most: the second picture says how fast.
   * @param {string} model
   */
  async function tryOut(model) {
    const how = { seed: 0, temperature: 1, guidance: 1, whole: true, samples: null };
    const { side, channels, read } = taskOf(model);
    const blank = new Uint8Array(side * side * channels).fill(channels === 1 ? 0 : 255);
    const wish = { model, supports: Array(read).fill(blank), beginning: null, ...how };
    try {
      if (always) await ask({ ...wish, supports: null }).next();
      else {
        let time = 0;
        for (let picture = 0; picture < 2; picture++) {
          const answers = ask(wish);
          await answers.next();
          time = Number((await answers.next()).value);
        }
        if (time > FAST) throw new Error(`this browser takes ${Math.round(time)} ms for a picture.`);
      }
      able.set(model, true);
      return true;
    } catch (error) {
      return leaveToServer(model, /** @type {Error} */ (error));
    }
  }

  /** Whether the worker can draw with a model, once it is tried out. @param {string} model */
  function consider(model) {
    const known = able.get(model) ?? (Boolean(models[model]?.local) && tryOut(model));
    able.set(model, known);
    return known;
  }

  /** @param {string} model */
  const taskOf = (model) => tasks[models[model].task];

  /**
   * What a model reads of what is on the page, and what is given of its picture.
   * @param {Given} given
   * @param {string} model
   */
  function readBy({ drawings, photographs }, model) {
    const { supports, shots, beginning } = drawings;
    if (taskOf(model).drawn) return { supports: readOf(supports, shots), beginning };
    return { supports: readOf(photographs.photos), beginning: photographs.beginning };
  }

  /**
   * Whether the worker draws this.
   * @param {Given} given
   * @param {Settings} settings
   */
  async function isMine(given, { model, ...settings }) {
    if (!models[model]?.local) return false;
    const { supports } = readBy(given, model);
    if (models[model].needs_supports && !supports.length) return false;
    if (supports.length > taskOf(model).most) return false;
    if (!isWithin(settings, limits)) return false;
    return always ? await consider(model) : able.get(model) === true;
  }

  /**
   * @param {Given} given
   * @param {Settings} settings
   * @param {boolean} whole
   * @param {number | null} [samples]
   * @returns {Wish}
   */
  function wishOf(given, { model, guidance, temperature, seed }, whole, samples = null) {
    const { supports, beginning } = readBy(given, model);
    const imageOf = imagesOf(taskOf(model));
    const begun = beginning && { image: imageOf(beginning), rows: beginning.rows };
    return { model, supports: supports.map(imageOf), beginning: begun, seed, temperature, guidance, whole, samples };
  }

  /**
   * A drawing as a picture whose rows are all given, so that its chunk says what each pixel cost.
   * @param {Given} given  what is read
   * @param {string} model
   * @param {Seen} drawing
   */
  function scored(given, model, drawing) {
    const whole = { image: imagesOf(taskOf(model))(drawing), rows: taskOf(model).side };
    return ask({ ...wishOf(given, { ...AS_LEARNT, model }, true), beginning: whole });
  }

  /**
   * Variations, of which each worker draws some.
   * @param {Wish} wish
   * @param {number} samples
   * @returns {AsyncGenerator<VariationsChunk>}
   */
  async function* shared(wish, samples) {
    const all = [ask, ...others].slice(0, samples);
    const firsts = all.map((_, i) => Math.round((i * samples) / all.length));
    /** @type {AsyncGenerator<VariationsChunk>[]} */
    const parts = firsts.map((first, i) =>
      all[i]({ ...wish, seed: wish.seed + first, samples: (firsts[i + 1] ?? samples) - first }),
    );
    try {
      for (;;) {
        const chunks = (await Promise.all(parts.map((part) => part.next()))).map(({ value }) => value);
        if (!chunks.every(isChunk)) return;
        yield joined(chunks);
      }
    } finally {
      for (const part of parts) part.return(null);
    }
  }

  /**
   * The settings with a seed that is known, also if any would do.
   * @param {Settings} settings
   * @returns {Settings}
   */
  function settled(settings) {
    return {
      ...settings,
      seed: settings.fresh ? Math.floor(Math.random() * facts.new_seeds) : settings.seed,
      fresh: false,
    };
  }

  /**
   * What some models answer: first those that the worker draws with, each by itself, then the others, by the server.
   * @template Answered
   * @param {Given} given
   * @param {Settings} settings
   * @param {string[]} names
   * @param {(its: Settings) => AsyncIterable<Answered>} own  with the model in the settings
   * @param {(others: string[]) => AsyncIterable<Answered>} servers
   * @returns {AsyncGenerator<Answered>}
   */
  async function* ofEach(given, settings, names, own, servers) {
    const others = [];
    for (const model of names) {
      const its = { ...settings, model };
      if (!(await isMine(given, its))) {
        others.push(model);
        continue;
      }
      try {
        yield* own(its);
      } catch (error) {
        leaveToServer(model, /** @type {Error} */ (error));
        others.push(model);
      }
    }
    if (others.length) yield* servers(others);
    for (const model of others) consider(model);
  }

  /**
   * What a drawing costs a model given each of some sets, without the drawing itself; as Service.recognise does.
   * @param {string} model
   * @param {Seen} drawing
   * @param {Seen[][]} sets
   * @returns {AsyncGenerator<import("./engine.js").Recognised>}
   */
  async function* recognised(model, drawing, sets) {
    const { read } = taskOf(model);
    /** @type {(number | null)[]} */
    const nats = [];
    for (const set of sets) {
      const others = set.filter(({ pixels }) => pixels !== drawing.pixels).slice(0, read);
      let sum = null;
      for await (const chunk of others.length ? scored(bothOf(others), model, drawing) : []) {
        if (!chunk.can.read) return yield { model, nats: null };
        sum = new Float32Array(fromBase64(String(chunk.nats)).buffer).reduce((total, each) => total + each, 0);
      }
      nats.push(sum);
    }
    yield { model, nats };
  }

  return {
    async preview(task, given) {
      if (!("strokes" in given)) return server.preview(task, given);
      if (!given.strokes.length) return { error: "The pad is empty: draw a character first." };
      return { pixels: toBase64(packBits(renderStrokes(given.strokes))) };
    },

    trace: (...wish) => server.trace(...wish),

    async *generate(drawings, photographs, settings, wanted) {
      const given = { drawings, photographs };
      if (await isMine(given, settings)) {
        const { fresh } = settings;
        settings = settled(settings);
        if (fresh) tellSeed(settings.seed);
        try {
          for await (const chunk of ask(wishOf(given, settings, false))) {
            if (wanted.aborted) return;
            yield chunk;
          }
          return;
        } catch (error) {
          leaveToServer(settings.model, /** @type {Error} */ (error));
        }
      }
      yield* server.generate(drawings, photographs, settings, wanted);
      consider(settings.model);
    },

    async along(drawings, settings) {
      const given = { drawings, photographs: NO_PHOTOGRAPHS };
      if (await isMine(given, settings)) {
        try {
          for await (const chunk of ask(wishOf(given, settings, true))) {
            const bytes = /** @type {Uint8Array} */ (chunk.data);
            const image = bytes.subarray(bytes.length - chunk.height * chunk.width); // the last of its arrays
            return { ...chunk, pixels: toBase64(packBits(image)) };
          }
        } catch (error) {
          leaveToServer(settings.model, /** @type {Error} */ (error));
        }
      }
      const answer = await server.along(drawings, settings);
      consider(settings.model);
      return answer;
    },

    async *variations(recipe, samples) {
      const settings = settled(recipe.settings);
      const { model } = settings;
      /** @type {(its: Settings) => AsyncGenerator<VariationsChunk>} */
      const own = (its) => shared(wishOf(recipe, its, false, samples), samples);
      yield* ofEach(recipe, settings, [model], own, () => server.variations({ ...recipe, settings }, samples));
    },

    async *compare(recipe, names) {
      const settings = settled(recipe.settings);
      const own = (/** @type {Settings} */ its) => ask(wishOf(recipe, its, false));
      yield* ofEach(recipe, settings, names, own, (others) => server.compare({ ...recipe, settings }, others));
    },

    async *score(recipe, names, drawing) {
      const { drawings, photographs } = recipe;
      const read = { drawings: { ...drawings, beginning: null }, photographs: { ...photographs, beginning: null } };
      const own = (/** @type {Settings} */ { model }) => scored(read, model, drawing);
      const servers = (/** @type {string[]} */ others) => server.score(recipe, others, drawing);
      yield* ofEach(read, recipe.settings, names, own, servers);
    },

    async *recognise(recipe, names, drawing, sets) {
      const servers = (/** @type {string[]} */ others) => server.recognise(recipe, others, drawing, sets);
      yield* ofEach(
        bothOf(sets.flat().slice(0, 1)),
        recipe.settings,
        names,
        ({ model }) => recognised(model, drawing, sets),
        servers,
      );
    },

    influence: (wish) => server.influence(wish),
    takeHome: (wish) => server.takeHome(wish),
    openProject: (project) => server.openProject(project),
  };
}

/** @type {(model: string, sentence: string) => void} */
const sayInConsole = (model, sentence) => console.info(`${model} draws on the server: ${sentence}`);

/** @type {(value: VariationsChunk | number) => value is VariationsChunk} */
const isChunk = (value) => typeof value === "object";

/**
 * The variations of some chunks, of the same rows, as one.
 * @param {VariationsChunk[]} chunks
 * @returns {VariationsChunk}
 */
function joined(chunks) {
  const [first] = chunks;
  const images = chunks.flatMap(({ pixels, number, rows, start, width, channels }) => [
    ...unpackImages(pixels, number * (rows - start) * width, channels),
  ]);
  return {
    ...first,
    number: chunks.reduce((sum, { number }) => sum + number, 0),
    pixels: packImages(Uint8Array.from(images), first.channels),
    fits: first.fits && chunks.flatMap(({ fits }) => fits ?? []),
  };
}

/**
 * @param {Omit<Settings, "model">} settings  as they were typed
 * @param {import("./engine.js").Facts["limits"]} limits
 */
function isWithin({ seed, temperature, guidance }, limits) {
  const isNumber = (/** @type {unknown} */ value, /** @type {[number, number]} */ [least, most]) =>
    typeof value === "number" && least <= value && value <= most;
  return (
    Number.isInteger(seed) &&
    isNumber(seed, limits.seed) &&
    isNumber(temperature, limits.temperature) &&
    isNumber(guidance, limits.guidance)
  );
}

/**
 * The function that gives a picture as a task's models see it: [pixels] of 0 and 1, or [pixels, 3].
 * @param {Task} task
 * @returns {(one: Seen | {strokes: import("./codec.js").Stroke[]}) => Uint8Array}
 */
const imagesOf =
  ({ side, channels }) =>
  (one) =>
    "strokes" in one ? renderStrokes(one.strokes) : unpackImages(one.pixels, side ** 2, channels);

/**
 * Some supports, whether they are drawings or photographs.
 * @param {Seen[]} supports
 * @returns {Given}
 */
const bothOf = (supports) => ({
  drawings: { supports, shots: null, beginning: null },
  photographs: { photos: supports, beginning: null },
});

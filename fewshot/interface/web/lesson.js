// The lessons: a panel that leads through steps, each of which puts the page into a state, points at a part of it, and
// asks a question whose answer is revealed, never graded. What the reader had drawn comes back at the end.

import { make, one } from "./dom.js";
import { createGuess } from "./guess.js";
import { PIXELS, POSITIONS } from "./moments.js";
import { PLACES, viewOf } from "./places.js";
import { keep, recall } from "./store.js";

/** @typedef {import("./engine.js").Recipe} Recipe */

/**
 * What a step sets; lessons.py describes each field.
 * @typedef {object} State
 * @property {string} task
 * @property {string} model
 * @property {string | string[]} set
 * @property {number | null} drawings
 * @property {number | null} shots
 * @property {number} guidance
 * @property {number} temperature
 * @property {number} seed
 * @property {boolean} [fresh]
 * @property {number} inner_steps
 * @property {string} [position]
 * @property {string} [lock]
 * @property {number} [speed]
 * @property {string} [view]
 * @property {number} [gaze]
 * @property {import("./guess.js").Kind} [guess]
 */
/** @typedef {{text: string, show: string[], state: State, question: string, answer: string}} Step */
/** @typedef {{title: string, about: string, steps: Step[]}} Lesson */
/** @typedef {{language: string, words: Record<string, string>, lessons: Lesson[]}} Content */

const STORAGE_KEY = "fewshot-studio-before-lessons";
const USUAL = 100; // pixels/s

/**
 * @param {import("./studio.js").Studio} studio
 * @param {(languages: string) => Promise<Content>} fetchContent  in the first of some languages that there is
 */
export async function createLessons(studio, fetchContent) {
  const { facts, sets, players, playback, selection } = studio;
  const query = new URLSearchParams(location.search);
  const opensLink = location.hash !== "";
  const { language, words, lessons } = await fetchContent(query.get("lang") ?? navigator.languages.join());
  const player = one(document, ".player");
  const guess = createGuess(player, { player: players[0], playback, words });
  const reducedMotion = window.matchMedia("(prefers-reduced-motion: reduce)");
  const root = make("section", { className: "lesson", lang: language, tabIndex: -1, hidden: true });
  root.setAttribute("aria-label", words.lesson);
  const resume = make("button", { type: "button", className: "lesson-resume", hidden: true, lang: language });
  document.body.append(root, resume);

  /** @type {number | null} */
  let lesson = null; // the one that is open
  let step = 0;
  let put = { wish: "", run: "", made: "" }; // what the last step put on the page
  let asked = 0; // steps that were to be shown; all but the last come too late
  /** @type {Record<string, Recipe>} by task, what was on the page before */
  let before = recipesAmong(recall(STORAGE_KEY), facts);

  // What a step sets -----------------------------------------------------------------------------------------------

  /** @param {State} state */
  function recipeOf({ task, model, set, drawings, shots, guidance, temperature, seed, fresh = false, inner_steps }) {
    const names = [set].flat();
    const settings = { model: `${task}-${model}`, guidance, temperature, seed, inner_steps, fresh };
    const recipe = {
      task,
      drawings: { supports: [], shots: null, beginning: null },
      photographs: { photos: [], beginning: null },
      settings,
    };
    if (facts.tasks[task].drawn) {
      const each = drawings ? Math.ceil(drawings / names.length) : undefined;
      const all = names.flatMap((name) => sets.find((one) => one.name === name)?.drawings.slice(0, each) ?? []);
      return { ...recipe, drawings: { supports: all.map((pixels) => ({ pixels })), shots, beginning: null } };
    }
    const { samples, read } = /** @type {import("./engine.js").PhotoTask} */ (facts.tasks[task]);
    const photos = samples.find((one) => one.name === names[0])?.photos.slice(0, read) ?? [];
    return { ...recipe, photographs: { photos: photos.map((pixels) => ({ pixels })), beginning: null } };
  }

  /** @param {Recipe} recipe */
  const made = ({ drawings, photographs }) => JSON.stringify([drawings, photographs]);

  /** @param {Recipe} recipe */
  const isEmpty = ({ drawings, photographs }) => drawings.supports.length + photographs.photos.length === 0;

  // What the reader has made of the task that is shown is kept, before the lesson or, if there was nothing, in it; and
  // the settings as they were before.
  function remember() {
    const now = studio.recipe;
    if (!now || made(now) === put.made) return;
    const known = before[now.task];
    if (known && (!isEmpty(known) || isEmpty(now))) return;
    before = { ...before, [now.task]: { ...now, settings: (known ?? now).settings } };
    keep(STORAGE_KEY, before);
  }

  /**
   * @param {State} state
   * @param {() => boolean} wanted  whether it still is
   */
  async function setUp(state, wanted) {
    const recipe = recipeOf(state);
    remember();
    if (studio.recipe?.task !== recipe.task) {
      studio.turn(recipe.task);
      remember();
    }
    const wish = JSON.stringify(recipe);
    const isThere =
      put.wish === wish && players[0].state.run?.id === put.run && studio.recipe && made(studio.recipe) === put.made;
    if (!isThere && !(await studio.recall(recipe, words.set_up))) return;
    put = { wish, run: players[0].state.run?.id ?? "", made: studio.recipe ? made(studio.recipe) : "" };
    if (wanted()) look(state);
  }

  /** @param {State} state */
  function look({ position = "end", lock, speed = USUAL, view = "ink", gaze = 0, guess: kind }) {
    const { run } = players[0].state;
    if (!run) return;
    choose(".player-views", view);
    choose(".player-heads", gaze ? String(gaze - 1) : "mean");
    selection.clear();
    playback.speed = speed;
    playback.go(POSITIONS[position](run));
    if (lock) selection.lock(PIXELS[lock](run));
    if (position.startsWith("play") && !reducedMotion.matches) playback.play();
    if (kind) guess.open(kind);
    else guess.close();
  }

  /**
   * @param {string} group  of radios
   * @param {string} value
   */
  function choose(group, value) {
    const radio = player.querySelector(`${group} input[value="${value}"]`);
    if (radio instanceof HTMLInputElement && !radio.checked) radio.click();
  }

  /** @param {string[]} names */
  function point(names) {
    for (const element of document.querySelectorAll(".is-pointed-at")) element.classList.remove("is-pointed-at");
    document.body.dataset.points = names.join(" ").replaceAll("chance number", "chance-number");
    const seen = names.flatMap((name) => [
      .../** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(PLACES[name])),
    ]);
    const inSight = seen.filter((element) => element.checkVisibility());
    for (const element of inSight) element.classList.add("is-pointed-at");
    for (const element of inSight.reverse()) element.scrollIntoView({ block: "nearest" }); // the first one at any rate
  }

  // The panel ------------------------------------------------------------------------------------------------------

  /**
   * @param {string} text
   * @param {() => void} action
   * @param {string} [className]
   */
  function button(text, action, className = "") {
    const element = make("button", { type: "button", className }, text);
    element.addEventListener("click", action);
    return element;
  }

  function showMenu() {
    const items = lessons.map(({ title, about }, i) => {
      const open = button("", () => go(i, 0));
      open.append(make("b", {}, `${i + 1}. ${title}`), make("span", {}, about));
      return make("li", {}, open);
    });
    const head = make("header", {}, make("h2", {}, words.lessons), button(words.close, end));
    asked++;
    root.replaceChildren(head, make("p", {}, words.choose), make("ol", { className: "lesson-menu" }, ...items));
    showPanel(true);
  }

  function showStep() {
    if (lesson === null) return;
    const { title, steps } = lessons[lesson];
    const { text, question, answer } = steps[step];
    const place = words.step.replace("{step}", String(step + 1)).replace("{steps}", String(steps.length));
    const presenting = document.body.classList.contains("is-presenting");
    const head = make(
      "header",
      {},
      make("h2", {}, `${lesson + 1}. ${title}`),
      make("p", { className: "lesson-place" }, place),
    );
    const revealed = make("p", { className: "lesson-answer", hidden: true }, answer);
    revealed.setAttribute("role", "status");
    const body = make(
      "div",
      { className: "lesson-body" },
      make("p", {}, text),
      make("p", { className: "lesson-question" }, question),
      revealed,
    );
    const last = step === steps.length - 1;
    const back = button(words.back, () => move(-1));
    back.disabled = step === 0;
    const on = button(last ? words.end : words.next, () => (last ? end() : move(1)), "strong");
    const more = make(
      "nav",
      {},
      button(words.again, showStep),
      button(words.hide, hide),
      button(presenting ? words.smaller : words.present, present, "lesson-present"),
      button(words.lessons, showMenu),
      button(words.end, end),
    );
    const footer = make("footer", {}, button(words.reveal, reveal, "lesson-reveal"), back, on);
    root.replaceChildren(head, body, footer, more);
    showPanel(true);
    const { show, state } = steps[step];
    const mine = ++asked;
    const wanted = () => mine === asked;
    setUp(state, wanted).then(() => {
      if (!wanted()) return;
      studio.views.show(viewOf(show));
      point(show);
    });
  }

  /** @param {boolean} isOpen */
  function showPanel(isOpen) {
    root.hidden = !isOpen;
    resume.hidden = isOpen || lesson === null;
    document.documentElement.classList.toggle("has-lesson", isOpen);
    if (isOpen) root.focus({ preventScroll: true });
  }

  const isRevealed = () => !one(root, ".lesson-answer").hidden;

  function reveal() {
    one(root, ".lesson-answer").hidden = false;
    one(root, ".lesson-body").classList.add("is-revealed");
    one(root, ".lesson-reveal").hidden = true;
    root.focus({ preventScroll: true });
  }

  /**
   * @param {number} to  a lesson
   * @param {number} at  its step
   */
  function go(to, at) {
    lesson = to;
    step = at;
    const { title } = lessons[to];
    resume.textContent = `${words.resume}: ${title}`;
    tellAddress();
    showStep();
  }

  /** @param {number} by */
  function move(by) {
    if (lesson === null) return;
    const to = Math.max(0, Math.min(step + by, lessons[lesson].steps.length - 1));
    if (to !== step) go(lesson, to);
  }

  // The page's address opens the step that is shown.
  function tellAddress() {
    const address = new URL(location.href);
    for (const name of ["lesson", "step"]) address.searchParams.delete(name);
    if (lesson !== null) {
      address.searchParams.set("lesson", String(lesson + 1));
      address.searchParams.set("step", String(step + 1));
    }
    history.replaceState(history.state, "", address);
  }

  // The reader plays with what the step has set up.
  function hide() {
    asked++;
    guess.close();
    point([]);
    showPanel(false);
    present(false);
  }

  async function end() {
    if (lesson !== null) remember();
    lesson = null;
    hide();
    tellAddress();
    const [first, ...others] = Object.values(before);
    before = {};
    keep(STORAGE_KEY, before);
    put = { wish: "", run: "", made: "" };
    if (!first) return;
    for (const recipe of others) {
      studio.turn(recipe.task);
      (facts.tasks[recipe.task].drawn ? studio.pad : studio.photos).recall(recipe);
    }
    studio.turn(first.task);
    await studio.recall(first);
  }

  /** @param {boolean | Event} [on] */
  function present(on) {
    const isOn = document.body.classList.toggle("is-presenting", typeof on === "boolean" ? on : undefined);
    const toggle = root.querySelector(".lesson-present");
    if (toggle) toggle.textContent = isOn ? words.smaller : words.present;
    if (!root.hidden) root.focus({ preventScroll: true });
  }

  // Arrow keys, where nothing else uses them; Page Up and Page Down, which a presenter's remote sends, everywhere.
  document.addEventListener("keydown", (event) => {
    const target = /** @type {Element} */ (event.target);
    if (lesson === null || root.hidden || !root.querySelector(".lesson-answer")) return;
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const ours = target === document.body || root.contains(target);
    const actions = {
      PageDown: () => (isRevealed() ? move(1) : reveal()),
      PageUp: () => move(-1),
      ...(ours && { ArrowRight: () => move(1), ArrowLeft: () => move(-1), Escape: hide }),
      ...((target === root || target === document.body) && { Enter: reveal }),
    };
    const action = /** @type {Record<string, () => void>} */ (actions)[event.key];
    if (!action || target.matches("input:not([type=range], [type=radio]), textarea, select")) return;
    event.preventDefault();
    action();
  });
  one(document, ".lesson-open").addEventListener("click", () => (lesson === null ? showMenu() : showStep()));
  resume.addEventListener("click", showStep);

  return {
    list: lessons,
    /** The page is complete: the step that its address names is shown. */
    open() {
      const wanted = Number(query.get("lesson")) - 1;
      if (!lessons[wanted]) {
        if (!opensLink) end(); // one that was left open at the last visit
        return;
      }
      const at = Math.floor(Number(query.get("step") ?? 1)) - 1;
      go(wanted, lessons[wanted].steps[at] ? at : 0);
      present(query.has("present"));
    },
  };
}

/**
 * Those of some values that are recipes of tasks and models that are here, by task: what was kept may be damaged, or of
 * another version.
 * @param {any} kept
 * @param {import("./engine.js").Facts} facts
 * @returns {Record<string, Recipe>}
 */
function recipesAmong(kept, { tasks, models }) {
  const isOne = (/** @type {[string, any]} */ [task, its]) =>
    Object.hasOwn(tasks, task) &&
    its?.task === task &&
    Array.isArray(its.drawings?.supports) &&
    Array.isArray(its.photographs?.photos) &&
    Object.hasOwn(models, its.settings?.model);
  return Object.fromEntries(Object.entries(kept ?? {}).filter(isOne));
}

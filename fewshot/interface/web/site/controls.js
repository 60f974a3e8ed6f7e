// The choices and settings of the page, where nobody else makes them: their HTML is such that choices.js and the page's
// style take it as they take the studio's.

import { make, one } from "../dom.js";

/** @typedef {import("../engine.js").Settings} Settings */
/** @typedef {{label: string, least: number, most: number, value: number, step: number, info: string | null}} Slider */
/** @typedef {"guidance" | "temperature" | "inner_steps"} Sliding */

/**
 * What there is to choose, from Python.
 * @typedef {object} Choices
 * @property {[string, string][]} tasks  label, which is a name and a sentence on two lines, and key
 * @property {Record<string, [string, string][]>} models  label and name of each, by task
 * @property {Record<string, string>} first  the model that is chosen first, by task
 * @property {Record<Sliding, Slider>} sliders
 * @property {Record<string, number>} guidance  that a task begins with, by task
 * @property {string} seed  a label
 * @property {string} fresh  a label
 */

/**
 * @param {Choices} choices
 * @param {string} first  task
 * @param {[number, number]} seeds  the least and the most
 * @param {object} heard  what is called when the user has changed something
 * @param {(task: string) => void} heard.task
 * @param {() => void} heard.model
 * @param {() => void} heard.setting
 */
export function createControls(choices, first, seeds, heard) {
  let task = first;
  const numbers = /** @type {Sliding[]} */ (Object.keys(choices.sliders));
  const sliders = numbers.map((name) => makeSlider(name, choices.sliders[name], () => heard.setting()));
  const seed = makeNumber({ min: String(seeds[0]), max: String(seeds[1]), step: "1", value: "0" }, choices.seed);
  const fresh = make("input", { type: "checkbox", checked: true });

  function showModels() {
    fillRadios(one(document, "#model"), choices.models[task], choices.first[task], () => heard.model());
  }

  /** @param {string} to */
  function turn(to) {
    task = to;
    sliders[numbers.indexOf("guidance")].value = choices.guidance[task];
    showModels();
  }

  const seedLabel = make("label", {}, labelled(choices.seed), seed);
  one(document, "#settings").append(
    ...sliders.map(({ root }) => root),
    make("div", { id: "seed", className: "block" }, seedLabel),
    make("div", { id: "fresh", className: "block" }, make("label", {}, fresh, make("span", {}, choices.fresh))),
  );
  const tasks = one(document, "#task");
  fillRadios(tasks, choices.tasks, task, (chosen) => {
    turn(chosen);
    heard.task(chosen);
  });
  tasks.hidden = choices.tasks.length < 2;
  showModels();
  seed.addEventListener("change", () => {
    fresh.checked = false; // a seed that is typed is to be used
    heard.setting();
  });
  fresh.addEventListener("change", () => heard.setting());

  return {
    /** @returns {Settings} */
    get settings() {
      const of = Object.fromEntries(numbers.map((name, i) => [name, sliders[i].value]));
      return /** @type {Settings} */ ({
        ...of,
        model: chosenOf(one(document, "#model")),
        seed: seed.valueAsNumber,
        fresh: fresh.checked,
      });
    },
    get task() {
      return task;
    },
    /** @param {number} to */
    showSeed(to) {
      seed.value = String(to);
    },
    /**
     * Shows a task and settings, of the last visit or of a recipe, as far as there are such.
     * @param {any} kept
     */
    show(kept) {
      const names = (choices.models[kept?.task] ?? []).map(([, name]) => name);
      if (!names.includes(kept?.model)) return;
      choose(tasks, kept.task);
      turn(kept.task);
      choose(one(document, "#model"), kept.model);
      numbers.forEach((name, i) => {
        const { least, most } = choices.sliders[name];
        if (typeof kept[name] === "number" && kept[name] >= least && kept[name] <= most) sliders[i].value = kept[name];
      });
      if (Number.isInteger(kept.seed) && kept.seed >= seeds[0] && kept.seed <= seeds[1]) seed.value = String(kept.seed);
      if (typeof kept.fresh === "boolean") fresh.checked = kept.fresh;
    },
  };
}

/** @param {string} text */
function labelled(text) {
  const label = make("span", {}, text);
  label.dataset.testid = "block-info";
  return label;
}

/**
 * @param {Partial<HTMLInputElement>} properties
 * @param {string} label
 */
function makeNumber(properties, label) {
  const input = make("input", { type: "number", ...properties });
  input.setAttribute("aria-label", label);
  input.addEventListener("change", () => {
    const [least, most] = [Number(input.min), Number(input.max)];
    const value = Number.isFinite(input.valueAsNumber) ? input.valueAsNumber : least;
    const whole = input.step === "1" ? Math.round(value) : value;
    input.value = String(Math.min(most, Math.max(least, whole)));
  });
  return input;
}

/**
 * @param {Sliding} name
 * @param {Slider} its
 * @param {() => void} changed
 */
function makeSlider(name, { label, least, most, value: first, step, info }, changed) {
  const bounds = { min: String(least), max: String(most), step: String(step), value: String(first) };
  const number = makeNumber(bounds, `number input for ${label}`);
  const range = make("input", { type: "range", ...bounds });
  range.setAttribute("aria-label", `range slider for ${label}`);
  const words = make("label", {}, labelled(label));
  if (info) words.append(make("div", { className: "info-text" }, info));
  const head = make("div", { className: "head" }, words, number);
  const show = () => range.style.setProperty("--share", `${(100 * (range.valueAsNumber - least)) / (most - least)}%`);
  range.addEventListener("input", () => {
    number.value = range.value;
    show();
    changed();
  });
  number.addEventListener("change", () => {
    range.value = number.value;
    show();
    changed();
  });
  show();
  return {
    root: make("div", { id: name.replace("_", "-"), className: "block" }, head, range),
    get value() {
      return number.valueAsNumber;
    },
    set value(to) {
      number.value = range.value = String(to);
      show();
    },
  };
}

/**
 * @param {HTMLElement} root  a fieldset
 * @param {[string, string][]} options  label and value of each
 * @param {string} value  that is chosen
 * @param {(value: string) => void} heard
 */
function fillRadios(root, options, value, heard) {
  const labels = options.map(([text, name]) => {
    const radio = make("input", { type: "radio", name: root.id, value: name });
    radio.addEventListener("change", () => {
      choose(root, name);
      heard(name);
    });
    return make("label", {}, radio, make("span", {}, text));
  });
  one(root, ".wrap").replaceChildren(...labels);
  choose(root, value);
}

/**
 * @param {HTMLElement} root
 * @param {string} value
 */
function choose(root, value) {
  for (const radio of /** @type {NodeListOf<HTMLInputElement>} */ (root.querySelectorAll("input"))) {
    radio.checked = radio.value === value;
    radio.closest("label")?.classList.toggle("selected", radio.checked);
  }
}

/** @param {HTMLElement} root */
const chosenOf = (root) => one(root, "input:checked", HTMLInputElement).value;

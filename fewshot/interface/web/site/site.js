// The studio without a server: its modules are the studio's own, the browser draws, and the controls are made here too
// (controls.js). site.py writes the page, and what it holds.

import { openDatabase } from "../database.js";
import { one } from "../dom.js";
import { dressPage } from "../dress.js";
import { createLocalEngine } from "../engine-local.js";
import { createLessons } from "../lesson.js";
import { takePlace } from "../store.js";
import { createStudio, keptSettings } from "../studio.js";
import { followTheme } from "../theme.js";
import { createControls } from "./controls.js";
import { createAlone, createTakeHome } from "./engine-alone.js";

/**
 * What the page holds; site.py describes each field.
 * @typedef {object} Content
 * @property {import("../engine.js").Facts} facts
 * @property {import("./controls.js").Choices} choices
 * @property {{name: string, drawings: string[]}[]} sets
 * @property {import("../run.js").Chunk} example
 * @property {import("../lesson.js").Content[]} lessons  by language, English first
 */

const ABSENT = ["upload"]; // parts of the page that need a server, as in hiding.js

/** @param {() => Worker} start  gives the worker that draws */
export async function openSite(start) {
  /** @type {Content} */
  const { facts, choices, sets, example, lessons } = JSON.parse(String(one(document, "#content").textContent));
  await takePlace();
  followTheme();
  const controls = createControls(choices, facts.task, facts.limits.seed, {
    task(to) {
      studio.turn(to);
      studio.showTask(controls.settings);
    },
    model() {
      studio.showModel(controls.settings);
      studio.follow(controls.settings);
    },
    setting: () => studio.follow(controls.settings),
  });
  controls.show(keptSettings());
  dressPage(ABSENT);
  const alone = createAlone(facts);
  const drawing = createLocalEngine(alone.engine, {
    start,
    cores: navigator.hardwareConcurrency,
    facts,
    always: true,
    tellSeed(seed) {
      controls.showSeed(seed);
      studio.know(controls.settings);
    },
    leave: (_, sentence) => alone.because(sentence),
  });
  const studio = createStudio({
    engine: { ...drawing, takeHome: createTakeHome(drawing, facts) },
    facts,
    database: openDatabase(),
    roots: {
      pad: one(document, "#pad .part"),
      photos: one(document, "#photos .part"),
      player: one(document, "#player .part"),
      variations: one(document, "#variations .part"),
      views: one(document, "#views"),
      compare: one(document, "#compare .compare"),
    },
    stop: one(document, "#stop", HTMLButtonElement),
    sets,
    example,
    choose(recipe) {
      controls.show({ task: recipe.task, ...recipe.settings });
      studio.know(controls.settings);
    },
  });
  one(document, "#generate").addEventListener("click", () => studio.press(controls.settings));
  one(document, "#sixteen").addEventListener("click", () => studio.vary(controls.settings));
  Object.assign(window, { studio }); // for the console, and for tests
  studio.open(controls.task, controls.settings);
  const lesson = await createLessons(studio, async (languages) => inLanguage(lessons, languages));
  lesson.open();
}

/**
 * The content in the first of some languages that there is, else in English.
 * @param {import("../lesson.js").Content[]} contents
 * @param {string} languages  "de-AT,en"
 */
function inLanguage(contents, languages) {
  const wanted = languages.split(",").map((each) => each.split("-")[0].toLowerCase());
  const found = wanted.map((language) => contents.find((each) => each.language === language));
  return found.find(Boolean) ?? contents[0];
}

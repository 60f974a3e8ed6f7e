// What a lesson can point at: names, and where that is on the page. Of several places, those that are in sight.

/** @type {Record<string, string>} */
export const PLACES = {
  tasks: "#task",
  models: "#model",
  pad: ".pad-paper, .paint-board",
  drawings: ".pad-tray",
  sets: ".pad-sets, [popovertarget=pad-sets]",
  photographs: ".photos-tray",
  settings: "#settings, [popovertarget=settings]",
  faithfulness: "#guidance, [popovertarget=settings]",
  temperature: "#temperature, [popovertarget=settings]",
  practice: "#inner-steps, [popovertarget=settings]",
  "chance number": "#seed, [popovertarget=settings]",
  generate: "#generate",
  compare: "#compare-open",
  picture: ".player-frame",
  transport: ".player-transport",
  views: ".player-views",
  guess: ".guess-start, .guess",
  chance: ".player-pixel",
  note: ".player-note",
  heatmaps: ".player-tiles",
  nothing: ".player-nothing",
  own: ".player-own",
  gazes: ".player-heads",
  cost: ".player-steps",
};

// On a phone, these are in the view in which one draws, the button is in both, and the others are where one watches.
const TO_DRAW = new Set(["tasks", "pad", "drawings", "sets", "photographs"]);
const IN_BOTH = "generate";

/**
 * The view of a step that points at some places: where one draws, if that is asked for, or nothing else is pointed at;
 * also where drawings are changed before Generate is pressed, which turns to the other view by itself.
 * @param {string[]} names
 * @returns {import("./views.js").View}
 */
export function viewOf(names) {
  const isChanged = names.includes("drawings") && names.includes(IN_BOTH);
  const isToDraw = names.includes("pad") || isChanged || names.every((name) => TO_DRAW.has(name));
  return isToDraw ? "draw" : "watch";
}

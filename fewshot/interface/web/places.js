// What a lesson can point at: names, and where that is on the page. Of several places, those that are in sight.

/** @type {Record<string, string>} */
export const PLACES = {
  tasks: "#task",
  models: "#model",
  pad: ".pad-paper",
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

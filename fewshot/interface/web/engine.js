// The engine interface: all that the page asks of whoever runs the models. Types only; engine-gradio.js speaks it to the
// server that the page comes from, engine-local.js and engine-alone.js do what a browser can do by itself, and a test may
// bring another.

/** @typedef {import("./run.js").Chunk} Chunk */
/** @typedef {import("./codec.js").Stroke} Stroke */

/** @typedef {{pixels: string}} Seen  what a model sees, in base64 as payload.py describes it */
/** @typedef {import("./supports.js").Support} Support */
/** @typedef {{error: string}} Refusal  a sentence for the user */
/** @typedef {{busy: true}} Busy  too many ask at the moment */

/**
 * @typedef {object} Drawings
 * @property {(Support | {strokes: Stroke[]})[]} supports  one with strokes alone is on the pad
 * @property {number | null} shots  how many are read of those that are not left out, all if null
 * @property {({strokes: Stroke[]} & {rows: number}) | null} beginning  what is drawn begins with its first rows
 */
/** @typedef {{photos: Support[], beginning: (Seen & {rows: number}) | null}} Photographs */
/**
 * @typedef {object} Settings
 * @property {string} model
 * @property {number} guidance
 * @property {number} temperature
 * @property {number} seed
 * @property {number} inner_steps
 * @property {boolean} fresh  any seed
 */

/**
 * All that makes a picture what it is: the engine draws it again from this.
 * @typedef {object} Recipe
 * @property {string} task
 * @property {Drawings} drawings  of a task that is drawn
 * @property {Photographs} photographs  of another
 * @property {Settings} settings
 */

/**
 * Some finished rows of many pictures of one recipe, without a trace; payload.py describes each field.
 * @typedef {object} VariationsChunk
 * @property {string} title
 * @property {number} seed  of the first; the others have the next ones
 * @property {number} width
 * @property {number} channels
 * @property {number} given
 * @property {number} start
 * @property {number} rows
 * @property {number} number
 * @property {string} pixels
 * @property {number[] | null} fits
 */

/** @typedef {Refusal & {model?: string}} RefusalOf  of one model, or of all */

/**
 * @typedef {object} Recognised
 * @property {string} model
 * @property {(number | null)[] | null} nats  -log p(drawing | set) of each set, null of one that has no other drawing;
 *   null of a model that reads none
 */

/**
 * @typedef {object} InfluenceWish
 * @property {string} model
 * @property {string} supports  as in a chunk
 * @property {number} shots
 * @property {string} image  its bits in base64
 * @property {number} row
 * @property {number} column
 * @property {number | null} inner_steps
 */

/**
 * A file of a picture: its kind, and all that is needed to draw the picture again.
 * @typedef {object} FileWish
 * @property {string} format  a key of Facts.formats
 * @property {string} model
 * @property {Seen[]} supports
 * @property {(Seen & {rows: number}) | null} beginning
 * @property {number} seed
 * @property {number} temperature
 * @property {number} guidance
 * @property {number} cut
 * @property {number | null} inner_steps
 */

/**
 * What the engine is asked for when several pictures are saved as one file.
 * @typedef {object} SheetWish
 * @property {string} format  a key of Facts.formats
 * @property {Recipe} recipe  of the first
 * @property {number} samples
 */

/**
 * All that is on the page; project.py describes each field.
 * @typedef {object} Project
 * @property {string} kind
 * @property {number} version
 * @property {string} task
 * @property {string} model
 * @property {(Support | {strokes: Stroke[]})[]} supports
 * @property {number | null} shots
 * @property {((Seen | {strokes: Stroke[]}) & {rows: number}) | null} beginning
 * @property {{seed: number, temperature: number, guidance: number, inner_steps: number | null}} settings
 * @property {{position: number, locked: number | null}} view
 */

/**
 * The same, checked: what it begins with is known as the model sees it.
 * @typedef {Omit<Project, "beginning"> & {
 *   beginning: (Seen & {strokes?: Stroke[], rows: number}) | null
 * }} OpenedProject
 */

/**
 * @typedef {object} Engine
 * @property {(task: string, given: {strokes: Stroke[]} | {picture: string}) => Promise<Seen & {sheet?: string[]} | Refusal>} preview
 *   a drawing, or a picture file in base64, as the models of a task see it; sheet: the pixels of each of several things
 *   that a picture shows
 * @property {(task: string, seen: Seen) => Promise<{strokes: Stroke[]} | Refusal>} trace
 *   a drawing of a task back as strokes, as near as their centre lines come to it
 * @property {(drawings: Drawings, photographs: Photographs, settings: Settings, wanted: AbortSignal) =>
 *   AsyncIterable<Chunk | Refusal>} generate  rows of a new picture as they are finished, of drawings or of photographs
 *   as the model needs; one at a time. It ends once `wanted` is aborted
 * @property {(recipe: Recipe, samples: number) => AsyncIterable<VariationsChunk | Refusal>} variations
 *   so many pictures, the first of the recipe's seed (any, if it is fresh), the others of the next ones: rows as they are
 *   finished, and then how well each fits. Who stops reading has no more drawn
 * @property {(recipe: Recipe, models: string[]) => AsyncIterable<Chunk | RefusalOf>} compare
 *   a picture by each of some models, of one recipe and one seed (any, if it is fresh): rows as they are finished, the
 *   first model's first. Who stops reading has no more drawn
 * @property {(recipe: Recipe, models: string[], drawing: Seen) => AsyncIterable<Chunk | RefusalOf>} score
 *   a drawing as a picture by each of some models, with its nats; of the recipe, only what is read and the steps count
 * @property {(recipe: Recipe, models: string[], drawing: Seen, sets: Seen[][]) => AsyncIterable<Recognised | RefusalOf>} recognise
 *   which of some sets a drawing belongs to; of the recipe, only the steps count
 * @property {(drawings: Drawings, settings: Settings) => Promise<Chunk & Seen | Refusal | Busy>} along
 *   the whole picture in one chunk, for who is drawing; rejected if no answer came
 * @property {(wish: InfluenceWish) => Promise<{largest: number, maps: string} | Refusal | Busy>} influence
 *   what each support pixel does to one pixel, [shots, pixels] as base64 of int8; rejected if no answer came
 * @property {(wish: FileWish | SheetWish) => Promise<{name: string, blob: Blob} | Refusal>} takeHome  as a file
 * @property {(project: unknown) => Promise<OpenedProject | Refusal>} openProject  a project, checked
 */

/**
 * What the page knows of a task, from Python.
 * @typedef {object} Task
 * @property {boolean} drawn  its supports are drawn on the pad; else they are photographs
 * @property {string} unit  one support, in words
 * @property {number} side  of its pictures, in pixels
 * @property {number} channels  1 where a pixel is ink or paper, 3 in colour
 * @property {number} most  supports
 * @property {number} read  supports of an example, and of a set in which a drawing is looked for
 * @property {boolean} gaze  the player shows the way of the gaze over its one support
 */

/**
 * What else it knows of a task whose supports are photographs.
 * @typedef {Task & {
 *   mirrors: boolean, title: string, upload: string, or: string, help: string,
 *   palette: {name: string, colour: string}[], samples: {name: string, photos: string[]}[],
 *   credits: {work: string, artist: string, licence: string}[]
 * }} PhotoTask  mirrors: what is drawn is the mirror image; its words; palette: what they can be painted with, if they
 *   can; credits: of the photographs of each sample, in their order
 */

/**
 * All that the page's scripts know of tasks, models and limits, from Python.
 * @typedef {object} Facts
 * @property {string} task  the one that the page opens with, whose supports are drawn
 * @property {Record<string, Task | PhotoTask>} tasks
 * @property {Record<string, {task: string, title: string, adapts: boolean, needs_supports: boolean, guides: boolean, local: boolean}>} models
 *   from the one that reads least; adapts: it takes inner steps; needs_supports: without any it draws nothing; guides: it can be guided; local: a browser can draw
 *   with it
 * @property {"auto" | "browser" | "server"} engine  where pictures of those models are drawn; auto: where it is faster
 * @property {number} new_seeds  below this are seeds that nobody chose
 * @property {Record<"seed" | "temperature" | "guidance", [number, number]>} limits  the least and the most of each
 * @property {{side: number, stroke: number}} pad  its coordinates, and the width of a stroke in them
 * @property {number} most_bytes  of a picture file
 * @property {{key: string, label: string, in_colour: boolean, several: boolean}[]} formats  what can be saved
 */

export {};

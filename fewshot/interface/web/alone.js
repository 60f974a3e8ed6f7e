// A player without a server: of the one run that its file holds. Of this and all that it imports, export/web.py makes one
// script.

import { one } from "./dom.js";
import { createPlayer } from "./player.js";
import { followTheme } from "./theme.js";

/** @type {{chunk: import("./run.js").Chunk, tasks: Record<string, import("./engine.js").Task>}} */
const { chunk, tasks } = JSON.parse(String(one(document, "#content").textContent));

const engine = { influence: () => Promise.reject(new Error("There is no model here.")) };

followTheme();

const player = createPlayer(one(document, ".player"), { engine, tasks });
player.absorb(chunk);
Object.assign(window, { player }); // for the console, and for tests

// What can be undone in one part of the page, several times and also after a reload. Needs no page.
//
// Whoever changes something adds what there was before; undoing gives it back, the last one first.

const MOST = 50;

/**
 * What keeps it: database.js, or what a test brings.
 * @typedef {object} Keeper
 * @property {(store: "history", key: [string, number], value: unknown) => Promise<unknown>} put
 * @property {(store: "history", key: [string, number]) => Promise<unknown>} remove
 * @property {(store: "history", beginning: [string]) => Promise<any[]>} all
 */

/**
 * @template Before
 * @typedef {object} Entry
 * @property {number} at  when, in milliseconds; later ones have larger ones
 * @property {string} sentence  what happened
 * @property {Before} before
 */

/**
 * @template Before
 * @param {string} part  of the page; it is kept under this name
 * @param {Keeper} database
 */
export function createHistory(part, database) {
  /** @type {Entry<Before>[]} */
  let entries = [];

  return {
    /** Takes in what was kept; what was added meanwhile comes after it. */
    async load() {
      const kept = /** @type {Entry<Before>[]} */ (await database.all("history", [part]));
      entries = [...kept, ...entries.filter(({ at }) => !kept.some((known) => known.at === at))].slice(-MOST);
    },
    /**
     * @param {string} sentence
     * @param {Before} before  that structured cloning can copy; nobody changes it any more
     */
    add(sentence, before) {
      const at = Math.max(Date.now(), (entries.at(-1)?.at ?? 0) + 1);
      entries.push({ at, sentence, before });
      database.put("history", [part, at], entries.at(-1));
      if (entries.length > MOST) database.remove("history", [part, Number(entries.shift()?.at)]);
    },
    /** The last entry, which is taken out; undefined if there is none. */
    undo() {
      const entry = entries.pop();
      if (entry) database.remove("history", [part, entry.at]);
      return entry;
    },
    /** The sentence of the last entry; undefined if there is none. */
    get last() {
      return entries.at(-1)?.sentence;
    },
  };
}

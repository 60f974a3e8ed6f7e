// What the browser keeps of the page from one visit to the next.
//
// Tabs that are open at the same time have a place each, so that none overwrites what was drawn in another. A tab that is
// opened takes the place that was used last of those that no tab has, or a new one.

const PLACES = "fewshot-studio-places"; // their numbers, from the one that was used last
const RELOADED = 1000; // milliseconds at most until a page that is reloaded has its place again

let place = 0;

/**
 * @param {string} key
 * @param {number} of
 */
const keyAt = (key, of) => (of ? `${key}-${of}` : key);

/**
 * @param {string} key
 * @param {unknown} value
 */
function write(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    /* storage is full or forbidden: the value then lives as long as the page */
  }
}

/** @param {string} key */
function read(key) {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "null");
  } catch {
    return null;
  }
}

/** @returns {number[]} */
function places() {
  const known = read(PLACES);
  return Array.isArray(known) ? known.filter(Number.isInteger) : [];
}

/**
 * A place for as long as the page lives, if no other tab has it, or gives it free in time.
 * @param {number} number
 * @param {LockOptions} options
 * @returns {Promise<boolean>}
 */
function lock(number, options) {
  return new Promise((resolve) => {
    const held = (/** @type {Lock | null} */ granted) => {
      resolve(granted !== null);
      return granted && new Promise(() => {});
    };
    navigator.locks.request(keyAt(PLACES, number), options, held).catch(() => resolve(false));
  });
}

/** @returns {Promise<number>} */
async function freePlace() {
  const own = sessionStorage.getItem(PLACES);
  if (own !== null && (await lock(Number(own), { signal: AbortSignal.timeout(RELOADED) }))) return Number(own);
  for (const number of places()) if (await lock(number, { ifAvailable: true })) return number;
  let next = 0;
  while (!(await lock(next, { ifAvailable: true }))) next++;
  return next;
}

/**
 * Takes a place, before anything is kept or recalled. Where the browser forbids storage or has no locks, all tabs share
 * the first.
 */
export async function takePlace() {
  try {
    place = await freePlace();
    sessionStorage.setItem(PLACES, String(place));
  } catch {
    place = 0;
  }
}

/**
 * @param {string} key
 * @param {unknown} value  that JSON can hold
 */
export function keep(key, value) {
  const used = places();
  if (used[0] !== place) write(PLACES, [place, ...used.filter((number) => number !== place)]);
  write(keyAt(key, place), value);
}

/**
 * What was kept; null if nothing was, or nothing that can be read.
 * @param {string} key
 * @returns {any}
 */
export const recall = (key) => read(keyAt(key, place));

/**
 * The name under which this tab keeps what is not for here: too large, see database.js.
 * @param {string} key
 */
export const ofThisTab = (key) => keyAt(key, place);

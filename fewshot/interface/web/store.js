// What the browser keeps of the page from one visit to the next.
//
// Several tabs may be open: what is drawn in one is no business of the others. So each has a number, and keeps under it
// what is its own. A tab that is closed leaves it to the next that is opened.

const TABS = "fewshot-studio-tabs"; // their numbers, the last one opened first
const MINE = "fewshot-studio-tab"; // of this tab, also after a reload
const PATIENCE = 500; // milliseconds, until the page before a reload has let go of its number

let tab = 0;

/**
 * @param {string} key
 * @param {unknown} value  that JSON can hold
 */
export function keep(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    /* storage is full or forbidden: the value then lives as long as the page */
  }
}

/**
 * What was kept; null if nothing was, or nothing that can be read.
 * @param {string} key
 * @returns {any}
 */
export function recall(key) {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "null");
  } catch {
    return null;
  }
}

/**
 * The name under which this tab keeps what is its own.
 * @param {string} key
 */
export function ofThisTab(key) {
  return tab ? `${key}-${tab}` : key;
}

/**
 * Finds this tab's number: the one that it had before a reload, else the last one that no open tab has, else a new one.
 * Browsers lock nothing for addresses that they do not call secure: there all tabs are one.
 */
export async function claimTab() {
  if (!navigator.locks) return;
  const kept = recall(TABS);
  const known = /** @type {number[]} */ (Array.isArray(kept) ? kept.filter(Number.isInteger) : []);
  const mine = remembered();
  const isMine = mine !== null && (await claim(mine, { signal: AbortSignal.timeout(PATIENCE) }));
  tab = isMine ? mine : await firstFree(known.length ? known : [0]);
  keep(TABS, [tab, ...known.filter((other) => other !== tab)]);
  try {
    sessionStorage.setItem(MINE, String(tab));
  } catch {
    /* forbidden: after a reload it may get another number */
  }
}

function remembered() {
  try {
    const text = sessionStorage.getItem(MINE);
    return text === null || !Number.isInteger(Number(text)) ? null : Number(text);
  } catch {
    return null;
  }
}

/** @param {number[]} known */
async function firstFree(known) {
  for (const number of known) if (await claim(number, { ifAvailable: true })) return number;
  let next = Math.max(...known) + 1;
  while (!(await claim(next, { ifAvailable: true }))) next++;
  return next;
}

/**
 * Holds a number until the tab is closed; false if another one has it.
 * @param {number} number
 * @param {LockOptions} options
 * @returns {Promise<boolean>}
 */
function claim(number, options) {
  return new Promise((resolve) => {
    const hold = (/** @type {Lock | null} */ lock) => {
      resolve(lock !== null);
      return lock && new Promise(() => {});
    };
    navigator.locks.request(`${TABS}-${number}`, options, hold).catch(() => resolve(false));
  });
}

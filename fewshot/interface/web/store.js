// What the browser keeps of the page from one visit to the next.

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

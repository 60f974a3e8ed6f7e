// The pixel that the user points at, and the one they locked. Several players may share one. Needs no page.

/** @typedef {ReturnType<typeof createSelection>} Selection */

export function createSelection() {
  /** @type {Set<() => void>} */
  const listeners = new Set();
  /** @type {number | null} */
  let hovered = null;
  /** @type {number | null} */
  let locked = null;

  function tell() {
    for (const listener of listeners) listener();
  }

  return {
    /**
     * Tells of each change until the function that is returned is called.
     * @param {() => void} listener
     */
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    /** @param {number | null} pixel */
    hover(pixel) {
      if (pixel === hovered) return;
      hovered = pixel;
      tell();
    },
    /**
     * Locks a pixel; the locked one is unlocked, and null unlocks any.
     * @param {number | null} pixel
     */
    lock(pixel) {
      locked = pixel === locked ? null : pixel;
      tell();
    },
    clear() {
      hovered = locked = null;
    },
    get hovered() {
      return hovered;
    },
    get locked() {
      return locked;
    },
  };
}

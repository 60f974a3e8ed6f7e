// What the browser keeps of the page that is too large for store.js: an IndexedDB, as a few promises.
//
// A browser may forbid it, or lose it. Then all works as long as the page, and nothing is kept.

const NAME = "fewshot-studio";
const STORES = /** @type {const} */ (["shelf", "history", "batches"]);

/** @typedef {typeof STORES[number]} Store */
/** @typedef {IDBValidKey} Key */
/** @typedef {ReturnType<typeof openDatabase>} Database */

export function openDatabase() {
  /** @type {Promise<IDBDatabase | null>} */
  const opened = new Promise((resolve) => {
    try {
      const asked = indexedDB.open(NAME, 1);
      asked.onupgradeneeded = () => {
        for (const store of STORES) asked.result.createObjectStore(store);
      };
      asked.onsuccess = () => resolve(asked.result);
      asked.onerror = () => resolve(null);
    } catch {
      resolve(null);
    }
  });

  /**
   * @template T
   * @param {Store} store
   * @param {IDBTransactionMode} mode
   * @param {(store: IDBObjectStore) => IDBRequest<T>} ask
   * @returns {Promise<T | undefined>} undefined where nothing could be done
   */
  async function request(store, mode, ask) {
    const database = await opened;
    if (!database) return undefined;
    return new Promise((resolve) => {
      try {
        const transaction = database.transaction(store, mode);
        const asked = ask(transaction.objectStore(store));
        transaction.commit(); // at once: the page may be closed before it would be by itself
        transaction.oncomplete = () => resolve(asked.result);
        transaction.onabort = () => resolve(undefined); // storage is full, for example
      } catch {
        resolve(undefined);
      }
    });
  }

  return {
    /**
     * @param {Store} store
     * @param {Key} key
     * @returns {Promise<any>}
     */
    get: (store, key) => request(store, "readonly", (records) => records.get(key)),
    /**
     * All values, in the order of their keys; of an array as a beginning, those whose keys begin with it.
     * @param {Store} store
     * @param {Key[]} [beginning]
     * @returns {Promise<any[]>}
     */
    async all(store, beginning) {
      const range = beginning && IDBKeyRange.bound(beginning, [...beginning, []]);
      return (await request(store, "readonly", (records) => records.getAll(range))) ?? [];
    },
    /**
     * @param {Store} store
     * @param {Key} key
     * @param {unknown} value
     */
    put: (store, key, value) => request(store, "readwrite", (records) => records.put(value, key)),
    /**
     * @param {Store} store
     * @param {Key} key
     */
    remove: (store, key) => request(store, "readwrite", (records) => records.delete(key)),
  };
}

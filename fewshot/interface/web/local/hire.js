// The page's side of a worker of artist.js: who asks it waits for its answers. Needs no page.

/** @typedef {import("./artist.js").Answer} Answer */
/** @typedef {import("./artist.js").Wish} Wish */
/** @typedef {import("../engine.js").Chunk} Chunk */
/** @typedef {import("../engine.js").VariationsChunk} VariationsChunk */
/** @typedef {ReturnType<typeof hire>} Hired */

const CANNOT = "The browser could not start drawing by itself.";

/**
 * A worker, which starts when it is first asked.
 * @param {() => Pick<Worker, "postMessage" | "addEventListener">} start
 */
export function hire(start) {
  let last = 0;
  let broken = false;
  /** @type {Map<number, (answer: Omit<Answer, "id">) => void>} */
  const waiting = new Map();
  /** @type {ReturnType<typeof start> | null} */
  let worker = null;

  function started() {
    if (worker) return worker;
    worker = start();
    worker.addEventListener("message", ({ data }) => {
      if (data.chunk?.data) data.chunk.release = release;
      waiting.get(data.id)?.(data);
    });
    worker.addEventListener("error", () => {
      broken = true;
      for (const tell of waiting.values()) tell({ error: CANNOT });
    });
    return worker;
  }

  /** @param {ArrayBuffer} data */
  const release = (data) => started().postMessage({ spare: data }, [data]);

  /**
   * Its answers to a wish, until it has no more or nobody takes them.
   * @template {Chunk | VariationsChunk} [Answered=Chunk]
   * @param {Wish} wish
   * @returns {AsyncGenerator<Answered, number>} and the milliseconds that drawing took. Throws Error with the worker's
   *   sentence.
   */
  return async function* ask(wish) {
    if (broken) throw new Error(CANNOT);
    const id = ++last;
    /** @type {Omit<Answer, "id">[]} */
    const answers = [];
    let wake = () => {};
    waiting.set(id, (answer) => {
      answers.push(answer);
      wake();
    });
    started().postMessage({ id, wish });
    try {
      for (;;) {
        const answer = answers.shift();
        if (answer?.error) throw new Error(answer.error);
        if (answer?.chunk) yield/** @type {Answered} */ (answer.chunk);
        else if (answer) return Number(answer.time);
        else {
          await new Promise((resolve) => {
            wake = () => resolve(null);
          });
        }
      }
    } finally {
      waiting.delete(id);
      started().postMessage({ id });
    }
  };
}

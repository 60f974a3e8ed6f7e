// Starts the worker of a page whose modules lie where they were served from.

export const startWorker = () => new Worker(new URL("./worker.js", import.meta.url), { type: "module" });

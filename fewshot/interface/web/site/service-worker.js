// Keeps all files of the site, so that it opens and draws without a network. site.py puts their names and a digest of
// what is in them here: of a site that has changed, this script has too, and the browser fetches all of it anew.

const VERSION = "few-shot studio /*version*/";
/** @type {string[]} */
const FILES = [
  /*files*/
];

const worker = /** @type {any} */ (self);

worker.addEventListener("install", (/** @type {any} */ event) => {
  const all = FILES.map((file) => new Request(file, { cache: "no-cache" }));
  event.waitUntil(caches.open(VERSION).then((cache) => cache.addAll(all)));
});

worker.addEventListener("activate", (/** @type {any} */ event) => {
  const ours = VERSION.replace(/\S+$/, "");
  event.waitUntil(
    caches
      .keys()
      .then((names) => names.filter((name) => name.startsWith(ours) && name !== VERSION))
      .then((old) => Promise.all(old.map((name) => caches.delete(name)))),
  );
});

worker.addEventListener("fetch", (/** @type {any} */ event) => {
  if (event.request.method !== "GET") return;
  const kept = caches.open(VERSION).then((cache) => cache.match(event.request, { ignoreSearch: true }));
  event.respondWith(kept.then((answer) => answer ?? fetch(event.request)));
});

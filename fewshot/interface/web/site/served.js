// The static site as a web server gives it: its modules and weights are files, which a service worker keeps, so that it
// works without a network after the first visit.

import { startWorker } from "../local/start.js";
import { openSite } from "./site.js";

openSite(startWorker);
navigator.serviceWorker?.register(new URL("service-worker.js", document.baseURI)).catch(() => {}); // where it is forbidden

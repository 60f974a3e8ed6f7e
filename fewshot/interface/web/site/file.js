// The site as one file, which a double click opens: a browser loads nothing for it, so that the worker's script, with the
// weights, lies in the page.

import { one } from "../dom.js";
import { openSite } from "./site.js";

openSite(() => {
  const script = new Blob([String(one(document, "#worker").textContent)], { type: "text/javascript" });
  return new Worker(URL.createObjectURL(script));
});

// What the page's controls lack as they were made, and what the page's address leaves out.

import { joinRadios } from "./choices.js";
import { one } from "./dom.js";
import { hiddenBy, hide } from "./hiding.js";
import { notify } from "./notice.js";

/** @param {string[]} [absent]  names of parts that are not for this page, as in hiding.js */
export function dressPage(absent = []) {
  const { names, unknown } = hiddenBy(location.search);
  hide([...new Set([...names, ...absent])]);
  if (unknown.length) notify(`This link hides what is not there: ${unknown.join(", ")}.`, { OK: () => {} });
  one(document, "#settings").popover = "auto"; // opened by a button of the page
  joinRadios(one(document, "#task"));
  joinRadios(one(document, "#model"), (sentence) => {
    one(document, "#reads").textContent = sentence;
  });
}

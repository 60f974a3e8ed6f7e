// A sentence at the foot of the window, for what is not about one part of the page; with buttons that answer it.

import { make } from "./dom.js";

/**
 * Shows a sentence until it is answered.
 * @param {string} sentence
 * @param {Record<string, () => void>} answers  by the words of the buttons; the first is the main one
 * @returns {() => void} takes the sentence away
 */
export function notify(sentence, answers) {
  const card = make("section", { className: "notice part" });
  const text = make("p", {}, sentence);
  text.setAttribute("role", "status");
  const buttons = Object.entries(answers).map(([words, answer], i) => {
    const button = make("button", { type: "button", className: i ? "" : "strong" }, words);
    button.addEventListener("click", () => {
      card.remove();
      answer();
    });
    return button;
  });
  card.append(text, ...buttons);
  document.body.append(card);
  return () => card.remove();
}

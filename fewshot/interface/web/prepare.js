// "Prepare for a class": a link, and its QR code, that opens the page as a teacher wants it.

import { make, one } from "./dom.js";
import { PARTS } from "./hiding.js";
import { toFragment } from "./project.js";

/** @typedef {import("./lesson.js").Lesson} Lesson */
/** @typedef {import("./engine.js").Project} Project */
/** @typedef {{link: string, code: string | null}} Prepared  code: the QR code as SVG; null if there is none */

const [AS_LEFT, AS_NOW] = ["left", "now"]; // besides the lessons' numbers
const LOCAL = /^(localhost|127\.0\.0\.1|\[::1\])$/;

/**
 * What a prepared link says besides the page's address.
 * @param {object} wish
 * @param {string[]} wish.hidden
 * @param {number | null} wish.lesson  from 1
 * @param {number} wish.step  from 1
 */
export function queryOf({ hidden, lesson, step }) {
  const said = [
    ...(lesson === null ? [] : [`lesson=${lesson}`, `step=${step}`]),
    ...(hidden.length ? [`hide=${hidden.join(",")}`] : []),
  ];
  return said.length ? `?${said.join("&")}` : "";
}

/**
 * @param {HTMLElement} root  #prepare
 * @param {object} options
 * @param {Lesson[]} options.lessons
 * @param {() => Project | null} options.project  the page as it is
 */
export function createPrepare(root, { lessons, project }) {
  const begins = one(root, ".prepare-begins", HTMLSelectElement);
  const step = one(root, ".prepare-step", HTMLSelectElement);
  const link = one(root, ".prepare-link", HTMLInputElement);
  const copy = one(root, ".prepare-copy", HTMLButtonElement);
  const said = one(root, ".prepare-said");
  const code = one(root, ".prepare-code");
  let asked = 0; // how often a link was made

  begins.append(
    new Option("what is on this page now", AS_NOW),
    new Option("what each of them drew last", AS_LEFT),
    ...lessons.map(({ title }, i) => new Option(`lesson ${i + 1}: ${title}`, String(i + 1))),
  );
  const ticks = Object.entries(PARTS).map(([name, { label }]) => {
    const input = make("input", { type: "checkbox", value: name });
    one(root, "fieldset").append(make("label", {}, input, label));
    return input;
  });
  const lessonNumber = () => Number(begins.value) || null;

  function showSteps() {
    const steps = lessons[(lessonNumber() ?? 0) - 1]?.steps ?? [];
    step.replaceChildren(...steps.map((_, i) => new Option(`step ${i + 1}`, String(i + 1))));
    step.hidden = !steps.length;
  }

  /** @returns {Promise<string | {error: string}>} */
  async function wanted() {
    const hidden = ticks.filter(({ checked }) => checked).map(({ value }) => value);
    const now = begins.value === AS_NOW && project();
    const fragment = now ? await toFragment(now, true) : "";
    if (typeof fragment !== "string") return fragment;
    const address = document.baseURI.replace(/[?#].*$/, "");
    return address + queryOf({ hidden, lesson: lessonNumber(), step: Number(step.value) }) + fragment;
  }

  async function show() {
    const number = ++asked;
    const made = await wanted();
    const prepared = typeof made === "string" ? await reachable(made) : { link: "", code: null };
    if (number !== asked) return;
    link.value = prepared.link;
    copy.disabled = !prepared.link;
    code.innerHTML = prepared.code ?? "";
    said.textContent = typeof made === "string" ? whatToKnow(prepared) : made.error;
  }

  async function copyLink() {
    try {
      await navigator.clipboard.writeText(link.value);
      said.textContent = "The link is copied.";
    } catch {
      link.select();
      said.textContent = "Press Ctrl+C to copy the link.";
    }
  }

  begins.addEventListener("change", showSteps);
  root.addEventListener("change", show);
  root.addEventListener("toggle", () => root.matches(":popover-open") && show());
  copy.addEventListener("click", copyLink);
  link.addEventListener("focus", () => link.select());
  showSteps();
}

/**
 * A link as others reach it, with its code. Where the server does not answer, it is as it is.
 * @param {string} link
 * @returns {Promise<Prepared>}
 */
async function reachable(link) {
  const answer = await fetch(new URL("prepared-link", document.baseURI), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ link }),
  }).catch(() => null);
  return answer?.ok ? answer.json() : { link, code: null };
}

/** @param {Prepared} prepared */
function whatToKnow({ link, code }) {
  if (LOCAL.test(new URL(link).hostname)) {
    return "Only this computer can open it: start the studio with --lan, and pupils' devices can too.";
  }
  return code ? "" : "It is too long for a QR code that a camera could read: send the link.";
}

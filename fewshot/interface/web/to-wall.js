// The pupils' side of the wall, where the studio has one: a picture is sent to it, and what the teacher shares is offered.

import { packImages } from "./codec.js";
import { make } from "./dom.js";
import { recipeOf } from "./export.js";
import { notify } from "./notice.js";

/** @typedef {{task: string, model: string, supports: import("./engine.js").Seen[]}} Shared */

const AGAIN = 3000; // milliseconds between two looks at what the teacher shares
const TAKEN = "These are your teacher's drawings. Undo brings back yours.";

/**
 * @param {HTMLElement} place  for the button
 * @param {import("./studio.js").Studio} studio
 */
export function createToWall(place, studio) {
  const wall = document.querySelector("meta[name=studio-wall]")?.getAttribute("content");
  if (!wall) return;
  const address = (/** @type {string} */ path) => new URL(`${wall}/${path}`, document.baseURI);
  const said = make("p", { className: "save-said" });
  said.setAttribute("role", "status");
  const send = make("button", { type: "button", className: "plain" }, "Send to the wall");
  place.classList.add("save");
  place.replaceChildren(send, said);
  send.addEventListener("click", async () => {
    send.disabled = true;
    said.textContent = await sendPicture();
    send.disabled = false;
  });
  document.addEventListener("pointerdown", ({ target }) => {
    if (target !== send) said.textContent = "";
  });
  let sharing = 0; // the number of the last that is known
  let takeAway = () => {}; // what is offered
  lookOn();

  /** @returns {Promise<string>} what to say of it */
  async function sendPicture() {
    const { run } = studio.players[0].state;
    if (!run || run.example) return "Draw something first, or take a set: this picture is an example.";
    if (run.rows < run.height) return "The picture is not finished yet.";
    const { model, supports, guidance } = recipeOf(run);
    const { given } = run;
    const picture = packImages(run.image, run.channels);
    const body = JSON.stringify({ model, supports, guidance, given, picture });
    const answer = await fetch(address("drawings"), { method: "POST", body })
      .then((response) => response.json())
      .catch(() => ({ error: "The wall did not answer. Nothing of yours is lost; please try again." }));
    return answer.said ?? answer.error;
  }

  async function lookOn() {
    if (!document.hidden) await look().catch(() => {}); // the server may be away
    setTimeout(lookOn, AGAIN);
  }

  async function look() {
    const answer = await fetch(address(`shared?known=${sharing}`));
    if (answer.status !== 200) return;
    const news = /** @type {{sharing: number, drawing: Shared | null}} */ (await answer.json());
    sharing = news.sharing;
    takeAway();
    if (news.drawing) takeAway = offer(news.drawing);
  }

  /** @param {Shared} drawing */
  function offer(drawing) {
    const { unit } = studio.facts.tasks[drawing.task];
    const count = drawing.supports.length;
    return notify(`Your teacher shares ${count === 1 ? `a ${unit}` : `${count} ${unit}s`} with everybody.`, {
      "Take the teacher's drawings": () => take(drawing),
      "Not now": () => {},
    });
  }

  /** @param {Shared} drawing */
  function take({ task, model, supports }) {
    const { recipe } = studio;
    if (!recipe) return;
    const { drawn } = studio.facts.tasks[task];
    studio.recall(
      {
        task,
        drawings: { supports: drawn ? supports : [], shots: null, beginning: null },
        photographs: { photos: drawn ? [] : supports, beginning: null },
        settings: { ...recipe.settings, model: recipe.task === task ? recipe.settings.model : model },
      },
      TAKEN,
    );
  }
}

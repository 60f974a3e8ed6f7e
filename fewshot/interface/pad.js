// The drawing pad, the tray of up to eight drawings, and the ready-made sets. Knows nothing of Gradio.
//
// A drawing in the tray is a string: base64 of the 26x26 bits that the model sees. Only the server makes those, from
// strokes ([[x, y], ...] in 0..105) or from a picture file, so that what is shown is what is read.
//
// createPad(root, {server, sets, changed, edited}):
//   server.preview({strokes} or {picture: base64})  promises {pixels}, {error}, or nothing if no answer came
//   sets                                            [{name, drawings: [pixels, ...]}, ...]
//   changed(value)                                  called with {supports: [{pixels}, ...], shots} after each change
//   edited()                                        called whenever `now` changed, also while a stroke is being drawn

const PAD_SIDE = 105, SEEN_SIDE = 26, STROKE_WIDTH = 5, MOST_DRAWINGS = 8;
const STORAGE_KEY = "fewshot-studio-drawings";
const PIXELS_LENGTH = 4 * Math.ceil(Math.ceil(SEEN_SIDE * SEEN_SIDE / 8) / 3);

function createPad(root, { server, sets, changed, edited }) {
  const $ = (selector) => root.querySelector(selector);
  const paper = $(".pad-canvas"), tray = $(".pad-tray"), shotsMenu = $(".pad-shots select");
  const state = { drawings: [], strokes: [], shots: null };
  let before = null;  // the tray, or the strokes, before the last change that took something away
  let mirrored = null;  // what the machine drew along
  let seen = null;  // promise of the server's answer for the strokes that are on the pad

  // Messages -------------------------------------------------------------------------------------------------------

  function say(sentence, undoable = false) {
    $(".pad-status [role=status]").textContent = sentence;
    $("[data-do=restore]").hidden = !undoable;
    if (!undoable) before = null;
  }

  // Why the drawing on the pad is not read, if it is not; what can be undone still can.
  function sayIfUnread() {
    const { drawings, shots } = state;
    const full = drawings.length >= MOST_DRAWINGS && "Eight drawings are below already: remove one, and this one is read too.";
    const unread = full || (shots && `Only ${shots} of your drawings ${shots === 1 ? "is" : "are"} used: choose all, and this one is read too.`);
    if (unread) say(unread, before !== null);
  }

  // Keeping --------------------------------------------------------------------------------------------------------

  function value() {
    return { supports: state.drawings.map((pixels) => ({ pixels })), shots: state.shots };
  }

  // The same, with the drawing on the pad as it is now in place of the last.
  function now() {
    const { supports, shots } = value();
    if (state.strokes.length) supports.push({ strokes: state.strokes });
    return { supports: supports.slice(0, MOST_DRAWINGS), shots };
  }

  function keep() {
    try {
      localStorage.setItem(STORAGE_KEY, JSON.stringify(state));
    } catch { /* storage is full or forbidden: the drawings then live as long as the page */ }
  }

  function recall() {
    const isPoint = (p) => Array.isArray(p) && p.length === 2 && p.every(Number.isFinite);
    const isStroke = (s) => Array.isArray(s) && s.length > 0 && s.every(isPoint);
    const isDrawing = (d) => typeof d === "string" && d.length === PIXELS_LENGTH && /^[A-Za-z0-9+/]+=*$/.test(d);
    try {
      const kept = JSON.parse(localStorage.getItem(STORAGE_KEY)) || {};
      state.drawings = (kept.drawings || []).filter(isDrawing).slice(0, MOST_DRAWINGS);
      state.strokes = (kept.strokes || []).filter(isStroke);
      state.shots = kept.shots >= 1 && kept.shots < state.drawings.length ? Math.floor(kept.shots) : null;
    } catch { /* nothing was kept, or nothing that can be read */ }
  }

  // The pad --------------------------------------------------------------------------------------------------------

  function paintPad() {
    const side = Math.round(paper.clientWidth * (window.devicePixelRatio || 1)) || PAD_SIDE;
    if (paper.width !== side) paper.width = paper.height = side;
    const context = paper.getContext("2d");
    context.setTransform(side / PAD_SIDE, 0, 0, side / PAD_SIDE, 0, 0);
    context.clearRect(0, 0, PAD_SIDE, PAD_SIDE);
    context.strokeStyle = getComputedStyle(root).getPropertyValue("--ink");
    context.lineWidth = STROKE_WIDTH;
    context.lineCap = context.lineJoin = "round";
    for (const stroke of state.strokes) {
      context.beginPath();
      context.moveTo(...stroke[0]);
      for (const point of stroke) context.lineTo(...point);
      context.stroke();
    }
    root.classList.toggle("has-strokes", state.strokes.length > 0);
  }

  async function preview(drawing) {
    const answer = await Promise.resolve(server.preview(drawing)).catch(() => null);
    return answer || { error: "The server did not answer. Your drawings are safe; please try again." };
  }

  // Forgets what was seen of the old strokes and asks for the new.
  function strokesChanged() {
    paintPad();
    keep();
    edited();
    for (const name of ["undo", "clear", "add"]) $(`[data-do=${name}]`).disabled = !state.strokes.length;
    const asked = seen = state.strokes.length ? preview({ strokes: state.strokes }) : null;
    if (!asked) paintBits($(".pad-preview"), null);
    else asked.then((answer) => seen === asked && answer.pixels && paintBits($(".pad-preview"), answer.pixels));
  }

  function pointOf(event) {
    const box = paper.getBoundingClientRect();
    const inside = (v) => Math.round(Math.min(Math.max(v, 0), 1) * PAD_SIDE * 10) / 10;
    return [inside((event.clientX - box.left) / box.width), inside((event.clientY - box.top) / box.height)];
  }

  function penDown(event) {
    if (event.button !== 0 || !event.isPrimary) return;
    event.preventDefault();
    paper.setPointerCapture(event.pointerId);
    const stroke = [pointOf(event)];
    state.strokes.push(stroke);
    sayIfUnread();
    paintPad();
    edited();
    const move = (event) => {
      const events = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
      for (const one of events.length ? events : [event]) stroke.push(pointOf(one));
      paintPad();
      edited();
    };
    const end = () => {
      paper.removeEventListener("pointermove", move);
      paper.removeEventListener("lostpointercapture", end);
      strokesChanged();
    };
    paper.addEventListener("pointermove", move);
    paper.addEventListener("lostpointercapture", end);  // also follows pointerup and pointercancel
  }

  // The tray -------------------------------------------------------------------------------------------------------

  function trayChanged() {
    const count = state.drawings.length;
    if (state.shots >= count) state.shots = null;
    tray.replaceChildren(...Array.from({ length: MOST_DRAWINGS }, (_, i) => i < count ? thumbnail(i) : emptySlot()));
    $(".pad-count").textContent = `${count} of ${MOST_DRAWINGS}`;
    $("[data-do=empty]").disabled = !count;
    const choices = [["", count ? `all ${count}` : "all"]];
    for (let n = 1; n < count; n++) choices.push([n, n === 1 ? "only the first" : `the first ${n}`]);
    shotsMenu.replaceChildren(...choices.map(([n, text]) => new Option(text, n)));
    shotsMenu.value = state.shots || "";
    shotsMenu.disabled = count < 2;
    keep();
    changed(value());
    edited();
  }

  function emptySlot() {
    const slot = document.createElement("li");
    slot.className = "slot";
    slot.setAttribute("aria-hidden", "true");
    return slot;
  }

  function thumbnail(i) {
    const item = document.createElement("li");
    const unused = state.shots !== null && i >= state.shots;
    item.className = unused ? "thumb unused" : "thumb";
    item.tabIndex = 0;
    item.draggable = true;
    item.setAttribute("aria-label", `Drawing ${i + 1} of ${state.drawings.length}${unused ? ", not used" : ""}. ` +
      "Left and right arrow move it, Delete removes it.");
    item.innerHTML = '<canvas width="26" height="26"></canvas>' +
      tool("remove", `Remove drawing ${i + 1}`, "M7 7l10 10M17 7 7 17") +
      tool("left", `Move drawing ${i + 1} left`, "M14 6l-6 6 6 6") +
      tool("right", `Move drawing ${i + 1} right`, "M10 6l6 6-6 6");
    paintBits(item.querySelector("canvas"), state.drawings[i]);
    item.querySelector(".tool-left").disabled = i === 0;
    item.querySelector(".tool-right").disabled = i === state.drawings.length - 1;
    const away = () => remove(i), left = () => move(i, i - 1), right = () => move(i, i + 1);
    const tools = { ".tool-remove": away, ".tool-left": left, ".tool-right": right };
    for (const [selector, action] of Object.entries(tools)) item.querySelector(selector).onclick = action;
    const keys = { Delete: away, Backspace: away, ArrowLeft: left, ArrowRight: right };
    item.onkeydown = (event) => {
      if (event.target !== item || !keys[event.key]) return;
      event.preventDefault();
      keys[event.key]();
    };
    item.ondragstart = (event) => {
      event.dataTransfer.setData("application/x-drawing", i);
      event.dataTransfer.effectAllowed = "move";
    };
    item.ondragover = (event) => {
      if (event.dataTransfer.types.includes("application/x-drawing")) event.preventDefault();
    };
    item.ondrop = (event) => {
      const from = event.dataTransfer.getData("application/x-drawing");
      if (from === "") return;
      event.preventDefault();
      move(Number(from), i);
    };
    return item;
  }

  function tool(name, label, path) {
    return `<button type="button" class="tool tool-${name}" tabindex="-1" aria-label="${label}">` +
      `<svg viewBox="0 0 24 24"><path d="${path}"/></svg></button>`;
  }

  function move(from, to) {
    if (to < 0 || to >= state.drawings.length || from === to) return;
    state.drawings.splice(to, 0, ...state.drawings.splice(from, 1));
    trayChanged();
    tray.children[to].focus();
    say(`Moved to place ${to + 1}.`);
  }

  function remove(i) {
    replaceAll(state.drawings.filter((_, at) => at !== i), `Removed drawing ${i + 1}.`);
    (tray.querySelectorAll(".thumb")[Math.min(i, state.drawings.length - 1)] || tray).focus();
  }

  // What takes drawings away can be undone.
  function replaceAll(drawings, sentence) {
    const old = { drawings: state.drawings, shots: state.shots };
    state.drawings = drawings;
    state.shots = null;
    trayChanged();
    say(sentence, old.drawings.length > 0);
    before = old.drawings.length ? old : null;
  }

  function clear() {
    const old = { strokes: state.strokes };
    state.strokes = [];
    strokesChanged();
    say("Cleared the pad.", true);
    before = old;
  }

  function restore() {
    const { strokes = [], ...tray } = before;
    Object.assign(state, tray, { strokes: [...strokes, ...state.strokes] });
    trayChanged();
    strokesChanged();
    say("Your drawings are back.");
  }

  // False if the tray is full.
  function append(pixels) {
    if (state.drawings.length >= MOST_DRAWINGS) return false;
    state.drawings = [...state.drawings, pixels];
    trayChanged();
    return true;
  }

  // The drawing on the pad joins the tray; true if nothing is left on the pad.
  async function add() {
    if (!state.strokes.length) return true;
    const asked = seen || (seen = preview({ strokes: state.strokes })), added = [...state.strokes];
    const answer = await asked;
    if (asked !== seen) return false;  // the pad was drawn on meanwhile, or added by a second click
    if (answer.error) {
      seen = null;  // the next time, it may go better
      say(answer.error);
      return false;
    }
    if (!append(answer.pixels)) {
      say("A model reads at most eight drawings: remove one, then add this one.");
      return false;
    }
    state.strokes = state.strokes.filter((stroke) => !added.includes(stroke));  // the next one may have been begun
    strokesChanged();
    say(state.drawings.length === 1 ? "Added. Draw it once more, a little differently, or generate now." : "Added.");
    return true;
  }

  // Pictures -------------------------------------------------------------------------------------------------------

  async function upload(files) {
    const problems = [];
    let added = 0;
    for (const file of files) {
      say(`Reading ${file.name}…`);
      const problem = await uploadOne(file);
      if (problem) problems.push(`${file.name}: ${problem}`);
      else added++;
    }
    const count = added === 1 ? "Added one picture." : `Added ${added} pictures.`;
    say([added || !problems.length ? count : "", ...problems].filter(Boolean).join("\n"));
  }

  // Undefined, or a sentence that says why not.
  async function uploadOne(file) {
    const { picture, error } = await readFile(file);
    if (error) return error;
    const answer = await preview({ picture });
    if (answer.error) return answer.error;
    if (!append(answer.pixels)) return "A model reads at most eight drawings: remove one first.";
  }

  // Bits -----------------------------------------------------------------------------------------------------------

  // Paints 26x26 bits in ink on a clear canvas.
  function paintBits(canvas, pixels) {
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, SEEN_SIDE, SEEN_SIDE);
    if (!pixels) return;
    const bytes = Uint8Array.from(atob(pixels), (c) => c.charCodeAt(0));
    context.fillStyle = getComputedStyle(root).getPropertyValue("--ink");
    for (let i = 0; i < SEEN_SIDE * SEEN_SIDE; i++) {
      if (bytes[i >> 3] >> (7 - (i & 7)) & 1) context.fillRect(i % SEEN_SIDE, Math.floor(i / SEEN_SIDE), 1, 1);
    }
  }

  function repaint() {
    paintPad();
    tray.querySelectorAll(".thumb canvas").forEach((canvas, i) => paintBits(canvas, state.drawings[i]));
    root.querySelectorAll(".pad-set canvas").forEach((canvas) => paintBits(canvas, canvas.dataset.pixels));
    if (seen) seen.then((answer) => paintBits($(".pad-preview"), answer.pixels));
    paintBits($(".pad-drawn"), mirrored);
  }

  // Wiring ---------------------------------------------------------------------------------------------------------

  function setCard({ name, drawings }) {
    const card = document.createElement("button");
    card.type = "button";
    card.className = "pad-set";
    card.setAttribute("aria-label", `Use the ready-made set ${name}`);
    for (const pixels of drawings.slice(0, 4)) {
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = SEEN_SIDE;
      canvas.dataset.pixels = pixels;
      card.append(canvas);
    }
    const title = document.createElement("span");
    title.textContent = name;
    card.append(title);
    card.onclick = () => replaceAll([...drawings], `${name}: ${drawings.length} drawings. Generate shows how the machine draws one more.`);
    return card;
  }

  const actions = {
    undo: () => { state.strokes.pop(); strokesChanged(); },
    clear,
    add,
    empty: () => replaceAll([], "Removed all drawings."),
    restore,
    upload: () => $(".pad-files").click(),
  };
  for (const [name, action] of Object.entries(actions)) $(`[data-do=${name}]`).onclick = action;
  shotsMenu.onchange = () => {
    state.shots = Number(shotsMenu.value) || null;
    trayChanged();
    say("", before !== null);
  };
  $(".pad-files").onchange = async (event) => {
    await upload([...event.target.files]);
    event.target.value = "";
  };
  paper.addEventListener("pointerdown", penDown);
  document.addEventListener("keydown", (event) => {
    const ours = root.checkVisibility() && (event.target === document.body || root.contains(event.target));
    if (ours && (event.ctrlKey || event.metaKey) && event.key === "z" && (state.strokes.length || before)) {
      event.preventDefault();
      state.strokes.length ? actions.undo() : restore();
    }
  });
  acceptDrops(root, upload);
  new ResizeObserver(paintPad).observe(paper);
  new MutationObserver(repaint).observe(document.body, { attributeFilter: ["class"] });  // light and dark

  recall();
  $(".pad-sets").replaceChildren(...sets.map(setCard));
  trayChanged();
  strokesChanged();
  repaint();

  return {
    now,
    // The machine's drawing beside the one on the pad, for screens that do not show pad and player together.
    mirror(pixels) {
      mirrored = pixels;
      paintBits($(".pad-drawn"), mirrored);
    },
    // What Generate uses: the drawing on the pad counts too.
    async commit() {
      await add();
      return value();
    },
  };
}

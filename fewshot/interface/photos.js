// The photographs that a model reads, ready-made ones, and one of which the first rows are given. Knows nothing of Gradio.
//
// A photograph is a string: base64 of the side x side x 3 bytes that the model sees. Only the server makes those from a
// picture file, so that what is shown is what is read.
//
// createPhotos(root, {server, tasks, changed}):
//   server.preview_photo({task, picture: base64})  promises {pixels}, {error}, or nothing if no answer came
//   tasks                                          {task: {side, samples: [{name, photos: [pixels, ...]}, ...]}}
//   changed(value)                                 called with {photos: [{pixels}, ...], beginning} after each change

const PHOTOS_KEY = "fewshot-studio-photographs";
const FAINT = 60;  // opacity of what is not given, of 255
const PHOTO_TASKS = {
  mirror: {
    most: 1, read: 1,
    title: "Choose a photograph",
    upload: "Upload a photograph",
    or: "No photograph at hand? Take one of these",
    help: "The machine sees your photograph, and draws its <em>mirror image</em>, from the top left to the bottom right. " +
      "So its gaze has to go the other way: while it draws to the right, it must read to the left. <b>Orange</b> shows " +
      "where it looks; the line is the way that its gaze has come in this row. Whether it learnt that is up to the model: " +
      "one without attention has to remember the whole picture at once, and cannot.",
  },
  products: {
    most: 8, read: 3,
    title: "Choose one product, from up to eight sides",
    upload: "Upload photographs",
    or: "No product at hand? Take one of these",
    help: "The machine never saw this product before. It draws a new view of it, pixel by pixel, from the top left to " +
      "the bottom right. It has learnt to read three photographs, so one or two are repeated. <b>Orange</b> shows where " +
      "in them it looks. It is small and learnt from few products, and it fails: what it draws hardly looks like yours.",
  },
};

function createPhotos(root, { server, tasks, changed }) {
  const $ = (selector) => root.querySelector(selector);
  const tray = $(".photos-tray"), slider = $(".photos-beginning input");
  const states = {};  // by task: photos; the one whose beginning may be given, or null; how many rows of it are
  let task = null, text = null, side = 0;
  let before = null;  // the state before the last change that took something away

  const state = () => states[task];

  function say(sentence, undoable = false) {
    $(".photos-status [role=status]").textContent = sentence;
    $("[data-do=restore]").hidden = !undoable;
    if (!undoable) before = null;
  }

  // Pixels ---------------------------------------------------------------------------------------------------------

  function toBytes(pixels) {
    return Uint8Array.from(atob(pixels), (c) => c.charCodeAt(0));
  }

  // Paints a photograph, faintly after its first rows; all of it is clear if not said.
  function paint(canvas, pixels, rows = side) {
    Object.assign(canvas, { width: side, height: side });
    if (!pixels) return;
    const bytes = toBytes(pixels), data = new ImageData(side, side);
    for (let i = 0; i < side * side; i++) {
      data.data.set([...bytes.subarray(3 * i, 3 * i + 3), i < rows * side ? 255 : FAINT], 4 * i);
    }
    canvas.getContext("2d").putImageData(data, 0, 0);
  }

  function mirrored(pixels) {
    const bytes = toBytes(pixels), turned = new Uint8Array(bytes.length);
    for (let row = 0; row < side; row++) {
      for (let x = 0; x < side; x++) {
        const from = 3 * (row * side + side - 1 - x);
        turned.set(bytes.subarray(from, from + 3), 3 * (row * side + x));
      }
    }
    return btoa(String.fromCharCode(...turned));
  }

  // State ----------------------------------------------------------------------------------------------------------

  // What may be begun with: what was chosen for it, else, of a photograph that is to be mirrored, what comes out.
  function beginning() {
    const { begin, photos } = state();
    return begin || (task === "mirror" && photos.length ? mirrored(photos[0]) : null);
  }

  function value() {
    if (!task) return { photos: [], beginning: null };
    const pixels = beginning(), { rows } = state();
    return {
      photos: state().photos.map((pixels) => ({ pixels })),
      beginning: pixels && rows ? { pixels, rows } : null,
    };
  }

  function recall() {
    let kept = {};
    try {
      kept = JSON.parse(localStorage.getItem(PHOTOS_KEY)) || {};
    } catch { /* nothing was kept, or nothing that can be read */ }
    for (const [name, { side }] of Object.entries(tasks)) {
      const length = 4 * side * side;  // of 3 bytes a pixel in base64
      const isPhoto = (p) => typeof p === "string" && p.length === length && /^[A-Za-z0-9+/]+$/.test(p);
      const { photos, begin, rows } = kept[name] || {};
      states[name] = {
        photos: (Array.isArray(photos) ? photos : []).filter(isPhoto).slice(0, PHOTO_TASKS[name].most),
        begin: isPhoto(begin) ? begin : null,
        rows: Number.isInteger(rows) && rows >= 0 && rows < side ? rows : 0,
      };
    }
  }

  function stateChanged() {
    paintTray();
    paintBeginning();
    try {
      localStorage.setItem(PHOTOS_KEY, JSON.stringify(states));
    } catch { /* storage is full or forbidden: the photographs then live as long as the page */ }
    changed(value());
  }

  // A change can be undone if it takes photographs away.
  function replace(change, sentence) {
    const old = { ...state() };
    Object.assign(state(), change);
    const { photos, begin } = state(), lost = old.photos.some((photo) => !photos.includes(photo));
    const undoable = lost || (old.begin !== null && old.begin !== begin);
    stateChanged();
    say(sentence, undoable);
    before = undoable ? old : null;
  }

  // The tray -------------------------------------------------------------------------------------------------------

  function paintTray() {
    const { photos } = state(), slots = text.most === 1 ? 1 : Math.max(4, photos.length);
    tray.classList.toggle("is-single", text.most === 1);
    tray.replaceChildren(...Array.from({ length: slots }, (_, i) => i < photos.length ? thumbnail(i) : emptySlot(i)));
    $("[data-do=empty]").hidden = photos.length < 2;
  }

  function emptySlot(i) {
    const slot = document.createElement("li");
    slot.className = i < text.read ? "slot" : "slot is-optional";
    slot.setAttribute("aria-hidden", "true");
    return slot;
  }

  function thumbnail(i) {
    const item = document.createElement("li");
    item.className = "photo";
    item.tabIndex = 0;
    item.setAttribute("aria-label", `Photograph ${i + 1} of ${state().photos.length}. Delete removes it.`);
    item.innerHTML = "<canvas></canvas>" +
      `<button type="button" class="tool" tabindex="-1" aria-label="Remove photograph ${i + 1}">` +
      '<svg viewBox="0 0 24 24"><path d="M7 7l10 10M17 7 7 17"/></svg></button>';
    paint(item.querySelector("canvas"), state().photos[i]);
    const away = () => {
      replace({ photos: state().photos.filter((_, at) => at !== i) }, `Removed photograph ${i + 1}.`);
      (tray.children[Math.min(i, state().photos.length - 1)] || tray).focus();
    };
    item.querySelector("button").onclick = away;
    item.onkeydown = (event) => {
      if (event.target !== item || !["Delete", "Backspace"].includes(event.key)) return;
      event.preventDefault();
      away();
    };
    return item;
  }

  function sample({ name, photos }) {
    const card = document.createElement("button");
    card.type = "button";
    card.className = "photos-sample";
    card.setAttribute("aria-label", `Use the ready-made ${name}`);
    for (const pixels of photos.slice(0, text.read)) {
      const canvas = document.createElement("canvas");
      paint(canvas, pixels);
      card.append(canvas);
    }
    const title = document.createElement("span");
    title.textContent = name;
    card.append(title);
    card.onclick = () => take({ name, photos });
    return card;
  }

  // What a ready-made set has more than is read can be begun with.
  function take({ name, photos }) {
    replace({ photos: photos.slice(0, text.read), begin: photos[text.read] || null }, `${name}: press Generate.`);
  }

  // The beginning --------------------------------------------------------------------------------------------------

  function paintBeginning() {
    const pixels = beginning(), { begin, rows } = state();
    slider.max = side - 1;
    slider.value = rows;
    slider.disabled = !pixels;
    paint($(".photos-beginning canvas"), pixels, rows);
    $(".photos-rows").textContent = !pixels || !rows ? "no row is given" :
      `the first ${rows === 1 ? "row" : `${rows} rows`} of ${side} ${rows === 1 ? "is" : "are"} given`;
    $(".photos-whose").textContent = begin ? "of this photograph; the model draws the rest" :
      pixels ? "of the mirror image; the model draws the rest" : "of a photograph of yours, which the model then completes";
    $("[data-do=unbegin]").hidden = !begin;
  }

  // Uploads --------------------------------------------------------------------------------------------------------

  // The pixels of a file, as {pixels}, or {error} with a sentence.
  async function read(file) {
    const { picture, error } = await readFile(file);
    if (error) return { error };
    const answer = await Promise.resolve(server.preview_photo({ task, picture })).catch(() => null);
    return answer || { error: "The server did not answer. Your photographs are safe; please try again." };
  }

  async function upload(files) {
    const problems = [], asked = task;
    let added = 0;
    for (const file of files) {
      say(`Reading ${file.name}…`);
      const answer = await read(file);
      if (task !== asked) return;  // the user went elsewhere meanwhile
      if (!answer.error && text.most === 1) return replace({ photos: [answer.pixels], begin: null }, "Added one photograph.");
      if (!answer.error && state().photos.length >= text.most) {
        answer.error = "A model reads at most eight photographs: remove one first.";
      }
      if (answer.error) {
        problems.push(`${file.name}: ${answer.error}`);
        continue;
      }
      state().photos = [...state().photos, answer.pixels];
      added++;
      stateChanged();
    }
    const count = added === 1 ? "Added one photograph." : `Added ${added} photographs.`;
    say([added || !problems.length ? count : "", ...problems].filter(Boolean).join("\n"));
  }

  async function beginWith(file) {
    const asked = task, answer = await read(file);
    if (task !== asked) return;
    if (answer.error) return say(`${file.name}: ${answer.error}`);
    replace({ begin: answer.pixels, rows: state().rows || Math.round(side / 2) }, "The machine will complete it.");
  }

  // Wiring ---------------------------------------------------------------------------------------------------------

  // Shows the photographs of a task, a ready-made one where there are none. Nothing for a task that has none.
  function turn(to) {
    task = tasks[to] ? to : null;
    if (!task) return;
    ({ [task]: text } = PHOTO_TASKS);
    ({ side } = tasks[task]);
    $(".photos-title").textContent = text.title;
    $("[data-do=upload] span").textContent = text.upload;
    $(".photos-files").multiple = text.most > 1;
    $(".photos-or").textContent = text.or;
    $(".photos-help").innerHTML = text.help;
    $(".photos-samples").replaceChildren(...tasks[task].samples.map(sample));
    $(".photos-samples").style.setProperty("--read", text.read);
    if (!state().photos.length && !state().begin && tasks[task].samples.length) take(tasks[task].samples[0]);
    stateChanged();
    say("");
  }

  const actions = {
    upload: () => $(".photos-files").click(),
    empty: () => replace({ photos: [] }, "Removed all photographs."),
    restore: () => {
      states[task] = before;
      stateChanged();
      say("Your photographs are back.");
    },
    begin: () => $(".photos-begin-file").click(),
    unbegin: () => replace({ begin: null, rows: 0 }, "Removed what the machine was to complete."),
  };
  for (const [name, action] of Object.entries(actions)) $(`[data-do=${name}]`).onclick = action;
  $(".photos-files").onchange = async (event) => {
    await upload([...event.target.files]);
    event.target.value = "";
  };
  $(".photos-begin-file").onchange = async (event) => {
    if (event.target.files.length) await beginWith(event.target.files[0]);
    event.target.value = "";
  };
  slider.oninput = () => {
    state().rows = Number(slider.value);
    stateChanged();
  };
  acceptDrops(root, (files) => upload(files.slice(0, text.most === 1 ? 1 : undefined)));

  recall();
  return { turn, value };
}

// The player: a picture that grows pixel by pixel, and what each pixel read. Knows nothing of Gradio.
//
// createPlayer(root, {influence}) returns {absorb(chunk), show(chunk), expect(), stop(), wait(for)}. The format of a
// chunk is described in payload.py; one with "error" instead of data holds a sentence to show. A chunk of a new id
// starts a new picture; all others add their rows to the one that is shown, so rows may come one by one, all at once,
// or twice. `show` is for pictures that follow each other while the user draws: each takes the place of the last one in
// full, and whatever the user points at, locked or chose stays. `influence(wish)` promises what each support pixel does
// to one pixel, in the format of payload.py, or {error: sentence}, or {busy: true}, for models that read supports
// without attention.

const NOTES = {  // by kind, of "drawings" or "photographs"
  pixelcnn: (pictures) => `PixelCNN reads none of your ${pictures}. All it knows is what it was trained on, and the ` +
    "pixels that it has drawn so far. So there is no heatmap to show.",
  conditional: (pictures) => `Conditional PixelCNN sums up your ${pictures} in one vector and reads that same vector ` +
    "at every pixel. It has no attention.",
  meta: (pictures) => `Meta PixelCNN has no attention. Your ${pictures} changed its weights before it drew the first ` +
    "pixel; while it draws, it sees them no more.",
};
const VIEWS = {  // by channels: the two views, the second of what a pixel's chance says
  1: ["drawing", "chance of ink"],
  3: ["picture", "surprise"],
};
const MOST_SURPRISE = 3 * Math.log(256);  // nats of a pixel in colour, if all colours were as likely
const MANY_PIXELS = 900, FASTER = "400";  // pixels of a picture from which it is shown faster at first
const INFLUENTIAL = ["conditional", "meta"];  // kinds that read supports, but have no attention to show for it
const REST = 120, BUSY = 400;  // milliseconds that a pixel is looked at before its influence is asked for, and asked again
const STRONG = 4;  // times what each place would have, if all were read alike, is at least what has the full colour
const HEAT_FADES = 90;  // milliseconds; while it plays, heat fades like an afterglow instead of flickering
const SAVED = 20;  // pixels of a saved picture for each of its own
const SLOW = 12;  // pixels/s up to which each pixel is shown exactly

function createPlayer(root, { influence }) {
  const $ = (selector) => root.querySelector(selector);
  const reducedMotion = window.matchMedia("(prefers-reduced-motion: reduce)");
  const noHover = window.matchMedia("(hover: none)");
  let run = null;  // what was received of the run that is shown
  let position = 0;  // pixels drawn on the screen; a fraction while it plays
  let playing = false, drawing = false;  // on the screen; on the server
  let hovered = null, locked = null;  // index of a pixel
  let head = "mean", scale = "own", view = "ink";
  let speedChosen = false;  // by the user
  let glow = null;  // the heat on the screen, [S * H' * W']

  // Receiving ------------------------------------------------------------------------------------------------------

  let received = Promise.resolve();  // chunks are unpacked one after the other
  function absorb(chunk) {
    if (chunk) received = received.then(() => receive(chunk)).catch((e) => fail(`The picture cannot be shown: ${e}`));
    return received;
  }

  const show = (chunk) => absorb({ ...chunk, live: true });

  async function receive(chunk) {
    if (chunk.error) return chunk.live ? say(chunk.error) : fail(chunk.error);
    if (run && run.id === chunk.id && chunk.rows <= run.rows) return;  // Gradio sends the last chunk twice
    const bytes = await inflate(chunk.file ? await fetchFile(chunk.file) : fromBase64(chunk.data));
    if (!run || run.id !== chunk.id) begin(chunk);
    copyRows(chunk, bytes);
    run.rows = Math.max(run.rows, chunk.rows);
    drawing = run.rows < run.height;
    if (!drawing) say(`${whatIsShown()} ${whatToDo()}`);
    if ((reducedMotion.matches || run.live) && !playing) position = available();
    paint();
  }

  function whatIsShown() {
    if (run.example) return `An example, from ${run.shots} drawings of “${run.example}”.`;
    return run.live ? "Drawn along with you. Play shows how." : "All rows are drawn.";
  }

  function whatToDo() {
    const shown = run.heads ? "what it read" : hasInfluence() ? "what moves it" : "how likely it was";
    return noHover.matches ? `Tap a pixel to see ${shown}.` : `Point at a pixel to see ${shown}; a click locks it.`;
  }

  function begin(chunk) {
    const pixels = chunk.height * chunk.width, { heads, shots } = chunk, places = chunk.grid[0] * chunk.grid[1];
    run = {
      ...chunk, rows: 0, pixels, places,
      image: new Uint8Array(pixels * chunk.channels),
      chance: new Float32Array(pixels),
      before: new Float32Array(chunk.support_nats && chunk.channels === 1 ? pixels : 0),
      influences: new Map(),
      largest: new Float32Array(pixels * heads),
      shares: new Float32Array(pixels * heads * shots),
      weights: new Uint8Array(pixels * heads * shots * places),
    };
    glow = new Float32Array(shots * places);
    if (Number(head) >= heads) head = "mean";
    if (!speedChosen) $(".player-speed").value = pixels < MANY_PIXELS ? "100" : FASTER;
    layOut();
    playing = false;
    if (run.live) return;
    position = 0;
    hovered = locked = null;
    if (!reducedMotion.matches) play();
    say(`${run.title} is drawing…`);
  }

  // The arrays come in the order that payload.py gives; start and n count pixels.
  function copyRows(chunk, bytes) {
    const start = chunk.start * run.width, n = (chunk.rows - chunk.start) * run.width;
    const { heads, shots, places } = run;
    let offset = 0;
    const take = (target, perPixel) => {
      const size = n * perPixel * target.BYTES_PER_ELEMENT;
      target.set(new target.constructor(bytes.slice(offset, offset + size)), start * perPixel);
      offset += size;
    };
    take(run.chance, 1);
    if (run.before.length) take(run.before, 1);
    if (heads) {
      take(run.largest, heads);
      take(run.shares, heads * shots);
      take(run.weights, heads * shots * places);
    }
    take(run.image, run.channels);
  }

  async function fetchFile(path) {
    const answer = await fetch(new URL(path, document.baseURI));
    if (!answer.ok) throw new Error("a part of it is gone");
    return answer.arrayBuffer();
  }

  function fromBase64(text) {
    return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  }

  function inflate(bytes) {
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).arrayBuffer();
  }

  function bits(text, count) {
    const bytes = fromBase64(text);
    return Uint8Array.from({ length: count }, (_, i) => bytes[i >> 3] >> (7 - (i & 7)) & 1);
  }

  // State ----------------------------------------------------------------------------------------------------------

  const available = () => run ? run.rows * run.width : 0;
  const drawn = () => Math.floor(position);

  // The pixel that the right side tells about: the locked one, the one under the pointer, the last one drawn; in a
  // finished character, whose last one is hardly ever of interest, the last one of ink.
  function inspected() {
    if (locked !== null) return locked;
    if (hovered !== null && hovered < drawn()) return hovered;
    const finished = run.channels === 1 && drawn() === run.pixels;
    return finished && run.image.includes(1) ? run.image.lastIndexOf(1) : drawn() - 1;
  }

  function say(sentence, isError = false) {
    const status = $(".player-status");
    if (status.textContent !== sentence) status.textContent = sentence;
    status.classList.toggle("is-error", isError);
  }

  function fail(sentence) {
    drawing = false;
    say(sentence, true);
  }

  function expect() {
    drawing = true;
    wait(false);
    say("Waiting for the first row…");
    const { top, bottom } = $(".player-frame").getBoundingClientRect(), middle = (top + bottom) / 2;
    const inSight = middle > 0 && middle < window.innerHeight;  // then nothing more than needed moves
    (!inSight ? root : top < 0 ? $(".player-frame") : $(".player-transport")).scrollIntoView({
      block: inSight ? "nearest" : "start", behavior: reducedMotion.matches ? "auto" : "smooth",
    });
  }

  // While a picture that follows the user's hand takes long, the old one is marked as such.
  function wait(isLong) {
    root.classList.toggle("is-behind", isLong);
  }

  // No more rows will come; those that came may still be unpacking.
  function stop() {
    received = received.then(() => {
      if (drawing) say(run && run.rows < run.height ? `Stopped after ${run.rows} of ${run.height} rows.` : "Stopped.");
      drawing = false;
    });
  }

  // Playback -------------------------------------------------------------------------------------------------------

  let lastFrame = 0;
  function frame(now) {
    const elapsed = Math.min(now - lastFrame, 100);
    lastFrame = now;
    if (playing) {
      position = Math.min(position + elapsed / 1000 * speed(), available());
      if (position >= run.pixels || (position >= available() && !drawing)) playing = false;
    }
    paint(elapsed);
    if (playing) requestAnimationFrame(frame);
  }

  const speed = () => Number($(".player-speed").value);

  function play() {
    if (!run) return;
    if (drawn() >= available() && !drawing) position = 0;
    if (!playing) {
      playing = true;
      lastFrame = performance.now();
      requestAnimationFrame(frame);
    }
    paint();
  }

  function go(to) {
    playing = false;
    position = Math.max(0, Math.min(to, available()));
    paint();
  }

  const actions = {
    toggle: () => playing ? go(drawn()) : play(),
    replay: () => { position = 0; play(); },
    pixelBack: () => go(drawn() - 1),
    pixelForward: () => go(drawn() + 1),
    rowBack: () => go((Math.ceil(drawn() / run.width) - 1) * run.width),
    rowForward: () => go((Math.floor(drawn() / run.width) + 1) * run.width),
    start: () => go(0),
    end: () => go(available()),
    unlock: () => lock(null),
    save,
  };

  // The picture as it is on the screen, as a file; what is not drawn yet is clear.
  function save() {
    const picture = document.createElement("canvas"), link = document.createElement("a");
    const side = { width: run.width * SAVED, height: run.height * SAVED };
    const context = Object.assign(picture, side).getContext("2d");
    context.imageSmoothingEnabled = false;
    context.drawImage($(".player-canvas"), 0, 0, side.width, side.height);
    link.href = picture.toDataURL();
    link.download = `${run.model}-seed-${run.seed}.png`;
    link.click();
  }

  function lock(pixel) {
    locked = pixel === locked ? null : pixel;
    paint();
  }

  // Attention ------------------------------------------------------------------------------------------------------

  const chosenHeads = () => head === "mean" ? Array.from({ length: run.heads }, (_, i) => i) : [Number(head)];

  // The weights [S * H' * W'] with which a pixel read, for the chosen head or the mean of all.
  function attentionOf(pixel) {
    const size = run.shots * run.places, attention = new Float32Array(size), heads = chosenHeads();
    for (const one of heads) {
      const row = pixel * run.heads + one, unit = run.largest[row] / 255 / heads.length;
      for (let i = 0; i < size; i++) attention[i] += run.weights[row * size + i] * unit;
    }
    return attention;
  }

  // The share [S] of the attention that each support has; what is missing to 1 read nothing.
  function sharesOf(pixel) {
    const shares = new Float32Array(run.shots), heads = chosenHeads();
    for (const one of heads) {
      const row = pixel * run.heads + one;
      for (let s = 0; s < run.shots; s++) shares[s] += run.shares[row * run.shots + s] / heads.length;
    }
    return shares;
  }

  // The weight that has the full colour: the largest of this pixel, or of all pixels and heads so far; but so much that
  // who reads all places alike is pale.
  function fullColour(attention) {
    const pale = STRONG / (run.shots * run.places);
    return (scale === "own" ? attention : run.largest).reduce((a, b) => Math.max(a, b), pale);
  }

  // Painting -------------------------------------------------------------------------------------------------------

  function percent(x) {
    if (x > 0 && x < 0.001) return "< 0.1 %";
    if (x > 0.999 && x < 1) return "> 99.9 %";
    return `${(100 * x).toFixed(x > 0 && x < 0.01 || x > 0.99 && x < 1 ? 1 : 0)} %`;
  }

  function colour(name) {
    const hex = getComputedStyle(root).getPropertyValue(name).trim();
    return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  }

  // Paints a picture of width x height, whose colour and opacity at i is paint(i) = [r, g, b, a].
  function paintCanvas(canvas, width, height, paintAt) {
    const data = new ImageData(width, height);
    for (let i = 0; i < width * height; i++) data.data.set(paintAt(i), 4 * i);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    canvas.getContext("2d").putImageData(data, 0, 0);
  }

  function paint(elapsed = Infinity) {
    if (!run) return;
    paintPicture();
    paintTransport();
    paintPixel(elapsed);
  }

  function paintPicture() {
    const paper = colour("--paper"), ink = colour("--ink"), count = drawn();
    const mix = (p) => [...paper.map((c, k) => c + (ink[k] - c) * p), 255];
    const asDrawn = run.channels === 3 ? rgb : (i) => mix(run.image[i]);
    const asChance = run.channels === 3 ? (i) => mix(surprise(i) / MOST_SURPRISE) : (i) => mix(run.chance[i]);
    const shown = view === "ink" ? asDrawn : asChance;
    paintCanvas($(".player-canvas"), run.width, run.height, (i) => i >= count ? [0, 0, 0, 0] : shown(i));
    mark($(".player-current"), count - 1, count > 0 && count < run.pixels);
    mark($(".player-inspected"), inspected(), locked !== null || inspected() !== count - 1);
    $(".player-inspected").classList.toggle("is-locked", locked !== null);
    $(".player-canvas").setAttribute("aria-label",
      `The picture, ${count} of ${run.pixels} pixels drawn. Arrow keys step, space plays, a click locks a pixel.`);
  }

  const hasInfluence = () => INFLUENTIAL.includes(run.kind) && run.channels === 1;

  const rgb = (i) => [...run.image.subarray(3 * i, 3 * i + 3), 255];

  // What a pixel in colour cost, in nats.
  const surprise = (i) => Math.min(-Math.log(run.chance[i]), MOST_SURPRISE);

  function mark(element, pixel, visible) {
    element.hidden = !visible;
    element.style.left = `${100 * (pixel % run.width) / run.width}%`;
    element.style.top = `${100 * Math.floor(pixel / run.width) / run.height}%`;
  }

  function paintTransport() {
    const scrub = $(".player-scrub"), button = $("[data-do=toggle]");
    scrub.max = run.pixels;
    scrub.value = drawn();
    scrub.style.setProperty("--done", `${100 * drawn() / run.pixels}%`);
    scrub.style.setProperty("--ready", `${100 * available() / run.pixels}%`);
    scrub.setAttribute("aria-valuetext", `${drawn()} of ${run.pixels} pixels`);
    root.classList.toggle("is-playing", playing);
    button.setAttribute("aria-label", playing ? "Pause" : "Play");
    const atStart = drawn() === 0, atEnd = drawn() >= available();
    for (const name of ["rowBack", "pixelBack"]) $(`[data-do=${name}]`).disabled = atStart;
    for (const name of ["rowForward", "pixelForward"]) $(`[data-do=${name}]`).disabled = atEnd;
  }

  function paintPixel(elapsed) {
    const pixel = inspected(), known = pixel >= 0 && pixel < available();
    root.classList.toggle("is-locked", locked !== null);
    const row = Math.floor(pixel / run.width) + 1, column = pixel % run.width + 1;
    $(".player-place").textContent = known ? `Row ${row}, column ${column}: ${content(pixel)}` : "Nothing drawn yet";
    if (run.channels === 3) {
      $(".player-chance span").textContent = known ? `surprise ${surprise(pixel).toFixed(1)} nats` : "surprise –";
      $(".player-chance b").style.width = known ? `${100 * surprise(pixel) / MOST_SURPRISE}%` : 0;
    } else {
      $(".player-chance span").textContent = known ? `chance of ink ${percent(run.chance[pixel])}` : "chance of ink –";
      $(".player-chance b").style.width = known ? `${100 * run.chance[pixel]}%` : 0;
    }
    if (run.before.length) {
      $(".player-before span").textContent = known ? `without steps ${percent(run.before[pixel])}` : "without steps –";
      $(".player-before b").style.width = known ? `${100 * run.before[pixel]}%` : 0;
    }
    if (run.heads) paintAttention(known ? pixel : null, elapsed);
    if (hasInfluence()) paintInfluence(known && !playing ? pixel : null);
  }

  function content(pixel) {
    if (run.channels === 1) return run.image[pixel] ? "ink" : "paper";
    return "#" + [...rgb(pixel).slice(0, 3)].map((level) => level.toString(16).padStart(2, "0")).join("");
  }

  // Influence ------------------------------------------------------------------------------------------------------

  let asking = false, rested = 0;  // whether an answer is under way; a timer

  // The maps that are known are shown; what is not known yet is asked for when the eye rests.
  function paintInfluence(pixel) {
    const map = run.influences.get(pixel), size = run.pixels;
    const heat = colour("--heat"), cold = colour("--cold");
    $(".player-tiles").querySelectorAll(".tile").forEach((tile, s) => {
      paintCanvas(tile.querySelector(".tile-heat"), run.width, run.height, (i) => {
        const value = map ? map.maps[s * size + i] / 127 : 0;
        return [...(value > 0 ? heat : cold), 255 * Math.abs(value)];
      });
    });
    $(".player-influence").classList.toggle("is-waiting", pixel !== null && !map);
    $(".player-largest").textContent = map ? `full colour: ${map.largest.toPrecision(2)} of the logit per pixel` : "";
    clearTimeout(rested);
    if (pixel !== null && !map && run.rows === run.height) rested = setTimeout(() => askInfluence(run, pixel), REST);
  }

  async function askInfluence(of, pixel) {
    if (asking) return;
    asking = true;
    const answer = await Promise.resolve(influence({
      model: of.model, supports: of.supports, shots: of.shots, image: toBits(of.image),
      row: Math.floor(pixel / of.width), column: pixel % of.width,
      inner_steps: of.support_nats ? of.support_nats.length - 1 : null,
    })).catch(() => null);
    asking = false;
    if (answer && answer.maps) of.influences.set(pixel, { ...answer, maps: new Int8Array(fromBase64(answer.maps).buffer) });
    if (answer && answer.error) return say(answer.error, true);
    if (answer && answer.busy) await new Promise((resolve) => setTimeout(resolve, BUSY));
    if (answer) paint();
  }

  function toBits(image) {
    const bytes = new Uint8Array(Math.ceil(image.length / 8));
    image.forEach((ink, i) => { bytes[i >> 3] |= ink << (7 - (i & 7)); });
    return btoa(String.fromCharCode(...bytes));
  }

  // The supports' NLL before the first inner step and after each, as bars.
  function layOutSteps() {
    const nats = run.support_nats || [], largest = Math.max(...nats, 1e-9);
    $(".player-steps ol").replaceChildren(...nats.map((value, step) => {
      const item = document.createElement("li");
      item.innerHTML = '<span></span><i class="bar"><b></b></i><output></output>';
      item.querySelector("span").textContent = step === 0 ? "before" : step === 1 ? "after 1 step" : `after ${step} steps`;
      item.querySelector("b").style.width = `${100 * value / largest}%`;
      item.querySelector("output").textContent = value.toFixed(4).replace(/^0/, "");
      return item;
    }));
  }

  function paintAttention(pixel, elapsed) {
    const known = pixel !== null;
    const attention = known ? attentionOf(pixel) : new Float32Array(glow.length);
    const shares = known ? sharesOf(pixel) : new Float32Array(run.shots);
    const full = fullColour(attention), heat = colour("--heat");
    const follow = playing && pixel === drawn() - 1 && speed() > SLOW ? 1 - Math.exp(-elapsed / HEAT_FADES) : 1;
    for (let i = 0; i < glow.length; i++) glow[i] += (attention[i] / full - glow[i]) * follow;
    $(".player-tiles").querySelectorAll(".tile").forEach((tile, s) => {
      const from = s * run.places;
      paintCanvas(tile.querySelector(".tile-heat"), run.grid[1], run.grid[0], (i) => [...heat, 255 * glow[from + i]]);
      showShare(tile, shares[s]);
    });
    if (run.task === "mirror") paintGaze(pixel);
    showShare($(".player-nothing"), known ? Math.max(0, 1 - shares.reduce((a, b) => a + b, 0)) : 0);
    $(".player-legend output").textContent = known ? percent(full) : "";
  }

  // The place that a pixel read most, [x, y] in pixels of its support; null if it read nothing.
  function gazeOf(pixel) {
    const attention = attentionOf(pixel), most = attention.indexOf(attention.reduce((a, b) => Math.max(a, b), 0));
    const cell = [run.width / run.grid[1], run.height / run.grid[0]];
    return attention[most] > 0 ? [(most % run.grid[1] + 0.5) * cell[0], (Math.floor(most / run.grid[1]) + 0.5) * cell[1]] : null;
  }

  // The way that the gaze has come in this row, over the one support.
  function paintGaze(pixel) {
    const svg = $(".tile-gaze"), places = [];
    svg.toggleAttribute("hidden", pixel === null);
    if (pixel === null) return;
    for (let i = pixel - pixel % run.width; i <= pixel; i++) places.push(gazeOf(i));
    const way = places.filter(Boolean), last = places.at(-1);
    svg.setAttribute("viewBox", `0 0 ${run.width} ${run.height}`);
    svg.querySelector("polyline").setAttribute("points", way.map((place) => place.join()).join(" "));
    const dot = svg.querySelector("circle");
    dot.toggleAttribute("hidden", !last);
    if (last) ["cx", "cy"].forEach((name, i) => dot.setAttribute(name, last[i]));
  }

  function showShare(element, share) {
    element.querySelector("output").textContent = percent(share);
    element.querySelector("b").style.width = `${100 * share}%`;
  }

  // What changes only with the run: its facts, its tiles, its heads.
  function layOut() {
    const pictures = run.channels === 3 ? "photographs" : "drawings";
    const read = run.kind === "pixelcnn" ? [] : [run.shots === 1 ? `1 ${pictures.slice(0, -1)}` : `${run.shots} ${pictures}`];
    const steps = run.support_nats ? run.support_nats.length - 1 : null;
    if (steps !== null) read.push(steps === 1 ? "1 inner step" : `${steps} inner steps`);
    const facts = [run.title, ...read, `temperature\u00a0${run.temperature}`, `seed\u00a0${run.seed}`];
    if (run.given) facts.push(run.given === 1 ? "first row given" : `first ${run.given} rows given`);
    $(".player-facts").textContent = facts.join(" · ");
    const shown = run.kind === "pixelcnn" ? 0 : run.shots, tiles = $(".player-tiles"), heads = $(".player-heads");
    const inColour = run.channels === 3, ink = colour("--ink");
    const supports = inColour ? fromBase64(run.supports) : bits(run.supports, run.shots * run.pixels);
    const ofSupport = inColour ? (i) => [...supports.subarray(3 * i, 3 * i + 3), 255] : (i) => [...ink, 255 * supports[i]];
    tiles.style.setProperty("--columns", shown <= 1 ? 1 : shown <= 4 ? 2 : shown <= 6 ? 3 : 4);
    if (tiles.childElementCount !== shown) tiles.replaceChildren(...Array.from({ length: shown }, (_, s) => tile(s)));
    tiles.querySelectorAll(".tile-ink").forEach((canvas, s) =>
      paintCanvas(canvas, run.width, run.height, (i) => ofSupport(s * run.pixels + i)));
    $(".player-pictures").textContent = pictures;
    $(".player-note").textContent = NOTES[run.kind] ? NOTES[run.kind](pictures) : "";
    root.style.setProperty("--side", run.width);
    root.classList.toggle("in-colour", inColour);
    root.querySelectorAll(".tile-gaze").forEach((gaze) => gaze.toggleAttribute("hidden", run.task !== "mirror" || !run.heads));
    root.querySelectorAll("input[name=player-view] + span").forEach((label, i) => {
      label.textContent = VIEWS[run.channels][i];
    });
    root.classList.toggle("has-attention", run.heads > 0);
    root.classList.toggle("has-influence", hasInfluence());
    root.classList.toggle("has-before", run.before.length > 0);
    root.classList.toggle("has-steps", run.support_nats !== null);
    layOutSteps();
    if (heads.childElementCount === 1 + run.heads) return;  // what has the focus keeps it
    heads.replaceChildren(...["mean", ...Array(run.heads).keys()].map(headChoice));
  }

  function tile(index) {
    const element = document.createElement("figure");
    element.className = "tile";
    element.innerHTML = '<div><canvas class="tile-ink"></canvas><canvas class="tile-heat"></canvas>' +
      '<svg class="tile-gaze" hidden aria-hidden="true"><polyline></polyline><circle r="1"></circle></svg></div>' +
      `<figcaption><span>${index + 1}</span><i class="bar"><b></b></i><output></output></figcaption>`;
    return element;
  }

  function headChoice(name) {
    const label = document.createElement("label");
    label.innerHTML = `<input type="radio" name="player-head" value="${name}"><span></span>`;
    label.querySelector("span").textContent = name === "mean" ? "mean" : name + 1;
    label.querySelector("input").setAttribute("aria-label", name === "mean" ? "mean of all heads" : `head ${name + 1}`);
    label.querySelector("input").checked = String(name) === head;
    return label;
  }

  // Wiring ---------------------------------------------------------------------------------------------------------

  function pixelAt(event) {
    const box = $(".player-canvas").getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left) / box.width * run.width);
    const row = Math.floor((event.clientY - box.top) / box.height * run.height);
    const inside = column >= 0 && column < run.width && row >= 0 && row < run.height;
    return inside ? row * run.width + column : null;
  }

  function hover(pixel) {
    if (pixel === hovered) return;
    hovered = pixel;
    if (!playing) paint();
  }

  const keys = {
    " ": "toggle", ArrowLeft: "pixelBack", ArrowRight: "pixelForward", ArrowUp: "rowBack", ArrowDown: "rowForward",
    Home: "start", End: "end", Escape: "unlock",
  };

  // With the focus elsewhere, these keys scroll the page.
  function keyDown(event) {
    const target = event.target, action = keys[event.key];
    if (!action || !run || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (target.matches("select, input:not(.player-scrub)") && action !== "unlock") return;
    if (target.matches("button") && event.key === " ") return;
    event.preventDefault();
    actions[action]();
  }

  for (const button of root.querySelectorAll("[data-do]")) button.onclick = () => run && actions[button.dataset.do]();
  $(".player-speed").onchange = () => { speedChosen = true; };
  $(".player-scrub").oninput = (event) => go(Number(event.target.value));
  $(".player-canvas").onpointermove = (event) => run && event.pointerType === "mouse" && hover(pixelAt(event));
  $(".player-canvas").onpointerleave = () => hover(null);
  $(".player-canvas").onclick = (event) => {
    const pixel = run && pixelAt(event);
    if (run && pixel !== null && (pixel < drawn() || pixel === locked)) lock(pixel);
  };
  root.addEventListener("change", ({ target }) => {
    if (target.name === "player-head") head = target.value;
    if (target.name === "player-scale") scale = target.value;
    if (target.name === "player-view") view = target.value;
    paint();
  });
  root.addEventListener("keydown", keyDown);
  new MutationObserver(() => run && (layOut(), paint())).observe(document.body, { attributeFilter: ["class"] });

  return {
    absorb, show, expect, stop, wait,
    get state() { return { run, position: drawn(), playing, drawing, locked }; },
  };
}

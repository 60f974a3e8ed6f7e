// Picture files, from a dialog, dropped on a part of the page, or pasted.

/**
 * @param {File} file
 * @param {number} mostBytes
 * @returns {Promise<{picture: string} | {error: string}>} the file in base64, or a sentence that says why not
 */
export async function readFile(file, mostBytes) {
  if (file.size > mostBytes) {
    return { error: `The picture is larger than ${mostBytes / 1e6} MB: please make it smaller.` };
  }
  return new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => {
      const url = String(reader.result);
      resolve({ picture: url.slice(url.indexOf(",") + 1) });
    };
    reader.onerror = () => resolve({ error: "The file cannot be read." });
    reader.readAsDataURL(file);
  });
}

/** The last file that was given to the page: the next one waits for it. */
let last = /** @type {Promise<unknown>} */ (Promise.resolve());

/**
 * What `add` promises, when all earlier files of the page were added: a browser holds few connections to a server, and
 * many large pictures must not take them all from Generate.
 * @param {() => Promise<string | number>} add
 */
function inTurn(add) {
  const outcome = last.then(add);
  last = outcome.catch(() => {}); // whoever gave that file hears of it
  return outcome;
}

/**
 * Adds files one after the other, and says how it went. `add` promises how many things it added of a file, or a sentence
 * that says why none.
 * @param {File[]} files
 * @param {string} noun  one of them, in words
 * @param {(sentence: string) => void} say  tells of what was added
 * @param {(sentence: string) => void} mention  tells of all else
 * @param {(file: File) => Promise<string | number>} add
 * @param {() => boolean} wanted  false if the user went elsewhere meanwhile
 */
export async function addFiles(files, noun, say, mention, add, wanted = () => true) {
  const problems = [];
  let added = 0;
  for (const file of files) {
    mention(`Reading ${file.name}…`);
    const outcome = await inTurn(() => add(file));
    if (!wanted()) return;
    if (typeof outcome === "number") added += outcome;
    else problems.push(`${file.name}: ${outcome}`);
  }
  const count = added === 1 ? `Added one ${noun}.` : `Added ${added} ${noun}s.`;
  const tell = added ? say : mention;
  tell([added || !problems.length ? count : "", ...problems].filter(Boolean).join("\n"));
}

/**
 * Calls `take` with the files that are chosen in a dialog, which `input` opens.
 * @param {HTMLInputElement} input
 * @param {(files: File[]) => Promise<void>} take
 */
export function acceptChosen(input, take) {
  input.addEventListener("change", async () => {
    await take([...(input.files ?? [])]);
    input.value = ""; // the same file may be chosen again
  });
}

/**
 * Calls `take` with the files of each drop on the page, while `root` is on the screen; it has the class "dropping" while
 * some are over the page. Wherever they fall, the browser does not go to them and leave the page.
 * @param {HTMLElement} root
 * @param {(files: File[]) => void} take
 */
export function acceptDrops(root, take) {
  const hasFiles = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    root.classList.toggle("dropping", root.checkVisibility());
  });
  document.addEventListener("dragleave", ({ relatedTarget }) => {
    if (!relatedTarget) root.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    root.classList.remove("dropping");
    if (!hasFiles(event)) return;
    event.preventDefault();
    if (root.checkVisibility()) take([...(event.dataTransfer?.files ?? [])]);
  });
}

/**
 * Calls `take` with the files of each paste, while `root` is on the screen and no text is being written.
 * @param {HTMLElement} root
 * @param {(files: File[]) => void} take
 */
export function acceptPastes(root, take) {
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    const writing = /** @type {Element} */ (event.target).matches?.("textarea, [type=text], [type=number]");
    if (!files.length || writing || !root.checkVisibility()) return;
    event.preventDefault();
    take(files);
  });
}

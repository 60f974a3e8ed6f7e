// Picture files, from a dialog or dropped on a part of the page. Knows nothing of Gradio.

const MOST_BYTES = 10e6;

// Promises {picture: base64 of the file}, or {error: sentence}.
async function readFile(file) {
  if (file.size > MOST_BYTES) return { error: "The picture is larger than 10 MB: please make it smaller." };
  return new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve({ picture: reader.result.slice(reader.result.indexOf(",") + 1) });
    reader.onerror = () => resolve({ error: "The file cannot be read." });
    reader.readAsDataURL(file);
  });
}

// take(files) is called with the files of each drop on ``root``, which has the class "dropping" while some are over it.
function acceptDrops(root, take) {
  const hasFiles = (event) => event.dataTransfer.types.includes("Files");
  root.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    root.classList.add("dropping");
  });
  root.addEventListener("dragleave", (event) => {
    if (!root.contains(event.relatedTarget)) root.classList.remove("dropping");
  });
  root.addEventListener("drop", (event) => {
    root.classList.remove("dropping");
    if (!hasFiles(event)) return;
    event.preventDefault();
    take([...event.dataTransfer.files]);
  });
}

// Files that are dropped on a part of the page. Knows nothing of Gradio.

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

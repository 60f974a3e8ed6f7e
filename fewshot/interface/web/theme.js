// Light and dark, as the reader's system has it: where no other part of the page sees to that.

/** Has the page follow it: the class "dark" is what the style goes by. */
export function followTheme() {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const follow = () => document.body.classList.toggle("dark", dark.matches);
  dark.addEventListener("change", follow);
  follow();
}

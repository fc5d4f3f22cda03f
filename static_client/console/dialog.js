// One question at a time, in a modal dialog, which stays until what it asked for was accepted.

import { session } from "./session.js";
import { attempt, busy, dismiss, problem } from "./task.js";
import { h, root, update } from "./view.js";

const PLACE = "dialog";
const dialog = document.getElementById("dialog");
let asked = null, number = 0;

/**
 * Opens a dialog. `body()` gives its content; `run(form)` does it once the form is sent: if that is refused, the dialog says so and stays.
 * Without `run` there is only something to read. `careful` makes sure that Enter alone does nothing, `danger` also looks like it.
 */
export function ask({ title, body, submit = "OK", run = null, danger = false, careful = danger, wide = false }) {
  number += 1;
  asked = { title, body, submit, run, danger, careful, wide, number };
  dismiss(PLACE);
  update();
  // Its content comes with the next frame; what it focuses must be there.
  requestAnimationFrame(() => { if (asked && !dialog.open) dialog.showModal(); });
}

/** A question without fields. */
export const confirm = (title, text, submit, run) =>
  ask({ title, body: () => [text].flat().map((line) => h("p", {}, line)), submit, run, danger: true });

export function close() {
  if (dialog.open) dialog.close();
}

async function sent(event) {
  event.preventDefault();
  const { run } = asked;
  const form = new FormData(event.target);
  if (await attempt(PLACE, async () => { await run(form); return true; })) close();
}

dialog.addEventListener("close", () => { asked = null; update(); });

root(dialog, () => {
  // Without a token nothing of it can be done.
  if (!session.server) close();
  if (!asked) return [];
  const { title, body, submit, run, danger, careful, wide } = asked;
  return [h("form", { key: asked.number, class: wide ? "wide" : "", onsubmit: sent },
    h("h2", { id: "dialog-title" }, title),
    h("div", { class: "content" }, body()),
    problem(PLACE),
    h("div", { class: "row end" },
      h("button", { type: "button", onclick: close, autofocus: careful || !run }, run ? "Cancel" : "Close"),
      run && h("button", { type: "submit", class: danger ? "danger" : "primary", "aria-disabled": busy(PLACE) && "true" }, busy(PLACE) ? "One moment…" : submit)))];
});

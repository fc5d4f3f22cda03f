// Sending a component in: the file, how much of it has gone, and then its job.

import { at, query, upload } from "./api.js";
import { bytes, percent } from "./format.js";
import { follow } from "./jobs.js";
import { refresh } from "./poll.js";
import { may, session } from "./session.js";
import { attempt, busy, dismiss, problem, refused } from "./task.js";
import { h, update } from "./view.js";
import { allowances, button, notice, refusalBox } from "./widgets.js";

const PLACE = "upload";
/** The one upload there can be. `sent` is `null` before it begins, `failed` how its job ended if it did. */
const state = { open: false, number: 0, name: "", fixed: false, file: null, sent: null, following: false, failed: null, aborter: null, over: false };

export const uploadIsOpen = () => state.open;

/** Opens the form, for a module or for a new one. */
export function openUpload(name = "", file = null) {
  if (busy(PLACE)) return;
  dismiss(PLACE);
  Object.assign(state, { open: true, number: state.number + 1, name, fixed: name !== "", file: null, sent: null, failed: null });
  if (file) choose(file);
  update();
}

function choose(file) {
  Object.assign(state, { file, failed: null });
  dismiss(PLACE);
  const guess = file.name.replace(/\.wasm$/i, "");
  const field = document.getElementById("upload-name");
  if (!state.fixed && field && !field.value) field.value = guess;
  if (!state.fixed && !state.name) state.name = guess;
  update();
}

/** Takes files that are dropped anywhere on an element. */
export function acceptDrops(element, nameOf) {
  const files = (event) => event.dataTransfer?.types.includes("Files") && may("publish");
  const over = (yes) => { if (state.over !== yes) { state.over = yes; update(); } };
  element.ondragover = (event) => { if (files(event)) { event.preventDefault(); over(true); } };
  element.ondragleave = (event) => { if (!element.contains(event.relatedTarget)) over(false); };
  element.ondrop = (event) => {
    if (!files(event)) return;
    event.preventDefault();
    over(false);
    const [file] = event.dataTransfer.files;
    if (!file || busy(PLACE)) return;
    if (state.open) choose(file); else openUpload(nameOf(), file);
  };
}

const tooLarge = () => state.file && session.server && state.file.size > session.server.max_upload;

async function submit(event) {
  event.preventDefault();
  const form = new FormData(event.target);
  const { file } = state;
  if (!file || tooLarge()) return;
  await attempt(PLACE, async () => {
    Object.assign(state, { sent: 0, failed: null, aborter: new AbortController() });
    try {
      const path = query(at`/modules/${form.get("name").trim()}`, {
        note: form.get("note"), activate: form.has("activate") && "true", allow: form.getAll("allow").join(","),
      });
      const { job, published } = await upload(path, file, (sent) => { state.sent = sent; update(); }, state.aborter.signal);
      state.sent = file.size;
      state.following = true;
      const end = job && await follow(job);
      if (end?.state === "failed") { state.failed = end.error; return; }
      if (published) notice(`These bytes are v${published.version} of ${published.name}.`);
      state.open = false;
    } finally {
      state.following = false;
      if (state.open) state.sent = null;
      refresh();
    }
  });
}

const wanted = () => [state.failed, refused(PLACE)].find((error) => error?.code === "not_allowed")?.details?.capabilities ?? [];

function dropZone() {
  const { file, over } = state;
  return h("label", { class: `drop ${over ? "over" : ""}` },
    h("input", { type: "file", accept: ".wasm,application/wasm", class: "hidden", disabled: busy(PLACE), mount: (field) => field.focus(), onchange: ({ target }) => { if (target.files[0]) choose(target.files[0]); } }),
    file
      ? [h("b", {}, h("bdi", {}, file.name)), h("span", { class: "dim" }, bytes(file.size), " · choose or drop another")]
      : [h("b", {}, "Choose a component"), h("span", { class: "dim" }, `or drop it anywhere here; a .wasm file of at most ${bytes(session.server?.max_upload ?? 0)}`)]);
}

function progress() {
  const { sent, file, following, aborter } = state;
  if (sent === null) return null;
  return h("div", { class: "row" },
    h("progress", { max: file.size || 1, value: sent, "aria-label": "Sent" }),
    h("span", { class: "grow" }, following ? "Sent. What becomes of it is shown below." : `${bytes(sent)} of ${bytes(file.size)} sent (${percent(sent, file.size)})`),
    !following && button("Stop", () => aborter.abort()));
}

/** The form, if it is open. `modules` are the names there are. */
export function uploadForm(modules) {
  if (!state.open) return null;
  const { file, failed } = state;
  const working = busy(PLACE);
  return h("form", { key: `upload ${state.number}`, class: "card upload", "aria-label": "Upload", onsubmit: submit },
    h("div", { class: "row" }, h("h3", { class: "grow" }, state.fixed ? ["New version of ", h("bdi", {}, state.name)] : "New module"),
      !working && button("Close", () => { state.open = false; update(); }, { class: "quiet" })),
    dropZone(),
    tooLarge() && h("p", { class: "bad", role: "alert" }, `This file has ${bytes(file.size)}: more than the server takes.`),
    h("div", { class: "fields" },
      h("label", { key: "name", class: state.fixed ? "gone" : "" }, "Module: the kind of room it rules",
        h("input", { id: "upload-name", name: "name", required: true, value: state.name, autocomplete: "off", spellcheck: "false", list: "module-names" }),
        h("datalist", { id: "module-names" }, modules.map((one) => h("option", { key: one, value: one })))),
      h("label", { key: "note" }, "Note", h("input", { name: "note", maxlength: "500", autocomplete: "off", placeholder: "optional: what is new in it" }))),
    h("label", { class: "inline" },
      h("input", { type: "checkbox", name: "activate", disabled: !may("activate") }), " Activate at once",
      h("span", { class: "dim" }, may("activate") ? " – rehearsed first, then live in every room" : " – needs the scope “activate”")),
    allowances(wanted()),
    progress(),
    failed && refusalBox(failed, () => { state.failed = null; update(); }),
    problem(PLACE),
    h("div", { class: "row end" },
      h("button", { type: "submit", class: "primary", disabled: !file || tooLarge() || working }, working ? "Uploading…" : wanted().length ? "Try again" : "Upload")));
}

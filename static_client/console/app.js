// The operator's console: who asks, where they are, and what is shown there.

import { audit } from "./audit.js";
import { moment } from "./format.js";
import { modules } from "./modules.js";
import { freshness, keep, refresh } from "./poll.js";
import { recordings } from "./recordings.js";
import { rooms } from "./rooms.js";
import { loadServer, server } from "./server.js";
import { SCOPES, forget, may, now, remember, session } from "./session.js";
import { attempt, busy, problem } from "./task.js";
import { h, root, update } from "./view.js";
import { button, name, refusalBox } from "./widgets.js";

const SECTIONS = { modules, rooms, recordings, audit, server };
const PLACE = "enter";
const OR = new Intl.ListFormat("en", { type: "disjunction" });
const main = document.getElementById("main");
let current = null, checking = false;

/** Parts of the address behind `#`. */
function place() {
  try { return location.hash.slice(1).split("/").map(decodeURIComponent); } catch { return []; }
}

function go() {
  if (!session.server) return;
  const [called, ...rest] = place();
  const section = SECTIONS[called] ?? modules;
  if (current !== section) current?.leave?.();
  current = section;
  document.title = `${section.title} – Roost console`;
  section.enter(rest);
  keep((signal) => section.load(signal));
  update();
}

/** Whether the token is good, by asking who it is for. */
async function check(token) {
  checking = true;
  session.token = token;
  await attempt(PLACE, async () => {
    try {
      await loadServer();
    } catch (error) {
      if (error.status === 401) return;
      // The token may be good for all we know.
      if (error.status !== 0 && error.status !== 503) forget();
      throw error;
    }
    session.refused = null;
    remember(token);
    go();
  });
  checking = false;
  update();
}

function leave() {
  keep(null);
  current?.leave?.();
  current = null;
  forget();
  update();
}

function enter() {
  const submit = (event) => {
    event.preventDefault();
    check(new FormData(event.target).get("token").trim());
  };
  return h("form", { key: "enter", class: "card enter", onsubmit: submit },
    h("h2", {}, "Who are you?"),
    h("label", {}, "Token for the administrative interface",
      h("input", { name: "token", type: "password", required: true, autocomplete: "off", spellcheck: "false", value: session.token, mount: (field) => field.focus() })),
    session.refused && refusalBox(session.refused), problem(PLACE),
    h("div", { class: "row end" }, h("button", { type: "submit", class: "primary", "aria-disabled": busy(PLACE) && "true" }, busy(PLACE) ? "Asking…" : "Enter")),
    h("p", { class: "dim" }, "The one from ", h("code", {}, "[admin] token"), " or ", h("code", {}, "ROOST_ADMIN_TOKEN"), ", or one that ", h("code", {}, "roost token --admin"),
      " has made. A server that listens on loopback only has made one by itself: it is in ", h("code", {}, "admin.token"), " in the state folder. It is kept until this tab is closed, or you forget it."));
}

function limits() {
  const missing = SCOPES.filter((scope) => !may(scope));
  return missing.length > 0 && h("p", { key: "limits", class: "limits" },
    `What needs ${OR.format(missing)} is greyed out: this token may not.`);
}

function stale() {
  const { refusal } = freshness;
  return refusal && h("div", { key: "stale" }, refusalBox(refusal, refresh));
}

root(main, () => {
  if (!session.server) return checking && !document.querySelector(".enter") ? [h("p", { class: "dim" }, "Asking who you are…")] : [enter()];
  return [h("div", { key: current.title, class: "section" }, limits(), stale(), current.view())];
});

root(document.getElementById("sections"), () => !session.server ? [] : [h("ul", {}, Object.entries(SECTIONS).map(([called, section]) =>
  h("li", { key: called }, h("a", { href: `#${called}`, "aria-current": section === current && "page" }, section.title))))]);

root(document.getElementById("who"), () => {
  if (!session.server) return [];
  const state = freshness.refusal ? "bad" : "on";
  return [
    h("p", { class: `status ${state}`, title: `as of ${moment(now())}` }, freshness.refusal ? "Not up to date" : name(session.server.you.subject)),
    button("Forget token", leave)];
});

// The address belongs to the sections.
document.getElementById("skip").onclick = (event) => { event.preventDefault(); main.focus(); };
addEventListener("hashchange", go);
if (session.token) check(session.token);

// Who did what, or tried to.

import { get, query } from "./api.js";
import { count, json } from "./format.js";
import { refresh } from "./poll.js";
import { h } from "./view.js";
import { badge, button, name, table, when } from "./widgets.js";

const PAGE = 100;
/** `later` holds where the pages after this one began. */
const state = { before: "", later: [], page: null };

function turn(before, later) {
  Object.assign(state, { before, later });
  refresh();
}

const details = (value) => {
  const pairs = Object.entries(value ?? {});
  return pairs.length ? pairs.map(([key, one]) => h("div", { key }, h("span", { class: "dim" }, name(key), ": "), name(json(one)))) : h("span", { class: "dim" }, "–");
};

export const audit = {
  title: "Audit log",
  enter() {},
  async load(signal) { state.page = await get(query("/audit", { limit: PAGE, before: state.before }), signal); },
  view() {
    const { page, later, before } = state;
    if (!page) return h("p", { class: "dim" }, "Looking…");
    return h("section", { class: "card", "aria-label": "Audit log" },
      h("h2", {}, "Audit log"),
      table({
        label: "Audit log", rows: page.entries, key: ({ seq }) => seq, empty: "Nothing has been done yet.",
        columns: [
          ["No.", ({ seq }) => count(seq), "number"],
          ["When", ({ at }) => when(at)],
          ["By", ({ by }) => h("span", { class: "wrap" }, name(by))],
          ["Action", ({ action }) => h("code", {}, name(action))],
          ["Target", ({ target }) => h("span", { class: "wrap" }, name(target))],
          ["Outcome", ({ outcome }) => badge(outcome, outcome === "ok" ? "good" : "bad")],
          ["Details", ({ details: value }) => details(value), "long"],
        ],
      }),
      (later.length > 0 || page.next) && h("nav", { class: "row end", "aria-label": "Pages" },
        button("Newest", () => turn("", []), { disabled: !later.length }),
        button("Newer", () => turn(later.at(-1), later.slice(0, -1)), { disabled: !later.length }),
        button("Older", () => turn(page.next, [...later, before]), { disabled: !page.next })));
  },
};

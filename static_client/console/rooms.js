// Live rooms: which there are, which version rules each, and one of them in full.

import { get, query } from "./api.js";
import { count } from "./format.js";
import { loadModules, seenModules } from "./modules.js";
import { refresh } from "./poll.js";
import { chooseRoom, chosenRoom, loadRoom, program, roomAddress, roomView } from "./room.js";
import { h } from "./view.js";
import { button, name, table } from "./widgets.js";

const PAGE = 100;
/** `before` holds where the pages before this one began. */
const state = { kind: "", after: "", before: [], page: null, looks: 0 };

function filter(kind) {
  if (kind !== state.kind) Object.assign(state, { kind, after: "", before: [], page: null });
}

function turn(after, before) {
  Object.assign(state, { after, before });
  refresh();
}

function controls() {
  const kinds = [...new Set([...seenModules().map((module) => module.name), state.kind])].filter(Boolean);
  const open = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    location.hash = roomAddress(form.get("kind"), form.get("id"));
  };
  return h("div", { class: "row controls" },
    h("label", { class: "inline" }, "Kind ",
      h("select", { key: state.kind, onchange: ({ target }) => { location.hash = target.value ? `#rooms/${encodeURIComponent(target.value)}` : "#rooms"; } },
        h("option", { key: "", value: "", selected: state.kind === "" }, "all kinds"),
        kinds.map((kind) => h("option", { key: kind, value: kind, selected: state.kind === kind }, kind)))),
    h("form", { class: "row find", onsubmit: open, "aria-label": "Open a room by its name" },
      h("input", { key: `kind ${state.kind}`, name: "kind", required: true, value: state.kind, "aria-label": "Kind", placeholder: "kind", list: "room-kinds", autocomplete: "off", spellcheck: "false" }),
      h("datalist", { id: "room-kinds" }, kinds.map((kind) => h("option", { key: kind, value: kind }))),
      h("input", { name: "id", required: true, "aria-label": "Room", placeholder: "room", autocomplete: "off", spellcheck: "false" }),
      h("button", { type: "submit" }, "Open")));
}

function pages() {
  const { page, before, after } = state;
  if (!before.length && !page.next) return null;
  return h("nav", { class: "row end", "aria-label": "Pages" },
    h("span", { class: "dim" }, `page ${before.length + 1}`),
    button("First", () => turn("", []), { disabled: !before.length }),
    button("Back", () => turn(before.at(-1), before.slice(0, -1)), { disabled: !before.length }),
    button("Next", () => turn(page.next, [...before, after]), { disabled: !page.next }));
}

function list() {
  const { page, kind } = state;
  return h("section", { class: "card", "aria-label": "Live rooms" },
    h("div", { class: "row" }, h("h2", { class: "grow" }, kind ? ["Rooms of kind ", name(kind)] : "Rooms")),
    controls(),
    page ? table({
      label: "Rooms", rows: page.rooms, key: (room) => `${room.kind}/${room.id}`, empty: "No room is live.",
      columns: [
        ["Room", (room) => h("a", {
          class: "wrap", href: roomAddress(room.kind, room.id),
          "aria-current": chosenRoom()?.kind === room.kind && chosenRoom().id === room.id && "true",
        }, name(room.id))],
        ["Kind", (room) => h("span", { class: "wrap" }, name(room.kind))],
        ["Version", program, "wide"],
        ["Since call", ({ since_event: since }) => count(since), "number"],
        ["Members", ({ members }) => count(members), "number"],
      ],
    }) : h("p", { class: "dim" }, "Looking…"),
    page && pages());
}

/** Hides the drawer, and goes back to where it was opened from. */
function hide() {
  const { kind, id } = chosenRoom();
  const link = [...document.querySelectorAll(".rooms td a")].find((one) => one.getAttribute("href") === roomAddress(kind, id));
  addEventListener("hashchange", () => requestAnimationFrame(() => link?.focus()), { once: true });
  location.hash = state.kind ? `#rooms/${encodeURIComponent(state.kind)}` : "#rooms";
}

export const rooms = {
  title: "Rooms",
  enter([kind, ...id]) {
    if (id.length) chooseRoom(kind, id.join("/"));
    else {
      chooseRoom(null);
      filter(kind ?? "");
    }
  },
  leave() { chooseRoom(null); },
  async load(signal) {
    const { kind, after } = state;
    // Versions change more rarely than rooms.
    const versions = state.looks++ % 5 === 0 ? loadModules(signal) : null;
    const [page] = await Promise.all([get(query("/rooms", { kind, limit: PAGE, after }), signal), loadRoom(signal), versions]);
    state.page = page;
  },
  view() {
    const room = chosenRoom();
    return h("div", { class: `split rooms ${room ? "chosen" : ""}` }, list(), room && roomView(hide));
  },
};

// Recordings: those somebody asked for, and one of every fault.

import { at, call, download, get } from "./api.js";
import { confirm } from "./dialog.js";
import { bytes, count, plural, span } from "./format.js";
import { refresh } from "./poll.js";
import { roomAddress } from "./room.js";
import { attempt, busy, problem } from "./task.js";
import { h, update } from "./view.js";
import { badge, hash, name, notice, scoped, table, when } from "./widgets.js";

const PAGE = 100;
const state = { recordings: null, reason: "", shown: PAGE };

const what = ({ fault, note }) => [
  fault && h("div", {}, h("code", { class: "bad long" }, name(fault.text)), h("div", { class: "dim" }, `at ${fault.event}, call ${count(fault.call)}; paid by `, name(fault.cause))),
  note && h("div", { class: "long" }, name(note)),
  !fault && !note && h("span", { class: "dim" }, "–"),
];

const askDelete = ({ id, kind, room }) =>
  confirm("Delete this recording?", ["It cannot be made again.", h("b", {}, name(`${kind} / ${room}`))], "Delete",
    async () => { await call("DELETE", at`/recordings/${id}`); notice("The recording is deleted."); refresh(); });

function actions(recording) {
  const { id, kind, room, ended_at: ended } = recording;
  const place = `recording:${id}`;
  const stop = () => attempt(place, async () => { await call("DELETE", `${at`/rooms/${kind}/${room}`}/recording`); refresh(); });
  return h("div", { class: "row" },
    ended === null
      ? scoped("operate", "Stop", stop, { "aria-label": `Stop the recording ${id}` })
      : [
        scoped("operate", busy(place) ? "Downloading…" : "Download", () => attempt(place, () => download(at`/recordings/${id}`, `${kind}-${room}-${id}.bundle`)), { "aria-label": `Download the recording ${id}` }),
        scoped("operate", "Delete…", () => askDelete(recording), { class: "danger", "aria-label": `Delete the recording ${id}…` }),
      ]);
}

function filters() {
  const all = state.recordings;
  const choices = [["", "All"], ["fault", "Faults"], ["request", "Asked for"]];
  return h("div", { class: "row controls", role: "group", "aria-label": "Show" }, choices.map(([reason, text]) => h("button", {
    key: reason, type: "button", "aria-pressed": String(state.reason === reason), onclick: () => { Object.assign(state, { reason, shown: PAGE }); update(); },
  }, `${text} (${all.filter((one) => !reason || one.reason === reason).length})`)));
}

export const recordings = {
  title: "Recordings",
  enter() {},
  async load(signal) { state.recordings = (await get("/recordings", signal)).recordings; },
  view() {
    if (!state.recordings) return h("p", { class: "dim" }, "Looking…");
    const rows = state.recordings.filter(({ reason }) => !state.reason || reason === state.reason);
    return h("section", { class: "card", "aria-label": "Recordings and faults" },
      h("h2", {}, "Recordings and faults"), filters(),
      table({
        label: "Recordings", rows: rows.slice(0, state.shown), key: ({ id }) => id, empty: "Nothing was recorded, and nothing has failed.",
        under: ({ id }) => problem(`recording:${id}`),
        columns: [
          ["Why", ({ reason }) => (reason === "fault" ? badge("fault", "bad") : badge("asked for"))],
          ["Began", ({ started_at: started }) => when(started)],
          ["Room", ({ kind, room }) => h("a", { class: "wrap", href: roomAddress(kind, room) }, name(`${kind} / ${room}`))],
          ["Version", ({ version, program }) => [version === null ? "" : `v${version} `, hash(program)]],
          ["Length", ({ started_at: started, ended_at: ended, calls, bytes: size }) => [
            ended === null ? badge("running", "note") : span(ended - started),
            h("div", { class: "dim" }, `${plural(calls, "call")}, ${bytes(size)}`)]],
          ["What", what],
          ["Actions", actions, "act"],
        ],
      }),
      rows.length > state.shown && h("div", { class: "row end" }, h("button", { type: "button", onclick: () => { state.shown += PAGE; update(); } }, "Show more")));
  },
};

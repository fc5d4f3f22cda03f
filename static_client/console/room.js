// One room in full, and what can be done to it.

import { at, call, download, get } from "./api.js";
import { ask, confirm } from "./dialog.js";
import { bytes, count, large, plural, span } from "./format.js";
import { seenModules } from "./modules.js";
import { refresh } from "./poll.js";
import { attempt, busy, dismiss, problem } from "./task.js";
import { h } from "./view.js";
import { stopWatching, watchView } from "./watch.js";
import { badge, button, facts, hash, name, notice, refusalBox, scoped, table } from "./widgets.js";

/** `told`: what came of the last thing done; `answer`: to the last signal. */
const state = { room: null, detail: null, refusal: null, told: null, answer: null };

export const roomAddress = (kind, id) => `#rooms/${encodeURIComponent(kind)}/${encodeURIComponent(id)}`;

/** What rules a room, and whether that is what is active. */
export function program({ kind, version, program: sha256 }) {
  const module = seenModules().find((one) => one.name === kind);
  return [
    h("span", { class: "nowrap" }, version === null ? "not stored" : `v${version}`, " ", hash(sha256)), " ",
    module?.active != null && version !== module.active && (module.canary?.version === version ? badge("canary", "note") : badge("not the active one", "note")),
  ];
}

export const chosenRoom = () => state.room;

export function chooseRoom(kind, id) {
  if (kind !== null && state.room?.kind === kind && state.room.id === id) return;
  stopWatching();
  for (const place of ["room", "signal"]) dismiss(place);
  Object.assign(state, { room: kind === null ? null : { kind, id }, detail: null, refusal: null, told: null, answer: null });
}

const path = () => at`/rooms/${state.room.kind}/${state.room.id}`;

export async function loadRoom(signal) {
  const { room } = state;
  if (!room) return;
  try {
    const detail = await get(path(), signal);
    if (state.room === room) Object.assign(state, { detail, refusal: null });
  } catch (error) {
    if (error.status !== 404 && error.code !== "not_addressable") throw error;
    if (state.room === room) state.refusal = error;
  }
}

function askRecord() {
  const here = path();
  ask({
    title: "Record this room", submit: "Record",
    body: () => [
      h("p", {}, "The recording begins with the room as it is now and holds every call from then on. It can be repeated elsewhere, byte for byte."),
      h("label", {}, "For so many seconds, at most", h("input", { name: "seconds", type: "number", min: "1", max: "3600", required: true, value: "60" })),
      h("label", {}, "Note", h("input", { name: "note", maxlength: "500", autocomplete: "off", placeholder: "optional" })),
    ],
    run: async (form) => {
      await call("POST", `${here}/recording`, { seconds: Number(form.get("seconds")), note: form.get("note") });
      notice("Recording.");
      refresh();
    },
  });
}

const stopRecording = () => attempt("room", async () => {
  const { calls, bytes: size } = await call("DELETE", `${path()}/recording`);
  state.told = [`Recorded ${plural(calls, "call")}, ${bytes(size)}: see `, h("a", { href: "#recordings" }, "recordings"), "."];
  refresh();
});

const snapshot = () => attempt("room", () => download(`${path()}/snapshot`, `${state.room.kind}-${state.room.id}.bundle`));

function askFork() {
  const { kind } = state.room;
  const here = path();
  const versions = seenModules().find((module) => module.name === kind)?.versions ?? [];
  ask({
    title: "Make a copy of this room", submit: "Fork",
    body: () => [
      h("p", {}, "The copy has the state, not the people, and nothing of it leaves."),
      h("label", {}, "Ruled by", h("select", { name: "version" },
        h("option", { key: "", value: "", selected: true }, "the same version"),
        versions.toReversed().map(({ version, active }) => h("option", { key: version, value: version }, `v${version}${active ? ", active" : ""}`)))),
    ],
    run: async (form) => {
      const made = await call("POST", `${here}/fork`, form.get("version") ? { version: Number(form.get("version")) } : {});
      state.told = ["The copy is ", h("a", { href: roomAddress(made.kind, made.id) }, name(made.id)), "."];
      notice(`The copy is ${made.id}.`);
      refresh();
    },
  });
}

function askClose() {
  const { kind, id } = state.room;
  const here = path();
  confirm("Close this room?",
    [h("b", {}, name(`${kind} / ${id}`)), `${state.detail.people.length ? `${plural(state.detail.people.length, "member")} will be put out` : "Nobody is in it"}. What the rules keep for longer than a room stays.`], "Close the room",
    async () => { await call("POST", `${here}/close`, {}); notice("The room is closed."); refresh(); });
}

function signalForm() {
  const send = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    state.answer = null;
    attempt("signal", async () => {
      const text = form.get("body").trim();
      let body = null;
      if (text) try { body = JSON.parse(text); } catch (error) { throw Object.assign(new Error(`What it is sent with is no JSON: ${error.message}`), { code: "no_json" }); }
      state.answer = await call("POST", `${path()}/signal`, { name: form.get("name"), ...(text && { body }) });
    });
  };
  return h("details", { key: "signal", class: "card" }, h("summary", {}, "Signal"),
    h("form", { onsubmit: send },
      h("label", {}, "Name", h("input", { name: "name", required: true, maxlength: "64", autocomplete: "off", spellcheck: "false" })),
      h("label", {}, "With, as JSON", h("textarea", { name: "body", rows: "3", spellcheck: "false", placeholder: "optional" })),
      problem("signal"),
      h("div", { class: "row end" }, scopedSubmit())),
    state.answer && [h("h3", {}, "Answer"), h("pre", { class: "answer", role: "status" }, JSON.stringify(state.answer.answer, null, 2))]);
}

const scopedSubmit = () => scoped("operate", busy("signal") ? "Sending…" : "Send", null, { type: "submit", class: "primary" });

function numbers(room) {
  return facts([
    ["Version", program(room)],
    ["Since call", count(room.since_event)],
    ["Calls", count(room.calls)],
    ["Running for", span(room.uptime_ms)],
    ["Fuel", `${large(room.fuel)}${room.calls ? `, ${large(Math.round(room.fuel / room.calls))} a call` : ""}`],
    ["Faults", room.faults ? h("span", { class: "bad" }, count(room.faults)) : "none"],
    ["Snapshot", bytes(room.snapshot_bytes)],
    ["Since checkpoint", plural(room.journal_calls, "call")],
    ["Timers", count(room.timers)],
    ["Dropped", count(room.dropped)],
    ["Divergences", room.divergences ? h("span", { class: "bad" }, count(room.divergences)) : "none"],
    room.rollback && ["A rollback brings", name(room.rollback)],
  ]);
}

function people({ people: members }) {
  return [h("h3", {}, `People (${members.length})`), table({
    label: "People", narrow: true, rows: members, key: ({ member }) => member, empty: "Nobody.",
    columns: [
      ["No.", ({ member }) => member, "number"],
      ["Name", (one) => h("span", { class: "wrap" }, name(one.name))],
      ["User", ({ user }) => h("code", { class: "wrap" }, name(user))],
      ["Connections", ({ connections }) => (connections ? count(connections) : badge("away")), "number"],
    ],
  })];
}

function actions(room) {
  return h("div", { class: "row" },
    room.recording
      ? scoped("operate", "Stop recording", stopRecording, { class: "steady" })
      : scoped("operate", "Record…", askRecord, { class: "steady" }),
    scoped("operate", "Snapshot", snapshot), scoped("operate", "Fork…", askFork), scoped("operate", "Close…", askClose, { class: "danger" }));
}

/** The drawer. */
export function roomView(close) {
  const { room: { kind, id }, detail, refusal, told } = state;
  const onkeydown = (event) => { if (event.key === "Escape" && !event.target.closest("dialog")) close(); };
  return h("aside", { key: `${kind}/${id}`, class: "drawer", "aria-label": "Room", onkeydown, mount: (element) => element.querySelector("h2").focus() },
    h("div", { class: "card" },
      h("div", { class: "row top" }, h("h2", { class: "grow title", tabindex: "-1" }, h("small", {}, name(kind), " / "), name(id)), button("✕", close, { class: "quiet", "aria-label": "Hide the room", title: "Esc" })),
      refusal && refusalBox(refusal),
      !detail && !refusal && h("p", { class: "dim" }, "Looking…"),
      detail && !refusal && [
        // First, so that nothing which comes and goes moves a button away from under the pointer.
        actions(detail),
        detail.held_back !== undefined && h("p", { class: "held" }, h("b", {}, "Held back: "), name(detail.held_back)),
        detail.recording && h("p", {}, badge("recording", "bad"), " ", h("code", {}, name(detail.recording))),
        problem("room"), told && h("p", { role: "status" }, told), numbers(detail), people(detail),
      ]),
    detail && !refusal && [signalForm(), watchView(path())]);
}

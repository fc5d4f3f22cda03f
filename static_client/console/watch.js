// A room's calls as they happen. Lines are written outside of the described page: there may be sixty a second.

import { events } from "./api.js";
import { count, json, visible } from "./format.js";
import { h, update } from "./view.js";
import { button, refusalBox, scoped } from "./widgets.js";

const KEEP = 300;
const LONGEST = 2000;

const state = { aborter: null, paused: false, refusal: null, ended: false, calls: 0, missed: 0, waiting: [], list: null, drawing: false };

export function stopWatching() {
  state.aborter?.abort();
  Object.assign(state, { aborter: null, paused: false, refusal: null, ended: false, calls: 0, missed: 0, waiting: [] });
}

async function watch(path) {
  stopWatching();
  state.list?.replaceChildren();
  const aborter = new AbortController();
  state.aborter = aborter;
  update();
  try {
    for await (const heard of events(`${path}/watch`, aborter.signal)) hear(heard);
    state.ended = true;
  } catch (error) {
    if (state.aborter === aborter) state.refusal = error;
  }
  if (state.aborter === aborter) state.aborter = null;
  update();
}

function hear({ event, data }) {
  const missed = typeof data === "number" && event === "missed" ? data : (data?.missed ?? 0);
  state.missed += missed;
  if (missed) line("note", `missed ${missed}`, []);
  if (event === "call") {
    state.calls += 1;
    const failed = data.outcome !== "ok";
    line(failed ? "bad" : "", `call ${data.call}${failed ? `: ${json(data.outcome)}` : ""}`,
      [...texts("in", data.events), ...texts("out", data.effects)], data.now);
  } else if (event === "log") {
    line("note", `log ${data.level}`, [["", data.line]]);
  }
}

/** Whatever a list holds, as pairs of where it goes and a text. */
const texts = (side, list) => [list ?? []].flat().map((one) => [side, json(one)]);

function line(tone, title, rows, moment) {
  if (state.paused) return;
  state.waiting.push({ tone, title, rows, moment });
  if (state.waiting.length > KEEP) state.waiting.shift();
  if (state.drawing) return;
  state.drawing = true;
  requestAnimationFrame(draw);
}

function draw() {
  state.drawing = false;
  const { list } = state;
  const lines = state.waiting.splice(0);
  if (!list) return;
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  list.append(...lines.map(element));
  while (list.childElementCount > KEEP) list.firstElementChild.remove();
  if (atEnd) list.scrollTop = list.scrollHeight;
  update();
}

function element({ tone, title, rows, moment }) {
  const item = document.createElement("div");
  const head = document.createElement("b");
  head.textContent = visible(title);
  item.className = tone;
  item.append(head);
  if (moment) {
    const time = document.createElement("time");
    time.textContent = new Date(moment).toISOString().slice(11, 23);
    item.append(time);
  }
  for (const [side, text] of rows) {
    const row = document.createElement("pre");
    row.className = side;
    row.textContent = visible(text).slice(0, LONGEST);
    item.append(row);
  }
  return item;
}

export function watchView(path) {
  const { aborter, paused, refusal, ended, calls, missed } = state;
  const pause = () => { state.paused = !paused; update(); };
  return h("section", { key: "watch", class: "card watch", "aria-label": "Live calls" },
    h("div", { class: "row" },
      h("h3", { class: "grow" }, "Live calls ", (aborter || calls > 0) && h("span", { class: "dim" }, count(calls), missed ? `, ${count(missed)} missed` : "", ended ? ", ended" : "")),
      aborter
        ? [button(paused ? "Go on" : "Pause", pause, { "aria-pressed": String(paused) }), button("Stop", () => { state.aborter.abort(); state.aborter = null; update(); })]
        : scoped("operate", "Watch", () => watch(path))),
    refusal && refusalBox(refusal, () => { state.refusal = null; update(); }),
    h("div", {
      class: `calls ${aborter || calls ? "" : "unused"}`, own: true, role: "log", "aria-live": "off", tabindex: "0", "aria-label": "Calls, newest last",
      mount: (list) => { state.list = list; },
    }));
}

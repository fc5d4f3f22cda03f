// What takes longer: jobs of ours as they tell us, those of others as we see them.

import { events, get } from "./api.js";
import { count, percent, plural, span } from "./format.js";
import { now } from "./session.js";
import { h, update } from "./view.js";
import { badge, button, name, notice, refusalBox, scoped, table, when } from "./widgets.js";

const TITLES = { upload: "Upload", activate: "Activation", rollback: "Rollback", canary: "Canary", shadow: "Shadow" };
const STAGES = {
  upload: ["received", "inspected", "compiled", "rehearsed", "rolling", "live"],
  activate: ["compiled", "rehearsed", "rolling", "live"],
  rollback: ["rolling", "live"],
  canary: ["compiled", "rehearsed", "rolling", "live"],
  shadow: ["compiled", "shadowed"],
};
/** The last job is shown openly for so long after its end. */
const FRESH = 10 * 60_000;

const known = new Map();
const followed = new Set();
const putAway = new Set();

export async function loadJobs(signal) {
  const { jobs } = await get("/jobs", signal);
  const present = new Set(jobs.map(({ id }) => id));
  for (const id of known.keys()) if (!present.has(id) && !followed.has(id)) known.delete(id);
  for (const job of jobs) if (!followed.has(job.id)) known.set(job.id, job);
}

/** Newest first. */
export const jobsOf = (module) => [...known.values()].filter((job) => !module || job.module === module).sort((a, b) => b.started_at - a.started_at);

const pause = () => new Promise((resolve) => { setTimeout(resolve, 1000); });

/** Hears a job out and resolves to how it ended; a broken connection is made again. */
export async function follow(address) {
  let job = await get(address);
  followed.add(job.id);
  const see = (seen) => { job = seen; known.set(job.id, job); update(); };
  see(job);
  try {
    while (job.state === "running") {
      try {
        for await (const { event, data } of events(`${address}/events`)) {
          if (event === "job") see(data);
          if (job.state !== "running") break;
        }
        if (job.state === "running") see(await get(address));
      } catch (error) {
        if (error.status !== 0) throw error;
      }
      if (job.state === "running") await pause();
    }
  } finally {
    followed.delete(job.id);
  }
  notice(`${titleOf(job)}: ${outcome(job)}`);
  return job;
}

const titleOf = (job) => `${TITLES[job.kind] ?? job.kind} of ${job.module}${job.version ? ` v${job.version}` : ""}`;

function outcome({ state, stage, kind, error, result, version }) {
  if (state === "running") return `${stage.replace("_", " ")}…`;
  if (state === "failed") return stage === "rolled_back" ? "rolled back" : `refused (${error?.code ?? "no reason given"})`;
  if (kind === "shadow") return "done";
  const held = result?.held_back ? `, ${plural(result.held_back, "room")} kept what they had` : "";
  const rolled = result?.rolled ? `; ${plural(result.rolled, "room")} changed over` : "";
  if (kind === "canary") return `done${rolled}${held}`;
  const live = result?.active ?? null;
  return live === (result?.version ?? version) || kind === "rollback" ? `v${live} is live${rolled}${held}` : `stored as v${result?.version ?? version}`;
}

function stages({ kind, state, stage }) {
  const order = STAGES[kind] ?? [];
  const reached = order.indexOf(stage);
  const shown = state === "running" ? order : order.slice(0, reached + 1);
  return h("ol", { class: "stages" }, shown.map((step, index) => {
    const there = index < reached || (index === reached && state === "done");
    const current = index === reached && state === "running";
    const broke = index === reached && state === "failed";
    return h("li", { key: step, class: there ? "there" : current ? "current" : broke ? "broke" : "", "aria-current": current && "step" }, step);
  }));
}

/** One job. `retry(job, capabilities)` makes a way to try again once something is allowed, if there is one; `away` puts the card away; `named`: with its module. */
export function jobCard(job, { retry, away, named } = {}) {
  const running = job.state === "running";
  const capabilities = job.error?.code === "not_allowed" ? (job.error.details?.capabilities ?? []) : [];
  const again = capabilities.length > 0 && retry?.(job, capabilities);
  return h("article", { key: job.id, class: `job ${job.state}`, "aria-label": titleOf(job) },
    h("div", { class: "row" },
      h("h3", {}, TITLES[job.kind] ?? job.kind, named && [" of ", name(job.module)], job.version && (named ? ` v${job.version}` : ` of v${job.version}`)),
      badge(running ? "running" : job.state, { running: "note", done: "good", failed: "bad" }[job.state]),
      h("span", { class: "dim grow" }, running ? "" : `${outcome(job)}, `, when(job.started_at), job.ended_at ? `, took ${span(job.ended_at - job.started_at)}` : ""),
      away && !running && button("Put away", away, { class: "quiet" })),
    stages(job),
    running && job.total > 0 && h("div", { class: "row" },
      h("progress", { max: job.total, value: job.done, "aria-label": job.stage }), h("span", {}, `${count(job.done)} of ${plural(job.total, "room")}`)),
    job.error && refusalBox(job.error),
    again && scoped("activate", "Look at it, allow and try again…", again),
    job.shadow && shadowReport(job.shadow));
}

function shadowReport({ rooms, calls, same, differences }) {
  return h("div", { class: "report" },
    h("p", {}, `${plural(rooms, "room")} shadowed; ${count(same)} of ${plural(calls, "call")} had the same effects (${percent(same, calls)}).`),
    differences.length > 0 && table({
      label: "First differences", rows: differences, key: ({ room, call }) => `${room} ${call}`,
      columns: [
        ["Room", ({ room }) => h("span", { class: "wrap" }, name(room))],
        ["Call", ({ call }) => count(call), "number"],
        ["What happened", ({ events: happened }) => happened.map((event, index) => h("div", { key: index, class: "long" }, name(event)))],
        ["Running version", ({ active }) => h("code", { class: "long" }, name(active))],
        ["This version", ({ other }) => h("code", { class: "long" }, name(other))],
      ],
    }));
}

/** What is going on with a module, how the last job ended, and the rest folded away. */
export function jobsView(module, retry) {
  const jobs = jobsOf(module);
  const last = jobs.find((job) => job.state !== "running");
  const open = (job) => job.state === "running" || (job === last && !putAway.has(job.id) && job.ended_at > now() - FRESH);
  const older = jobs.filter((job) => !open(job));
  return [
    jobs.filter(open).map((job) => jobCard(job, { retry, away: () => { putAway.add(job.id); update(); } })),
    older.length > 0 && h("details", { key: "older" }, h("summary", {}, `Earlier jobs (${older.length})`), older.map((job) => jobCard(job, { retry }))),
  ];
}

// The server itself, who asks, and what was going on lately.

import { get } from "./api.js";
import { bytes, count, span } from "./format.js";
import { jobCard, jobsOf, loadJobs } from "./jobs.js";
import { SCOPES, may, session } from "./session.js";
import { h } from "./view.js";
import { badge, facts, name, names } from "./widgets.js";

const MEANINGS = {
  read: "see modules, rooms, jobs, the audit log", publish: "upload and delete versions", activate: "decide what runs",
  operate: "reach into rooms: signals, closing, snapshots, recordings, forks",
};

export const loadServer = async (signal) => { session.server = await get("/server", signal); };

export const server = {
  title: "Server",
  enter() {},
  async load(signal) { await Promise.all([loadServer(signal), loadJobs(signal)]); },
  view() {
    const { version, interfaces, rooms, sockets, uptime_ms: uptime, max_upload: largest, you } = session.server;
    const jobs = jobsOf();
    return h("div", { class: "pair" },
      h("section", { class: "card", "aria-label": "This server" }, h("h2", {}, "Server"), facts([
        ["Version", version], ["Running for", span(uptime)], ["Live rooms", count(rooms)], ["Open sockets", count(sockets)],
        ["Interfaces", names(interfaces)], ["Largest upload", bytes(largest)],
        ["Interface", [h("a", { href: "/docs" }, "documentation"), " · ", h("a", { href: "/api/v1/openapi.json" }, "OpenAPI")]],
      ])),
      h("section", { class: "card", "aria-label": "Who asks" }, h("h2", {}, "You"), facts([
        ["Subject", name(you.subject)],
        ...SCOPES.map((scope) => [scope, [badge(may(scope) ? "yes" : "no", may(scope) ? "good" : ""), " ", MEANINGS[scope]]]),
      ])),
      h("section", { class: "card both", "aria-label": "Jobs" }, h("h2", {}, `Jobs (${jobs.length})`),
        jobs.length ? h("div", { class: "jobs" }, jobs.map((job) => jobCard(job, { named: true }))) : h("p", { class: "empty" }, "There were none lately.")));
  },
};

// Modules and their versions.

import { at, download, get } from "./api.js";
import { bytes, count, plural } from "./format.js";
import { jobsView, loadJobs } from "./jobs.js";
import { askActivate, askCanary, askCompare, askDelete, askEndCanary, askRollback, askShadow } from "./publish.js";
import { may } from "./session.js";
import { attempt, busy, problem } from "./task.js";
import { acceptDrops, openUpload, uploadForm } from "./upload.js";
import { h, update } from "./view.js";
import { badge, button, facts, hash, name, names, scoped, table, when } from "./widgets.js";

const state = { modules: null, chosen: "", open: new Set() };
const ORIGINS = { upload: "uploaded", "built-in": "built in", file: "from a file" };

/** The modules as they were last seen. */
export const seenModules = () => state.modules ?? [];

export async function loadModules(signal) {
  state.modules = (await get("/modules", signal)).modules;
}

const found = () => state.modules?.find((module) => module.name === state.chosen);

function marks(module, version) {
  return [
    version.active && badge("active", "good"),
    module.previous === version.version && badge("previous"),
    module.canary?.version === version.version && badge(`canary ${module.canary.percent} %`, "note"),
    module.rolling === version.version && badge("rolling", "note"),
  ];
}

function list() {
  const items = state.modules.map((module) => h("li", { key: module.name },
    h("a", { href: `#modules/${encodeURIComponent(module.name)}`, "aria-current": module.name === state.chosen && "true" },
      h("b", {}, name(module.name)),
      h("span", { class: "dim" }, module.active ? `v${module.active}` : "none live", " · ", plural(module.rooms, "room")),
      h("span", { class: "marks" },
        module.canary && badge(`canary v${module.canary.version}`, "note"), module.rolling && badge("rolling", "note"),
        module.held_back > 0 && badge(`${module.held_back} held back`, "bad")))));
  return h("nav", { class: "card list", "aria-label": "Modules" },
    h("h2", {}, "Modules"),
    items.length ? h("ul", {}, items) : h("p", { class: "empty" }, "There are none yet."),
    scoped("publish", "New module…", () => openUpload()));
}

function head(module) {
  const { active, previous, canary } = module;
  return h("section", { key: `head ${module.name}`, class: "card", "aria-label": "Module" },
    h("a", { class: "back", href: "#modules" }, "← All modules"),
    h("div", { class: "row" },
      h("h2", { class: "grow title" }, name(module.name)),
      canary && scoped("activate", "End the canary…", () => askEndCanary(module)),
      previous !== null && scoped("activate", `Roll back to v${previous}…`, () => askRollback(module)),
      module.versions.length > 1 && button("Compare…", () => askCompare(module, previous ?? module.versions[0].version, active ?? module.versions.at(-1).version)),
      scoped("publish", "Upload a version…", () => openUpload(module.name), { class: "primary" })),
    facts([
      ["Active", active === null ? "none yet" : `v${active}`],
      ["Previous", previous === null ? "none" : `v${previous}`],
      canary && ["Canary", `v${canary.version} in ${canary.percent} % of the rooms`],
      module.rolling !== null && ["Rolling", `to v${module.rolling}`],
      ["Rooms", h("a", { href: `#rooms/${encodeURIComponent(module.name)}` }, count(module.rooms))],
      ["Held back", module.held_back > 0 ? h("span", { class: "bad" }, plural(module.held_back, "room")) : "none"],
    ]));
}

function unfolded(module, version) {
  const { manifest } = version;
  const place = `version:${module.name}@${version.version}`;
  const path = at`/modules/${module.name}/versions/${version.version}`;
  const save = () => attempt(place, () => download(`${path}/wasm`, `${module.name}@${version.version}.wasm`));
  return [
    version.note && h("p", {}, name(version.note)),
    facts([
      ["SHA-256", h("code", { class: "long" }, version.sha256)],
      ["Came", `${ORIGINS[version.origin] ?? version.origin}, ${plural(version.size, "byte")}`],
      ["Interface", h("code", {}, version.interface)],
      ["State version", manifest.state_version],
      ["Pace", manifest.pace], ["Durability", manifest.durability],
      ["Members", `at most ${count(manifest.members)}`], ["Grace", `${count(manifest.grace / 1000)} s`],
      ["Capabilities", names(manifest.capabilities)],
      ["Topics", manifest.topics.length ? manifest.topics.map((topic) => h("span", { key: topic.name, class: "chip" }, name(topic.name), " ", h("small", {}, topic.intake))) : "none"],
      ["Imports", names(version.imports)],
    ]),
    problem(place),
    h("div", { class: "row" },
      !version.active && [
        scoped("activate", "Activate…", () => askActivate(module, version.version), { class: "primary" }),
        scoped("activate", "Canary…", () => askCanary(module, version.version)),
        scoped("activate", "Shadow…", () => askShadow(module, version.version)),
        module.active !== null && button(`Compare with v${module.active}…`, () => askCompare(module, module.active, version.version)),
      ],
      button(busy(place) ? "Downloading…" : "Download", save),
      !version.active && scoped("publish", "Delete…", () => askDelete(module, version), { class: "danger" })),
  ];
}

function toggle(key) {
  if (!state.open.delete(key)) state.open.add(key);
  update();
}

function versions(module) {
  const key = ({ version }) => `${module.name}@${version}`;
  return h("section", { class: "card", "aria-label": "Versions" },
    h("h3", {}, `Versions (${module.versions.length})`),
    table({
      label: `Versions of ${module.name}`, rows: module.versions.toReversed(), key, empty: "None is stored.",
      under: (version) => state.open.has(key(version)) && unfolded(module, version),
      columns: [
        ["Version", (version) => [
          h("button", { type: "button", class: "fold", "aria-expanded": String(state.open.has(key(version))), onclick: () => toggle(key(version)) }, `v${version.version}`),
          marks(module, version)], "wide"],
        ["Rooms", ({ rooms }) => count(rooms), "number"],
        ["Size", ({ size }) => bytes(size), "number"],
        ["Hash", ({ sha256 }) => hash(sha256), "extra"],
        ["By", ({ by }) => h("span", { class: "clip who", title: by }, name(by))],
        ["When", ({ uploaded_at: uploaded }) => when(uploaded)],
        ["Note", ({ note }) => (note ? h("span", { class: "clip", title: note }, name(note)) : h("span", { class: "dim" }, "–"))],
        ["Capabilities", ({ manifest }) => names(manifest.capabilities), "extra"],
        ["Actions", (version) => !version.active && scoped("activate", "Activate…", () => askActivate(module, version.version), { "aria-label": `Activate v${version.version}…` }), "act"],
      ],
    }));
}

/** A version that was refused may not be here at all, or be live by now. */
function retry(module, { kind, version }, capabilities) {
  if (!module.versions.some((one) => one.version === version && !one.active)) return null;
  return () => (kind === "canary" ? askCanary : askActivate)(module, version, capabilities);
}

function detail() {
  const module = found();
  if (state.chosen && !module) return h("p", { class: "card" }, "There is no module ", h("b", {}, name(state.chosen)), " (yet).");
  if (!module) return h("p", { class: "card hint" }, "Choose a module to see its versions", may("publish") ? ", or drop a component here." : ".");
  return [
    head(module),
    jobsView(module.name, (job, capabilities) => retry(module, job, capabilities)),
    versions(module),
  ];
}

export const modules = {
  title: "Modules",
  enter([chosen = ""]) { state.chosen = chosen; },
  async load(signal) { await Promise.all([loadModules(signal), loadJobs(signal)]); },
  view() {
    if (!state.modules) return h("p", { class: "dim" }, "Looking…");
    return h("div", { class: `split ${state.chosen ? "chosen" : ""}`, mount: (element) => acceptDrops(element, () => found()?.name ?? "") },
      list(), h("div", { class: "detail" }, uploadForm(state.modules.map((module) => module.name)), detail()));
  },
};

// Deciding what runs: activation, canary, shadow, rollback, comparison, deletion.

import { at, call, get, query, start } from "./api.js";
import { ask, confirm } from "./dialog.js";
import { plural } from "./format.js";
import { follow } from "./jobs.js";
import { refresh } from "./poll.js";
import { refused } from "./task.js";
import { h, update } from "./view.js";
import { allowances, facts, name, names, notice, refusalBox } from "./widgets.js";

/** Starts a job; the dialog is done with once the server has taken it on. */
async function begin(path, body) {
  const job = await start(path, body);
  refresh();
  // What becomes of it is shown with the jobs.
  if (job) follow(job).then(refresh, refresh);
  else notice("Done.");
}

/** How two versions differ, looked up once: `{comparison}`, `{refusal}` or neither yet. */
function comparing(module, from, to) {
  const found = {};
  get(query(at`/modules/${module}/diff`, { from, to }))
    .then((comparison) => { found.comparison = comparison; }, (refusal) => { found.refusal = refusal; })
    .finally(update);
  return found;
}

function comparisonView({ comparison, refusal }) {
  if (refusal) return refusalBox(refusal);
  if (!comparison) return h("p", { class: "dim" }, "Comparing…");
  const { from, to, identical, changes } = comparison;
  const lists = [
    ["Capabilities added", comparison.capabilities_added], ["Capabilities removed", comparison.capabilities_removed],
    ["Topics added", comparison.topics_added], ["Topics removed", comparison.topics_removed], ["Imports added", comparison.imports_added],
  ].filter(([, list]) => list.length);
  if (identical) return h("p", {}, "They are the same bytes.");
  if (!lists.length && !changes.length) return h("p", {}, "Other code; what it says of itself is the same.");
  return facts([
    ...lists.map(([title, list]) => [title, names(list)]),
    ...changes.map(({ what, from: before, to: after }) => [name(what), [h("del", { "aria-label": `v${from}` }, name(before)), " → ", h("ins", { "aria-label": `v${to}` }, name(after))]]),
  ]);
}

/** What the last refusal in the dialog, the comparison or the caller says has to be allowed. */
const wanted = (found, known) => [...new Set([...(found?.comparison?.capabilities_added ?? []), ...known, ...(refused("dialog")?.details?.capabilities ?? [])])];

export function askActivate(module, version, known = []) {
  const found = module.active && module.active !== version ? comparing(module.name, module.active, version) : null;
  ask({
    title: `Activate ${module.name} v${version}?`, submit: "Activate", careful: true,
    body: () => [
      h("p", {}, `It is rehearsed on copies of the rooms first; then ${plural(module.rooms, "live room")} change over while everybody stays connected. `,
        module.active ? `v${module.active} is kept to roll back to, and for ten minutes comes back by itself if the new one keeps failing.` : "It is the first that is live."),
      found && [h("h3", {}, `What is new against v${module.active}`), comparisonView(found)],
      allowances(wanted(found, known)),
      h("label", {}, "Also take it back if a call takes longer than, on average, in microseconds",
        h("input", { name: "call_us", type: "number", min: "1", step: "any", placeholder: "optional" })),
    ],
    run: (form) => {
      const limit = Number(form.get("call_us"));
      return begin(at`/modules/${module.name}/activate`, { version, allow: form.getAll("allow"), ...(limit > 0 && { watch: { call_us: limit } }) });
    },
  });
}

export function askCanary(module, version, known = []) {
  const running = module.canary?.version === version ? module.canary.percent : 5;
  const found = module.active ? comparing(module.name, module.active, version) : null;
  let share = running;
  const set = (other) => ({ target }) => {
    share = Number(target.value);
    document.getElementById(other).value = share;
    update();
  };
  const number = (id, type, step) => h("input", {
    id, type, step, name: type === "number" ? "percent" : null, min: "0", max: "100", required: true, value: running,
    "aria-label": "Share of the rooms, in percent", oninput: set(type === "number" ? "canary-slide" : "canary-percent"),
  });
  ask({
    title: `Give ${module.name} v${version} to some rooms`, submit: "Start the canary",
    body: () => [
      h("p", {}, "Rooms are chosen by their ids, so the same ones keep it; new rooms count, too."),
      h("div", { class: "row slide" }, number("canary-slide", "range", "1"), number("canary-percent", "number", "any"), h("span", {}, "%")),
      h("p", { class: "dim" }, `About ${plural(Math.round((module.rooms * share) / 100), "room")} of the ${module.rooms} that live now.`),
      module.canary && module.canary.version !== version && h("p", { class: "note" }, `v${module.canary.version} is a canary at the moment; end it first.`),
      allowances(wanted(found, known)),
    ],
    run: (form) => begin(at`/modules/${module.name}/canary`, { version, percent: Number(form.get("percent")), allow: form.getAll("allow") }),
  });
}

export const askEndCanary = (module) =>
  confirm("End the canary?", `Its rooms go back from v${module.canary.version} to v${module.active}.`, "End the canary",
    () => begin(at`/modules/${module.name}/canary`, { version: null }));

export function askShadow(module, version) {
  ask({
    title: `Let ${module.name} v${version} listen`, submit: "Start",
    body: () => [
      h("p", {}, "It hears what live rooms hear, and what it would do is compared with what the running version does. Nothing of it gets out."),
      h("label", {}, "Room", h("input", { name: "room", autocomplete: "off", spellcheck: "false", placeholder: "up to 16 rooms, if none is named" })),
      h("label", {}, "Seconds", h("input", { name: "seconds", type: "number", min: "1", max: "3600", required: true, value: "30" })),
    ],
    run: (form) => begin(at`/modules/${module.name}/shadow`, { version, seconds: Number(form.get("seconds")), ...(form.get("room") && { room: form.get("room") }) }),
  });
}

export const askRollback = (module) =>
  confirm(`Roll ${module.name} back to v${module.previous}?`,
    [`${plural(module.rooms, "live room")} go from v${module.active} back to v${module.previous}, code and state, while everybody stays connected.`,
      "A room whose state the old version cannot take over keeps what it has, and is listed."],
    "Roll back", () => begin(at`/modules/${module.name}/rollback`));

export const askDelete = (module, version) =>
  confirm(`Delete ${module.name} v${version.version}?`, ["Its bytes are gone for good; its number is never used again.", version.note && `Note: ${version.note}`].filter(Boolean), "Delete",
    async () => { await call("DELETE", at`/modules/${module.name}/versions/${version.version}`); notice(`v${version.version} is deleted.`); refresh(); });

/** Compares any two versions. */
export function askCompare(module, from, to) {
  const chosen = { from, to };
  let found = comparing(module.name, from, to);
  const pick = (side, label) => h("label", { key: side }, label,
    h("select", { onchange: ({ target }) => { chosen[side] = Number(target.value); found = comparing(module.name, chosen.from, chosen.to); update(); } },
      module.versions.toReversed().map(({ version, active }) => h("option", { key: version, value: version, selected: version === chosen[side] }, `v${version}${active ? ", active" : ""}`))));
  ask({
    title: `Compare versions of ${module.name}`, wide: true,
    body: () => [
      h("div", { class: "fields" }, pick("from", "From"), pick("to", "To")),
      h("div", { "aria-live": "polite" }, comparisonView(found)),
    ],
  });
}


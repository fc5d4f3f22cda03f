// What the sections are made of.

import { hint } from "./api.js";
import { ago, json, moment, visible } from "./format.js";
import { may } from "./session.js";
import { h } from "./view.js";

/** A name that somebody else chose: it does not turn what stands beside it. */
export const name = (text) => h("bdi", {}, visible(text));
export const badge = (text, tone = "") => h("span", { key: `${text} ${tone}`, class: `badge ${tone}` }, text);
export const button = (text, onclick, props) => h("button", { type: "button", onclick, ...props }, text);
export const when = (ms) => h("time", { datetime: new Date(ms).toISOString(), title: moment(ms) }, ago(ms));
export const hash = (sha256) => h("code", { title: sha256 }, sha256.slice(0, 12));
export const names = (list) => (list.length ? list.map((one) => h("code", { key: one, class: "chip" }, name(one))) : h("span", { class: "dim" }, "none"));

/** A button for those whose token has the scope. */
export const scoped = (scope, text, onclick, props) =>
  button(text, onclick, may(scope) ? props : { ...props, disabled: true, title: `needs the scope “${scope}”` });

/** Pairs of a term and what is known of it; pairs that are `null` are left out. */
export const facts = (pairs) =>
  h("dl", { class: "facts" }, pairs.filter(Boolean).map(([term, value]) => h("div", { key: term }, h("dt", {}, term), h("dd", {}, value))));

/** What was refused: code, message, what helps, details. */
export function refusalBox(refusal, dismiss) {
  const details = Object.entries(refusal.details ?? {});
  const help = hint(refusal);
  return h("div", { class: "refusal", role: "alert" },
    h("p", {}, h("code", {}, refusal.code ?? "error"), " ", name(refusal.message)),
    help && h("p", {}, help),
    details.length > 0 && facts(details.map(([key, value]) => [key, name(Array.isArray(value) ? value.map(json).join(", ") : json(value))])),
    dismiss && button("Dismiss", dismiss, { class: "quiet" }));
}

/** The heading of a column of buttons, which needs none for those who see it. */
const ACTIONS = "Actions";

/**
 * A table; on a phone, a list of cards. Columns are `[label, cell of a row, class]`; `under` gives what unfolds under a row, or `null`;
 * `narrow` ones stay tables everywhere.
 * Roles are spelled out, since cards are no longer laid out as a table.
 */
export function table({ label, columns, rows, key, under = () => null, narrow = false, empty = "Nothing here." }) {
  if (!rows.length) return h("p", { key: label, class: "empty" }, empty);
  const line = (row) => h("tr", { key: key(row), role: "row" }, columns.map(([title, cell, style]) =>
    h("td", { key: title, role: "cell", class: style, "data-label": title }, h("div", {}, cell(row)))));
  const body = rows.flatMap((row) => {
    const unfolded = under(row);
    return unfolded
      ? [line(row), h("tr", { key: `${key(row)} under`, role: "row", class: "under" }, h("td", { role: "cell", colspan: columns.length }, unfolded))]
      : [line(row)];
  });
  return h("table", { key: label, class: narrow ? "" : "cards", role: "table", "aria-label": label },
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, columns.map(([title, , style]) =>
      h("th", { key: title, role: "columnheader", scope: "col", class: style }, title === ACTIONS ? h("span", { class: "hidden" }, title) : title)))),
    h("tbody", { role: "rowgroup" }, body));
}

/** Checkboxes named `allow`. */
export const allowances = (wanted, allowed = []) =>
  wanted.length > 0 && h("fieldset", { class: "allow" }, h("legend", {}, "Allow what this version wants beyond the active one"),
    wanted.map((capability) => h("label", { key: capability, class: "inline" },
      h("input", { type: "checkbox", name: "allow", value: capability, checked: allowed.includes(capability) }), " ", name(capability))));

let hiding = 0;

/** Says in passing, also to screen readers, that something is done. */
export function notice(text) {
  const line = document.getElementById("notice");
  line.textContent = text;
  clearTimeout(hiding);
  hiding = setTimeout(() => { line.textContent = ""; }, 6000);
}

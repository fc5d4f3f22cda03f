// Numbers, times and names as people read them.

import { now } from "./session.js";

const WHOLE = new Intl.NumberFormat("en");
const FINE = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const MOMENT = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const STEPS = [[86_400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

export const count = (number) => WHOLE.format(number);
export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;
export const percent = (part, whole) => (whole ? `${FINE.format((100 * part) / whole)} %` : "–");

export function large(number) {
  for (const [size, unit] of [[1e12, "T"], [1e9, "G"], [1e6, "M"]]) if (number >= size) return `${FINE.format(number / size)} ${unit}`;
  return count(number);
}

export function bytes(number) {
  for (const [size, unit] of [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]]) if (number >= size) return `${FINE.format(number / size)} ${unit}`;
  return `${number} B`;
}

/** A duration by its two largest units. */
export function span(ms) {
  let seconds = Math.max(0, Math.round(ms / 1000));
  const parts = [];
  for (const [size, unit] of STEPS) {
    const whole = Math.floor(seconds / size);
    seconds -= whole * size;
    if (whole || parts.length) parts.push(`${whole} ${unit}`);
  }
  return parts.slice(0, 2).join(" ") || "0 s";
}

export function ago(ms) {
  const seconds = (now() - ms) / 1000;
  if (seconds < 5) return "just now";
  const [size, unit] = STEPS.find(([least]) => seconds >= least);
  return `${Math.floor(seconds / size)} ${unit} ago`;
}

export const moment = (ms) => MOMENT.format(ms);

/** Characters that cannot be seen, or turn what is around them, as their numbers: nobody is to close the wrong room. */
export const visible = (text) =>
  String(text).replace(/[^\P{Cc}\n]|[\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu, (character) => `⟨${character.codePointAt(0).toString(16)}⟩`);

export const json = (value) => (typeof value === "string" ? value : JSON.stringify(value));

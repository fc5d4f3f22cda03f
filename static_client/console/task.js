// What somebody has set off: whether it is still going on, and what was refused, kept by the place it was set off at.

import { update } from "./view.js";
import { refusalBox } from "./widgets.js";

const running = new Set();
const refusals = new Map();

/** Does something for a place, once at a time. Resolves to `undefined` if it was refused. */
export async function attempt(place, work) {
  if (running.has(place)) return undefined;
  running.add(place);
  refusals.delete(place);
  update();
  try {
    return await work();
  } catch (error) {
    if (error.name !== "AbortError") refusals.set(place, error);
    return undefined;
  } finally {
    running.delete(place);
    update();
  }
}

export const busy = (place) => running.has(place);
export const refused = (place) => refusals.get(place) ?? null;

export function dismiss(place) {
  refusals.delete(place);
  update();
}

/** What was refused at this place, to be shown there. */
export const problem = (place) => refusals.has(place) && refusalBox(refusals.get(place), () => dismiss(place));

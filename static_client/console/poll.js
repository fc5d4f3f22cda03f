// Looks every two seconds, while somebody can see it.

import { session } from "./session.js";
import { update } from "./view.js";

const EVERY = 2000;
const state = { load: null, timer: 0, aborter: null };
/** Why what is shown is out of date: a `Refusal`, or `null`. */
export const freshness = { refusal: null };

async function look() {
  clearTimeout(state.timer);
  state.aborter?.abort();
  if (!state.load || !session.server || document.hidden) return;
  const aborter = new AbortController();
  state.aborter = aborter;
  try {
    await state.load(aborter.signal);
    freshness.refusal = null;
  } catch (error) {
    if (aborter.signal.aborted) return;
    if (error.name !== "Refusal") console.error(error);
    freshness.refusal = error;
  }
  if (aborter.signal.aborted) return;
  update();
  state.timer = setTimeout(look, EVERY);
}

/** From now on `load(signal)` keeps the page up to date; `null`: nothing does. */
export function keep(load) {
  state.load = load;
  freshness.refusal = null;
  look();
}

/** Looks at once, since something has been done. */
export const refresh = look;

document.addEventListener("visibilitychange", look);

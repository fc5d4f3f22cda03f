// The entry of the component: what world `room` of sdk/wit exports, made of rules.js.

import log from "roost:room/log@0.1.0";
import Game from "../rules.js";
import { component } from "./roost.js";

// Rules have no clock and no chance of their own: a call that is repeated must give the same.
const instead = (what, use) => () => {
  throw new Error(`${what} differs from run to run: use ${use}`);
};
Math.random = instead("Math.random()", "cx.random()");
globalThis.Date = class extends Date {
  constructor(...time) {
    if (time.length === 0) instead("new Date()", "new Date(cx.now)")();
    super(...time);
  }
  static now = instead("Date.now()", "cx.now");
};

export const rules = component(Game, (level, line) => log.log(level, line));

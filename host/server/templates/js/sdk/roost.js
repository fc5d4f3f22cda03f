// Between the interface (sdk/wit) and rules written as a class. Topics go by name, payloads are
// JSON values or Uint8Array, state is the fields of an object. Not yours to edit: a newer
// `roost module new` brings a newer one.

/** Events of the interface, and the methods of the rules that are told of them. */
const EVENTS = {
  "join-attempt": "joinAttempt",
  join: "join",
  attach: "attach",
  detach: "detach",
  leave: "leave",
  timer: "timer",
  "profile-changed": "profileChanged",
  activated: "activated",
  signal: "signal",
  "doc-access": "docAccess",
  "doc-applied": "docApplied",
  "media-access": "mediaAccess",
  terminate: "terminate",
};

/** A value as the interface's payload. */
export function payload(value) {
  if (value instanceof Uint8Array) return { tag: "binary", val: value };
  return { tag: "json", val: JSON.stringify(value ?? null) };
}

/** A payload as a value. */
export function value({ tag, val }) {
  if (tag === "json") return JSON.parse(val);
  return val instanceof Uint8Array ? val : Uint8Array.from(val);
}

/**
 * What every method of the rules is given: time and chance to read, effects to ask for. They are
 * carried out when the call has returned: all of them or, if it throws, none.
 */
export class Cx {
  effects = [];
  #index = 0;
  #topics;
  #chance;

  constructor(context, topics) {
    /** Unix time in milliseconds. Never falls within a room. */
    this.now = context.now;
    /** Milliseconds the room has really been running. */
    this.uptime = context.uptime;
    /** Ticks so far; null in kinds without ticks. */
    this.tick = context.tick ?? null;
    this.#topics = topics;
    this.#chance = generator(context.seed);
  }

  at(index) {
    this.#index = index;
  }

  /** A number from 0 up to, not including, 1. */
  random() {
    return this.#chance();
  }

  /** A whole number from 0 to bound - 1. */
  randomBelow(bound) {
    return Math.floor(this.#chance() * bound);
  }

  /**
   * Send something.
   * to: "everyone" (default), {connection}, {connections}, {member}, {members}, {butConnection}
   * or {butMember}. lane: "reliable" (default), "unreliable" or {latest: key}.
   * by: a member's number or a user id, for clients to see as its source.
   */
  deliver(topic, data, { to, lane, by } = {}) {
    this.push("deliver", {
      to: audience(to),
      topic: this.#topic(topic),
      payload: payload(data),
      lane: laneOf(lane),
      author: author(by),
    });
  }

  /** Send the message that is being handled on, as it is; to and lane as in deliver. */
  forward({ to, lane } = {}) {
    this.push("forward", { index: this.#index, to: audience(to), lane: laneOf(lane) });
  }

  /** Let an entrant in: the answer to joinAttempt, as refuse and redirect are. */
  admit(connection) {
    this.push("admit", connection);
  }

  /** reason: "full", "banned" or "forbidden". */
  refuse(connection, reason, text) {
    this.push("refuse", { connection, reason, text });
  }

  redirect(connection, room, notice = "") {
    this.push("redirect", { connection, room, notice });
  }

  /** Take a connection to another room of the kind; onArrival: [[topic, data], …]. */
  moveTo(connection, room, onArrival = []) {
    const packets = onArrival.map(([topic, data]) => ({
      topic: this.#topic(topic),
      payload: payload(data),
    }));
    this.push("move", { connection, room, onArrival: packets });
  }

  kick(member, text = "") {
    this.push("kick", { member, text });
  }

  /** Have `timer` called with this id, so many milliseconds from now; the same id replaces. */
  setTimer(id, after) {
    this.push("set-timer", { id, after });
  }

  cancelTimer(id) {
    this.push("cancel-timer", id);
  }

  /** The room's entry in the kind's list; data is any JSON value of at most 4 KiB. */
  setListing(data, { visible = true, bans = [] } = {}) {
    this.push("set-listing", { data: JSON.stringify(data ?? null), visible, bans });
  }

  /** profile: {name, color}. Needs the capability "set-profile". */
  setProfile(member, profile) {
    this.push("set-profile", { member, profile });
  }

  subscribe(connection, topic) {
    this.push("subscribe", { connection, topic: this.#topic(topic) });
  }

  unsubscribe(connection, topic) {
    this.push("unsubscribe", { connection, topic: this.#topic(topic) });
  }

  /** Beyond the room: to all who subscribed, or to users by id. */
  publish(topic, data, { users, by } = {}) {
    const to = users ? { tag: "users", val: users } : { tag: "subscribers" };
    this.push("publish", { to, topic: this.#topic(topic), payload: payload(data), author: author(by) });
  }

  /** Make this call durable before it takes effect. */
  commit() {
    this.push("commit");
  }

  /** Answer a signal with a value, or with an Error. */
  replySignal(id, answer) {
    const failed = answer instanceof Error;
    const result = failed
      ? { tag: "err", val: answer.message }
      : { tag: "ok", val: payload(answer) };
    this.push("reply-signal", { id, answer: result });
  }

  /** The room is over; the last effect of its call. outcome is any JSON value. */
  endRoom(text, outcome = null) {
    this.push("end-room", { text, outcome: JSON.stringify(outcome) });
  }

  /** An effect as the interface writes it. */
  push(tag, val) {
    this.effects.push(val === undefined ? { tag } : { tag, val });
  }

  #topic(name) {
    const index = this.#topics.indexOf(name);
    if (index < 0) throw new Error(`there is no topic ${JSON.stringify(name)} in the manifest`);
    return index;
  }
}

function audience(to = "everyone") {
  if (to === "everyone") return { tag: "everyone" };
  if ("connection" in to) return { tag: "connections", val: [to.connection] };
  if ("connections" in to) return { tag: "connections", val: to.connections };
  if ("member" in to) return { tag: "members", val: [to.member] };
  if ("members" in to) return { tag: "members", val: to.members };
  if ("butConnection" in to) return { tag: "but-connection", val: to.butConnection };
  if ("butMember" in to) return { tag: "but-member", val: to.butMember };
  throw new Error(`no audience: ${JSON.stringify(to)}`);
}

function laneOf(lane = "reliable") {
  return typeof lane === "string" ? { tag: lane } : { tag: "latest", val: lane.latest };
}

function author(by) {
  if (by === undefined) return { tag: "room" };
  return typeof by === "number" ? { tag: "member", val: by } : { tag: "user", val: by };
}

/** Small fast counter generator (sfc32), from the 53 random bits of a call. */
function generator(seed) {
  let a = seed >>> 0;
  let b = Math.floor(seed / 2 ** 32) >>> 0;
  let c = 0x9e3779b9;
  let counter = 1;
  const next = () => {
    const sum = (a + b + counter++) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let warm = 0; warm < 12; warm++) next();
  return () => next() / 2 ** 32;
}

/** The fields of an object as bytes: JSON in plain ASCII, in which a Map is kept, too. */
export function encode(state) {
  const text = JSON.stringify(state, (_key, field) => {
    if (field instanceof Map) return { $map: [...field] };
    const plain = field !== null && typeof field === "object" && !Array.isArray(field);
    const odd = plain && (Object.hasOwn(field, "$map") || Object.hasOwn(field, "$object"));
    return odd ? { $object: Object.entries(field) } : field;
  });
  const escaped = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  const plain = text.replace(/[\u007f-\uffff]/g, escaped);
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

/** What encode has written. */
export function decode(bytes) {
  let text = "";
  for (let start = 0; start < bytes.length; start += 4096) {
    text += String.fromCharCode(...bytes.slice(start, start + 4096));
  }
  return JSON.parse(text, (_key, field) => {
    if (field === null || typeof field !== "object") return field;
    if (Object.hasOwn(field, "$map")) return new Map(field.$map);
    return Object.hasOwn(field, "$object") ? Object.fromEntries(field.$object) : field;
  });
}

/**
 * What world `room` exports, of a class of rules. An object of the class is a room; its fields
 * are the state. Methods it does not have do nothing, but that everybody is admitted and signals
 * are answered with an error.
 */
export function component(Rules, log) {
  const { topics, ...about } = Rules.manifest;
  const names = Object.keys(topics);
  const { stateVersion = 1 } = about;
  let room;

  const told = (work) => {
    try {
      return work();
    } catch (error) {
      log("error", `${error}\n${error?.stack ?? ""}`);
      throw error;
    }
  };
  // A `result` of the interface: its error is the thrown text.
  const refusing = (work) => {
    try {
      room = work();
    } catch (error) {
      throw String(error?.message ?? error);
    }
  };

  return {
    describe: () => ({
      kind: about.kind,
      stateVersion,
      pace: about.ticks ? { tag: "ticks", val: about.ticks } : { tag: "messages" },
      durability: about.durability ?? "ephemeral",
      grace: about.grace ?? 0,
      // An interpreter needs more fuel: 65536 bytes alone cost more than a small call has by default.
      limits: { members: 100, fuel: 100, memory: null, snapshot: null, ...about.limits },
      capabilities: about.capabilities ?? [],
      topics: names.map((name) => ({ name, intake: topics[name] })),
    }),
    init: (config) => refusing(() => new Rules(settings(config))),
    restore: (config, meta, bytes) =>
      refusing(() => {
        let state = decode(bytes);
        if (meta.stateVersion !== stateVersion) {
          if (!Rules.upgrade) {
            throw new Error(`the state has version ${meta.stateVersion}, these rules read ${stateVersion}`);
          }
          state = Rules.upgrade(state, meta.stateVersion);
        }
        return Object.assign(new Rules(settings(config)), state);
      }),
    handle: (context, events) =>
      told(() => {
        const cx = new Cx(context, names);
        events.forEach((event, index) => {
          cx.at(index);
          const answer = happen(room, cx, event, names);
          if (typeof answer?.then === "function") throw new Error("rules may not be asynchronous");
        });
        return cx.effects;
      }),
    snapshot: () => told(() => encode({ ...room })),
  };
}

function settings({ room, seed, options, bans }) {
  return { room, seed, options: JSON.parse(options), bans };
}

function happen(room, cx, { tag, val }, names) {
  if (tag === "message") {
    const { member, via, topic } = val;
    return room.message?.(cx, names[topic], value(val.payload), { member, via });
  }
  if (tag === "tick") return room.tick?.(cx);
  const method = EVENTS[tag];
  if (room[method]) return room[method](cx, tag === "signal" ? { ...val, body: value(val.body) } : val);
  if (tag === "join-attempt") cx.admit(val.connection);
  if (tag === "signal") cx.replySignal(val.id, new Error(`this kind has no signal ${JSON.stringify(val.name)}`));
  return undefined;
}

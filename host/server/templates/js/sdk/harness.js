// A room for tests: plays the host, in milliseconds and without a server. Time passes only when
// told. Each call is made twice, on the room and on one restored from a snapshot taken just
// before; both must give the same effects and then the same snapshot.

import assert from "node:assert/strict";
import { component, value } from "./roost.js";

const START = 1_800_000_000_000;
const META = { program: "0".repeat(64), stateVersion: 1 };

export class Room {
  #rules;
  #room;
  #config;
  #topics;
  #timers = new Map();
  #connections = new Map();
  #numbers = { member: 0, connection: 0, call: 0, signal: 0, tick: 0 };
  now = START;
  /** The effects of the last call. */
  last = new Effects([], [], []);

  /** options: the operator's settings for the kind. */
  constructor(Rules, options = {}) {
    this.#rules = Rules;
    this.#topics = Object.keys(Rules.manifest.topics);
    this.#config = { room: "test", seed: 1, options: JSON.stringify(options), bans: [] };
    this.#room = this.#instance();
    this.#room.init(this.#config);
  }

  /** A user enters, if admitted; the peer has the numbers of member and connection. */
  enter(user) {
    const connection = ++this.#numbers.connection;
    const profile = { name: user.slice(user.indexOf(":") + 1), color: 0x808080 };
    const who = { user, profile, claims: "{}", verified: true };
    const entrant = { connection, who, options: "{}", leaving: null };
    const asked = this.call([{ tag: "join-attempt", val: entrant }]);
    const admitted = asked.all.some(({ tag, val }) => tag === "admit" && val === connection);
    assert.ok(admitted, `${user} was not admitted: ${JSON.stringify(asked.all)}`);
    const member = ++this.#numbers.member;
    this.#connections.set(connection, member);
    this.call([
      { tag: "join", val: { member, entrant } },
      { tag: "attach", val: { member, connection, resumed: false } },
    ]);
    return { user, member, connection };
  }

  /** A further connection of a member, or its return. */
  attach(peer, resumed = false) {
    const connection = ++this.#numbers.connection;
    this.#connections.set(connection, peer.member);
    this.call([{ tag: "attach", val: { member: peer.member, connection, resumed } }]);
    return { ...peer, connection };
  }

  /** A member is gone, after all of its connections. */
  leave({ member }, reason = "closed") {
    const events = [];
    for (const [connection, owner] of this.#connections) {
      if (owner !== member) continue;
      this.#connections.delete(connection);
      events.push({ tag: "detach", val: { member, connection, reason } });
    }
    return this.call([...events, { tag: "leave", val: { member, reason } }]);
  }

  /** A member says a JSON value or a Uint8Array. */
  say({ member, connection: via }, topic, data) {
    const index = this.#topics.indexOf(topic);
    assert.ok(index >= 0, `no topic ${topic}`);
    const binary = data instanceof Uint8Array;
    const payload = binary ? { tag: "binary", val: data } : { tag: "json", val: JSON.stringify(data) };
    return this.call([{ tag: "message", val: { member, via, topic: index, payload } }]);
  }

  profileChanged({ member }, profile) {
    return this.call([{ tag: "profile-changed", val: { member, profile } }]);
  }

  /** An operator wants something; the answer, or its error thrown. */
  signal(name, body = null) {
    const id = ++this.#numbers.signal;
    const payload = { tag: "json", val: JSON.stringify(body) };
    const { all } = this.call([{ tag: "signal", val: { id, name, body: payload } }]);
    const reply = all.find(({ tag, val }) => tag === "reply-signal" && val.id === id);
    assert.ok(reply, `signal ${name} was not answered`);
    if (reply.val.answer.tag === "err") throw new Error(reply.val.answer.val);
    return value(reply.val.answer.val);
  }

  /** A tick, with time passed since the one before; for kinds with ticks. */
  tick() {
    this.#numbers.tick += 1;
    this.now += Math.round(1000 / this.#rules.manifest.ticks);
    return this.call([{ tag: "tick" }]);
  }

  /** Let time pass; timers that run out are called at their times. The effects of all of them. */
  advance(milliseconds) {
    const end = this.now + milliseconds;
    const effects = [];
    for (;;) {
      const due = [...this.#timers].filter(([, at]) => at <= end).sort((a, b) => a[1] - b[1])[0];
      if (!due) break;
      this.#timers.delete(due[0]);
      this.now = Math.max(this.now, due[1]);
      effects.push(this.call([{ tag: "timer", val: due[0] }]));
    }
    this.now = end;
    return effects.reduce((sum, more) => sum.and(more), new Effects([], [], []));
  }

  /** The server is started anew: the state is restored, all connections are gone. */
  restart(down = 0) {
    this.#room = this.#restored(this.snapshot());
    this.now += down;
    const events = [...this.#connections].map(([connection, member]) => ({
      tag: "detach",
      val: { member, connection, reason: "server-restart" },
    }));
    this.#connections.clear();
    if (events.length > 0) this.call(events);
  }

  /** The state as bytes. */
  snapshot() {
    return this.#room.snapshot();
  }

  /** Call the rules with a batch as the interface writes it. */
  call(events) {
    const context = {
      now: this.now,
      uptime: this.now - START,
      seed: ++this.#numbers.call * 7_919_000_003,
      tick: this.#rules.manifest.ticks ? this.#numbers.tick : null,
    };
    const twin = this.#restored(this.snapshot());
    const all = this.#room.handle(context, events);
    assert.deepEqual(twin.handle(context, events), all, "a restored room gave other effects");
    assert.deepEqual(twin.snapshot(), this.snapshot(), "a restored room came to another state");
    for (const { tag, val } of all) {
      if (tag === "set-timer") this.#timers.set(val.id, this.now + val.after);
      if (tag === "cancel-timer") this.#timers.delete(val);
    }
    this.last = new Effects(events, all, this.#topics);
    return this.last;
  }

  #instance() {
    return component(this.#rules, () => {});
  }

  #restored(state) {
    const instance = this.#instance();
    const { stateVersion = 1 } = this.#rules.manifest;
    instance.restore(this.#config, { ...META, stateVersion }, state);
    assert.deepEqual(instance.snapshot(), state, "a restored room gave another snapshot");
    return instance;
  }
}

/** What a call asked for. */
export class Effects {
  /** @param all effects as the interface writes them */
  constructor(events, all, topics) {
    this.all = all;
    /** What was delivered or forwarded: {topic, data, to, lane, by}. */
    this.sent = all.flatMap((effect) => sent(events, effect, topics));
  }

  /** The data of everything sent on a topic. */
  on(topic) {
    return this.sent.filter((one) => one.topic === topic).map((one) => one.data);
  }

  /** All that this connection would receive. */
  seenBy({ member, connection }) {
    const reaches = {
      everyone: () => true,
      "but-connection": (other) => other !== connection,
      "but-member": (other) => other !== member,
      members: (all) => all.includes(member),
      connections: (all) => all.includes(connection),
    };
    return this.sent.filter(({ to }) => reaches[to.tag](to.val));
  }

  and(more) {
    const both = new Effects([], [], []);
    both.all = [...this.all, ...more.all];
    both.sent = [...this.sent, ...more.sent];
    return both;
  }
}

function sent(events, { tag, val }, topics) {
  if (tag === "deliver") {
    const { to, lane, author } = val;
    return [{ topic: topics[val.topic], data: value(val.payload), to, lane, by: author.val }];
  }
  if (tag === "forward") {
    const { topic, payload, member } = events[val.index].val;
    return [{ topic: topics[topic], data: value(payload), to: val.to, lane: val.lane, by: member }];
  }
  return [];
}

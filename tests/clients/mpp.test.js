// Bots' libraries, unmodified, against a running server: ROOST_URL is its address, ws://host:port.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, test } from "node:test";

const require = createRequire(import.meta.url);
const { Client: NetClient } = require("mpp-client-net");
const XtClient = require("mpp-client-xt");

const URL = process.env.ROOST_URL;
const libraries = { "mpp-client-net": NetClient, "mpp-client-xt": XtClient };
const started = [];
let rooms = 0;

/** The next event of that name for which `wanted` holds. */
function next(client, name, wanted = () => true) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${name} within 20 s`)), 20_000);
    const hear = (message) => {
      if (!wanted(message)) return;
      clearTimeout(timer);
      client.removeListener(name, hear);
      resolve(message);
    };
    client.on(name, hear);
  });
}

async function join(Client, path, room, set) {
  const client = new Client(URL + path);
  started.push(client);
  client.on("error", () => {});
  client.on("wserror", () => {});
  const greeted = next(client, "hi");
  client.start();
  await greeted;
  const entered = next(client, "ch", (message) => message.ch._id === room);
  client.setChannel(room, set);
  await entered;
  return client;
}

/** Everybody who has come so far. */
function people(client) {
  return Object.values(client.ppl).map((person) => person.id).sort();
}

after(() => started.forEach((client) => client.stop()));

for (const [name, Client] of Object.entries(libraries)) {
  for (const path of ["", "/ws", "/any/path?x=1"]) {
    test(`${name} at ${path || "/"}: two join, see and hear each other`, async () => {
      const room = `clients ${++rooms}`;
      const ann = await join(Client, path, room);
      const seen = next(ann, "participant added", (person) => person.id !== ann.participantId);
      const bob = await join(Client, path, room);
      assert.equal((await seen).id, bob.participantId);
      assert.notEqual(ann.participantId, bob.participantId);
      assert.deepEqual(people(bob), [ann.participantId, bob.participantId].sort());
      assert.match(ann.user._id, /^[0-9a-f]{24}$/);
      assert.equal(ann.channel.crown.participantId, ann.participantId);

      let own = 0;
      ann.on("n", () => own++);
      const heard = next(bob, "n");
      ann.startNote("c3", 0.7);
      ann.stopNote("c3");
      const notes = await heard;
      assert.equal(notes.p, ann.participantId);
      assert.deepEqual(notes.n.map((note) => note.n), ["c3", "c3"]);
      assert.equal(notes.n[0].v, 0.7);
      assert.equal(notes.n[1].s, 1);
      assert.ok(Math.abs(notes.t - Date.now()) < 5000);

      const echoed = next(ann, "a");
      const told = next(bob, "a");
      ann.sendArray([{ m: "a", message: "good evening" }]);
      assert.equal((await echoed).a, "good evening");
      assert.equal((await told).p._id, ann.user._id);
      assert.equal(own, 0, "nobody hears himself");
    });
  }

  test(`${name}: names, mouse, settings, crown, ban`, async () => {
    const room = `clients ${++rooms}`;
    const ann = await join(Client, "", room, { visible: true, chat: true, color: "#112233" });
    const bob = await join(Client, "", room);
    assert.equal(ann.channel.settings.color, "#112233");

    const renamed = next(bob, "p", (person) => person.name === "Ada");
    ann.sendArray([{ m: "userset", set: { name: "Ada", color: "#3F9a0c" } }]);
    assert.equal((await renamed).color.toLowerCase(), "#3f9a0c");

    const moved = next(bob, "m");
    ann.sendArray([{ m: "m", x: "12.40", y: 63 }]);
    const { id, x, y } = await moved;
    assert.deepEqual([id, Number(x), Number(y)], [ann.participantId, 12.4, 63]);

    const changed = next(bob, "ch", ({ ch }) => ch.settings.crownsolo);
    ann.sendArray([{ m: "chset", set: { ...ann.channel.settings, crownsolo: true } }]);
    assert.equal((await changed).ch.settings.color, "#112233");

    const listed = next(bob, "ls", ({ u }) => u.some((entry) => entry._id === room));
    bob.sendArray([{ m: "+ls" }]);
    const list = await listed;
    assert.equal(list.c, true);
    const entry = list.u.find((entry) => entry._id === room);
    assert.deepEqual([entry.id, entry.count], [room, 2]);

    const given = next(bob, "ch", ({ ch }) => ch.crown.participantId === bob.participantId);
    ann.sendArray([{ m: "chown", id: bob.participantId }]);
    await given;

    const away = next(ann, "ch", ({ ch }) => ch._id === "test/awkward");
    const why = next(ann, "notification");
    const left = next(bob, "bye", ({ p }) => p === ann.participantId);
    bob.sendArray([{ m: "kickban", _id: ann.user._id, ms: 3_600_000 }]);
    await Promise.all([away, left]);
    assert.match((await why).text, /60/);
    const again = next(ann, "notification");
    ann.setChannel(room);
    assert.match((await again).text, /60|59/);
  });
}

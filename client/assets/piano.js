// Enough of the Multiplayer Piano protocol (protocol/docs/mpp.md) to try a server: join, see who plays what, chat.

const NAMES = ["c", "cs", "d", "ds", "e", "f", "fs", "g", "gs", "a", "as", "b"];
const TYPED = "awsedftgyhujkolp";
const LIT_MS = 250;
const FLUSH_MS = 200;
const TIME_MS = 20_000;

const $ = (id) => document.getElementById(id);
const people = new Map();
const keys = new Map();
const piano = { socket: null, me: null, room: null, offset: 0, attempts: 0, notes: [], notesAt: 0, crown: null };

function roomOfAddress() {
  const asked = new URLSearchParams(location.search).get("c");
  try {
    return asked || decodeURIComponent(location.pathname.slice(1)) || "lobby";
  } catch {
    return "lobby";
  }
}

function say(...messages) {
  if (piano.socket?.readyState === WebSocket.OPEN) piano.socket.send(JSON.stringify(messages));
}

function status(state, text) {
  $("status").dataset.state = state;
  $("status").textContent = text;
}

function connect() {
  status("wait", "Connecting…");
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/`);
  piano.socket = socket;
  socket.addEventListener("open", () => say({ m: "hi", token: localStorage.token }));
  socket.addEventListener("message", ({ data }) => JSON.parse(data).forEach((message) => hear[message.m]?.(message)));
  socket.addEventListener("close", ({ reason }) => {
    const wait = Math.min(10_000, 500 * 2 ** piano.attempts++);
    status("off", reason ? `Closed: ${reason}` : "Connection lost");
    setTimeout(connect, wait);
  });
}

const hear = {
  hi({ u, t, token }) {
    piano.attempts = 0;
    piano.offset = t - Date.now();
    if (token) localStorage.token = token;
    $("name").value = u.name;
    $("color").value = u.color;
    say({ m: "ch", _id: piano.room ?? roomOfAddress() }, { m: "+ls" });
  },
  t({ t }) {
    piano.offset = t - Date.now();
  },
  ch({ ch, ppl, p }) {
    if (p) piano.me = p;
    if (ch._id !== piano.room) {
      piano.room = ch._id;
      document.title = `${ch._id} · Roost piano`;
      const path = ch._id === "lobby" ? "/" : `/${encodeURIComponent(ch._id)}`;
      if (decodeURIComponent(location.pathname) !== `/${ch._id}`) history.replaceState(null, "", path);
    }
    $("room").value = ch._id;
    people.clear();
    ppl.forEach((person) => people.set(person.id, person));
    piano.crown = ch.crown;
    $("say").hidden = !ch.settings.chat;
    show();
  },
  p(person) {
    people.set(person.id, { ...people.get(person.id), ...person });
    if (person.id === piano.me) $("name").value = person.name;
    show();
  },
  bye({ p }) {
    people.delete(p);
    show();
  },
  c({ c }) {
    $("chat").replaceChildren();
    c.forEach((message) => hear[message.m]?.(message));
  },
  a({ a, p }) {
    line(p, a);
  },
  dm({ a, sender, recipient }) {
    line(sender, `(to ${recipient.name}) ${a}`);
  },
  n({ p, t, n }) {
    const color = people.get(p)?.color ?? "#888888";
    const start = t - piano.offset + 1000 - Date.now();
    for (const note of n) {
      if (!note.s) setTimeout(() => light(note.n, color), Math.max(0, start + (note.d ?? 0)));
    }
  },
  ls({ u }) {
    const rooms = $("rooms");
    for (const room of u) {
      const old = [...rooms.children].find((option) => option.value === room._id);
      old?.remove();
      if (room.count > 0) rooms.append(new Option(`${room.count} here`, room._id));
    }
  },
  notification({ title, text }) {
    const notice = $("notice");
    notice.textContent = [title, text].filter(Boolean).join(": ");
    notice.hidden = false;
    clearTimeout(notice.timer);
    notice.timer = setTimeout(() => { notice.hidden = true; }, 7000);
  },
};

function show() {
  status("on", `${piano.room}: ${people.size} here`);
  $("people").replaceChildren(...[...people.values()].map((person) => {
    const item = document.createElement("li");
    item.textContent = person.name + (person.id === piano.crown?.participantId ? " · crown" : "");
    item.style.setProperty("--who", person.color);
    item.classList.toggle("me", person.id === piano.me);
    return item;
  }));
  const mine = piano.crown?.participantId === piano.me;
  $("crown").textContent = piano.crown && !piano.crown.participantId ? "The crown lies on the floor." : "";
  $("take").hidden = !piano.crown || Boolean(piano.crown.participantId);
  $("drop").hidden = !piano.crown || !mine;
}

function line(person, text) {
  const chat = $("chat");
  const end = chat.scrollHeight - chat.scrollTop - chat.clientHeight < 40;
  const item = document.createElement("li");
  const who = document.createElement("b");
  who.textContent = person.name;
  item.style.setProperty("--who", person.color);
  item.append(who, text);
  chat.append(item);
  while (chat.children.length > 200) chat.firstChild.remove();
  if (end) item.scrollIntoView({ block: "end" });
}

function light(name, color) {
  const key = keys.get(name);
  if (!key) return;
  key.style.setProperty("--who", color);
  key.classList.add("lit");
  clearTimeout(key.timer);
  key.timer = setTimeout(() => key.classList.remove("lit"), LIT_MS);
}

function press(name) {
  const now = Date.now() + piano.offset;
  if (piano.notes.length === 0) {
    piano.notesAt = now;
    setTimeout(() => {
      say({ m: "n", t: piano.notesAt, n: piano.notes });
      piano.notes = [];
    }, FLUSH_MS);
  }
  const delay = Math.round(now - piano.notesAt);
  piano.notes.push(delay > 0 ? { n: name, v: 0.6, d: delay } : { n: name, v: 0.6 });
  light(name, people.get(piano.me)?.color ?? "#888888");
}

function build() {
  const all = [];
  for (let midi = 21; midi <= 108; midi++) all.push(NAMES[midi % 12] + (Math.floor(midi / 12) - 2));
  const whites = all.filter((name) => !name.includes("s")).length;
  let white = 0;
  for (const name of all) {
    const key = document.createElement("button");
    const black = name.includes("s");
    key.type = "button";
    key.tabIndex = -1;
    key.className = black ? "black" : "white";
    key.setAttribute("aria-label", name);
    key.style.width = `${(black ? 0.62 : 1) * 100 / whites}%`;
    key.style.left = `${(black ? white - 0.31 : white++) * 100 / whites}%`;
    key.addEventListener("pointerdown", () => press(name));
    keys.set(name, key);
    $("piano").append(key);
  }
}

$("go").addEventListener("submit", (event) => {
  event.preventDefault();
  if ($("room").value) say({ m: "ch", _id: $("room").value });
});
$("say").addEventListener("submit", (event) => {
  event.preventDefault();
  if ($("text").value.trim()) say({ m: "a", message: $("text").value });
  $("text").value = "";
});
$("profile").addEventListener("submit", (event) => {
  event.preventDefault();
  say({ m: "userset", set: { name: $("name").value, color: $("color").value } });
});
$("take").addEventListener("click", () => say({ m: "chown", id: piano.me }));
$("drop").addEventListener("click", () => say({ m: "chown" }));
addEventListener("keydown", ({ key, target, repeat, ctrlKey, metaKey, altKey }) => {
  if (repeat || ctrlKey || metaKey || altKey || target instanceof HTMLInputElement) return;
  const step = TYPED.indexOf(key.toLowerCase());
  if (step >= 0) press(NAMES[step % 12] + (3 + Math.floor(step / 12)));
});
setInterval(() => say({ m: "t", e: Date.now() }), TIME_MS);
build();
connect();

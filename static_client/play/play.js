// A page for the native door: joins a room of any kind, says things on its topics and shows what comes.

const KEEP_LINES = 500;
const MAX_PAYLOAD = 64 * 1024;
/** Close codes after which coming back makes sense, and those after which `resume` is worth a try. */
const RECONNECT = new Set([1001, 1005, 1006, 1011, 1013, 4408]);
const RESUME = new Set([1001, 1005, 1006, 4408]);
const CLOSE_TEXTS = {
  1001: "the server is going down", 1008: "too many bad frames", 1009: "a frame was too large",
  1011: "the room stopped", 1013: "too busy at the moment", 4400: "the address is wrong", 4401: "the token is not accepted",
  4403: "refused, kicked or banned", 4404: "there is no such kind", 4408: "too slow, or silent for too long",
  4410: "the room has ended",
};

const $ = (id) => document.getElementById(id);
const join = $("join"), compose = $("compose"), log = $("log"), filter = $("filter");

/** What is remembered of the room we are in, or want to be in. */
const room = { socket: null, kind: "", resume: null, seq: null, tries: 0, timer: 0, wanted: false };
/** The tokens by which we come back as the same user without one of our own: each is good for one kind. */
const tokens = new Map();
let paused = false, arrived = 0, topics = [];

// ---- connection -------------------------------------------------------------------------------------------------

function address() {
  const form = new FormData(join);
  const query = new URLSearchParams();
  room.kind = form.get("kind");
  const token = form.get("token") || tokens.get(room.kind);
  if (token) query.set("token", token);
  for (const key of ["name", "options"]) if (form.get(key)) query.set(key, form.get(key));
  if (room.resume !== null && room.seq !== null) query.set("resume", `${room.resume}.${room.seq}`);
  const path = ["play", room.kind, form.get("room")].map(encodeURIComponent).join("/");
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  return `${scheme}://${location.host}/${path}${query.size ? "?" + query : ""}`;
}

function connect() {
  clearTimeout(room.timer);
  room.wanted = true;
  status("wait", room.tries ? `Connecting again (${room.tries})…` : "Connecting…");
  const socket = new WebSocket(address());
  socket.binaryType = "arraybuffer";
  room.socket = socket;
  socket.onmessage = ({ data }) => {
    if (socket !== room.socket) return;
    if (typeof data === "string") hearText(data); else hearBinary(new Uint8Array(data));
  };
  socket.onclose = (event) => { if (socket === room.socket) closed(event); };
  buttons();
}

function closed({ code, reason }) {
  room.socket = null;
  const text = reason || CLOSE_TEXTS[code] || "the connection is gone";
  line("note", "closed", `${code}: ${text}`);
  if (!RESUME.has(code)) room.resume = room.seq = null;
  // A token of ours has had its time: without it we are somebody new.
  const outdated = code === 4401 && !new FormData(join).get("token") && tokens.delete(room.kind);
  if (room.wanted && (outdated || RECONNECT.has(code))) {
    room.tries += 1;
    const wait = Math.min(15_000, 500 * 2 ** Math.min(room.tries, 5)) * (0.75 + Math.random() / 2);
    status("wait", `Lost (${text}); again in ${Math.ceil(wait / 1000)} s`);
    room.timer = setTimeout(connect, wait);
  } else {
    room.wanted = false;
    status(code === 1000 ? "off" : "bad", code === 1000 ? "Not connected" : `${code}: ${text}`);
  }
  buttons();
}

function leave() {
  clearTimeout(room.timer);
  room.wanted = false;
  room.resume = room.seq = null;
  room.socket?.close(1000);
  if (!room.socket) status("off", "Not connected");
  buttons();
}

// ---- what comes -------------------------------------------------------------------------------------------------

function hearText(text) {
  let frame;
  try { frame = JSON.parse(text); } catch { return line("error", "not JSON", text); }
  if (frame.roost === undefined) {
    if (typeof frame.seq === "number") room.seq = frame.seq;
    arrived += 1;
    return line("", frame.topic, pretty(frame.data), frame);
  }
  switch (frame.roost) {
    case "welcome": return welcome(frame);
    case "error": return line("error", frame.code, frame.message);
    case "refused": return line("error", `refused: ${frame.reason}`, frame.text ?? "");
    case "moving": return line("note", "moving", `to ${frame.room}: ${frame.text ?? ""}`);
    default: return line("note", frame.roost, frame.text ?? pretty(frame));
  }
}

/** Length and topic, `seq` (0 for none), length and author, payload. */
function hearBinary(bytes) {
  const decoder = new TextDecoder();
  const end = 1 + (bytes[0] ?? 0);
  const start = end + 10;
  if (bytes.length < start) return line("error", "broken frame", hex(bytes));
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const seq = Number(header.getBigUint64(end));
  const author = start + header.getUint16(end + 8, true);
  if (seq > 0) room.seq = seq;
  arrived += 1;
  const from = decoder.decode(bytes.subarray(start, author));
  line("", decoder.decode(bytes.subarray(1, end)), hex(bytes.subarray(author)), { from, seq: seq || undefined });
}

function welcome(frame) {
  room.tries = 0;
  room.resume = frame.resume ?? null;
  if (frame.resumed !== true) room.seq = null;
  if (frame.token !== undefined) tokens.set(room.kind, frame.token);
  topics = frame.topics ?? [];
  status("on", `In ${frame.kind} / ${frame.room}`);
  const rows = { user: frame.user, member: frame.member, connection: frame.connection, program: frame.program, resumed: frame.resumed };
  $("welcome").replaceChildren(...Object.entries(rows).filter(([, value]) => value !== undefined).flatMap(([key, value]) => {
    const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
    dt.textContent = key;
    dd.textContent = key === "program" ? String(value).slice(0, 16) + "…" : String(value);
    dd.title = String(value);
    return [dt, dd];
  }));
  $("topics").replaceChildren(...topics.map(({ name, intake }) => {
    const item = document.createElement("li");
    const kind = document.createElement("span");
    item.textContent = name + " ";
    kind.textContent = intake;
    item.append(kind);
    return item;
  }));
  const open = topics.filter(({ intake }) => intake !== "closed").map(({ name }) => name);
  options(compose.topic, open.map((name) => [name, name]));
  options(filter, [["", "every topic"], ...topics.map(({ name }) => [name, name])]);
  line("note", "welcome", `${frame.kind} / ${frame.room}${frame.resumed ? ", resumed" : ""}`);
  buttons();
}

function options(select, entries) {
  const before = select.value;
  select.replaceChildren(...entries.map(([value, text]) => new Option(text, value)));
  if (entries.some(([value]) => value === before)) select.value = before;
}

// ---- what is shown ----------------------------------------------------------------------------------------------

function line(kind, topic, text, { from, member, seq } = {}) {
  if (paused && !kind) return;
  const item = $("line").content.firstElementChild.cloneNode(true);
  if (kind) item.className = kind; else item.dataset.topic = topic;
  item.querySelector(".topic").textContent = topic;
  item.querySelector(".from").textContent = (from || (kind ? "" : "the room")) + (member === undefined ? "" : ` · member ${member}`);
  item.querySelector(".seq").textContent = seq === undefined ? "" : `#${seq}`;
  item.querySelector("time").textContent = new Date().toLocaleTimeString();
  item.querySelector("pre").textContent = text;
  item.hidden = hides(item);
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  log.append(item);
  while (log.childElementCount > KEEP_LINES) log.firstElementChild.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
}

const hides = (item) => filter.value !== "" && item.dataset.topic !== undefined && item.dataset.topic !== filter.value;
const pretty = (value) => JSON.stringify(value, null, 2) ?? "null";
const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");

function status(state, text) {
  $("status").dataset.state = state;
  $("status").textContent = text;
}

function buttons() {
  const open = room.socket?.readyState === WebSocket.OPEN && compose.topic.length > 0;
  $("leave").disabled = !room.wanted;
  $("enter").textContent = room.wanted ? "Join again" : "Join";
  compose.topic.disabled = !open;
  $("send").disabled = !open || check() === null;
}

// ---- what is said -----------------------------------------------------------------------------------------------

/** The frame to send, or null with the problem shown. */
function check() {
  const { topic, form, data } = compose.elements;
  const [frame, problem] = form.value === "hex" ? binaryFrame(topic.value, data.value) : textFrame(topic.value, data.value);
  $("problem").textContent = problem ?? "";
  data.setAttribute("aria-invalid", String(problem !== undefined));
  return frame;
}

function textFrame(topic, text) {
  let data = null;
  try { if (text.trim()) data = JSON.parse(text); } catch (error) { return [null, error.message]; }
  if (new Blob([JSON.stringify(data)]).size > MAX_PAYLOAD) return [null, "more than 64 KiB"];
  return [JSON.stringify({ topic, data })];
}

function binaryFrame(topic, text) {
  const digits = text.replace(/[\s,:]|0x/gi, "");
  if (!/^([0-9a-f]{2})*$/i.test(digits)) return [null, "pairs of hexadecimal digits are needed, like 01 a0 ff"];
  const payload = (digits.match(/../g) ?? []).map((pair) => parseInt(pair, 16));
  if (payload.length > MAX_PAYLOAD) return [null, "more than 64 KiB"];
  const name = new TextEncoder().encode(topic);
  return [new Uint8Array([name.length, ...name, ...payload])];
}

// ---- wiring -----------------------------------------------------------------------------------------------------

join.addEventListener("submit", (event) => {
  event.preventDefault();
  const form = new FormData(join);
  try {
    if (form.get("options") && typeof JSON.parse(form.get("options")) !== "object") throw new Error("a JSON object is needed");
  } catch (error) {
    return status("bad", `Options: ${error.message}`);
  }
  const old = room.socket;
  Object.assign(room, { socket: null, resume: null, seq: null, tries: 0 });
  old?.close(1000);
  history.replaceState(null, "", `/play?${new URLSearchParams({ kind: form.get("kind"), room: form.get("room") })}`);
  connect();
});
compose.addEventListener("submit", (event) => {
  event.preventDefault();
  const frame = check();
  if (frame !== null && room.socket?.readyState === WebSocket.OPEN) room.socket.send(frame);
});
compose.addEventListener("input", buttons);
compose.data.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) compose.requestSubmit();
});
for (const radio of compose.elements.form) {
  radio.addEventListener("change", () => {
    compose.data.value = radio.value === "hex" ? "01 02 03" : '{ "text": "hello" }';
    buttons();
  });
}
join.kind.addEventListener("change", async () => {
  try {
    const answer = await fetch(`/play/${encodeURIComponent(join.kind.value)}`, { headers: { Accept: "application/json" } });
    const { rooms } = await answer.json();
    $("rooms").replaceChildren(...rooms.map(({ id, members }) => new Option(`${members} inside`, id)));
  } catch { $("rooms").replaceChildren(); }
});
filter.addEventListener("change", () => { for (const item of log.children) item.hidden = hides(item); });
$("leave").addEventListener("click", leave);
$("clear").addEventListener("click", () => log.replaceChildren());
$("pause").addEventListener("click", ({ target }) => {
  paused = !paused;
  target.setAttribute("aria-pressed", String(paused));
  target.textContent = paused ? "Go on" : "Pause";
});
setInterval(() => {
  $("rate").textContent = `${arrived}/s${paused ? ", paused" : ""}`;
  arrived = 0;
}, 1000);
for (const [key, value] of new URLSearchParams(location.search)) {
  if (["kind", "room"].includes(key) && value) join.elements[key].value = value;
}

/** Offers the kinds this server has. */
async function listKinds() {
  try {
    const { kinds } = await (await fetch("/play/kinds.json")).json();
    $("kinds").replaceChildren(...kinds.map((kind) => new Option(kind, kind)));
  } catch { $("kinds").replaceChildren(); }
}
listKinds();
buttons();

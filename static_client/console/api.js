// The REST interface: requests, refusals, uploads, downloads and server-sent events.

import { forget, session } from "./session.js";
import { update } from "./view.js";

const BASE = "/api/v1";

/** What the server, or the way to it, refused. `status` is 0 when no answer came. */
export class Refusal extends Error {
  constructor(status, code, message, details = {}) {
    super(message);
    Object.assign(this, { name: "Refusal", status, code, details: details ?? {} });
  }
}

const HINTS = {
  401: "The token is wrong, has expired, or was made for another server.",
  429: "Nothing has changed. Try again in a moment.",
  admin_closed: "Set [admin] token, secret or public_key in roost.toml (or ROOST_ADMIN_TOKEN) and start the server again.",
  stopping: "The server is going down; this page finds it again when it is back.",
  storage: "The server cannot write: look at its disk and its log.",
};

/** What helps, in words. */
export function hint({ status, code, details }) {
  if (status === 403 && details.needs) return `This token lacks the scope “${details.needs}”. Use one that has it.`;
  return HINTS[code] ?? HINTS[status] ?? "";
}

/** A path from a template: what is filled in becomes one segment or one value each. */
export function at(strings, ...parts) {
  const bad = parts.find((part) => part === "." || part === "..");
  // A browser takes these for steps up, even percent-encoded.
  if (bad) throw new Refusal(0, "not_addressable", `A browser cannot address “${bad}”. Use the interface with another client.`);
  return String.raw({ raw: strings }, ...parts.map((part) => encodeURIComponent(part)));
}

/** A path with those parameters that have a value. */
export function query(path, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== "" && value !== null && value !== undefined && value !== false);
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

function refusal(status, statusText, text) {
  let error;
  try { ({ error } = JSON.parse(text)); } catch { /* Something between us and the server answered. */ }
  const made = new Refusal(status, error?.code ?? `http_${status}`, error?.message ?? (statusText || "There was no proper answer."), error?.details);
  if (status === 401) {
    forget(made);
    update();
  }
  return made;
}

const silence = () => new Refusal(0, "no_answer", "The server does not answer.");

async function send(path, { method = "GET", body, headers, signal } = {}) {
  const address = path.startsWith(BASE) ? path : BASE + path;
  let response;
  try {
    response = await fetch(address, {
      method, signal, cache: "no-store", credentials: "omit",
      headers: { Authorization: `Bearer ${session.token}`, ...(body && { "Content-Type": "application/json" }), ...headers },
      body: body && JSON.stringify(body),
    });
  } catch (error) {
    throw error.name === "AbortError" ? error : silence();
  }
  const date = Date.parse(response.headers.get("Date") ?? "");
  if (date) session.skew = date - Date.now();
  if (!response.ok) throw refusal(response.status, response.statusText, await response.text().catch(() => ""));
  return response;
}

export async function get(path, signal) {
  return (await send(path, { signal })).json();
}

/** `null` for an answer without a body. */
export async function call(method, path, body) {
  const response = await send(path, { method, body });
  return response.status === 204 ? null : response.json();
}

/** Asks for something that takes longer; the answer is the address of a job, or `null` if it is done already. */
export async function start(path, body) {
  const response = await send(path, { method: "POST", body, headers: { Prefer: "respond-async" } });
  return jobAddress(response.headers.get("Location"), await response.json().catch(() => null));
}

const jobAddress = (location, body) => {
  const job = location ?? body?.job ?? null;
  return job === null || job.startsWith("/") ? job : `/jobs/${encodeURIComponent(job.split("/").pop())}`;
};

/** Sends a file and says how far it is. Resolves as `start` does, rejects with a `Refusal` or an `AbortError`. */
export function upload(path, file, progress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", BASE + path);
    request.setRequestHeader("Authorization", `Bearer ${session.token}`);
    request.setRequestHeader("Content-Type", "application/wasm");
    request.setRequestHeader("Prefer", "respond-async");
    request.upload.onprogress = ({ loaded }) => progress(loaded);
    request.onerror = () => reject(new Refusal(0, "no_answer", "The connection broke off before the server had answered."));
    request.onabort = () => reject(new DOMException("given up", "AbortError"));
    request.onload = () => {
      const { status, statusText, responseText } = request;
      if (status >= 400) return reject(refusal(status, statusText, responseText));
      let body = null;
      try { body = JSON.parse(responseText); } catch { /* The address is in a header, too. */ }
      resolve({ job: jobAddress(request.getResponseHeader("Location"), status === 202 ? body : null), published: status === 202 ? null : body });
    };
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

/** Saves what an address answers as a file. */
export async function download(path, name) {
  const response = await send(path);
  const link = document.createElement("a");
  const given = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "");
  link.download = (given?.[1] ?? name).replace(/[^\p{L}\p{N}.@_~-]+/gu, "_");
  link.href = URL.createObjectURL(await response.blob());
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Server-sent events of an address: `{event, data}`, data parsed. `EventSource` cannot say who asks. */
export async function* events(path, signal) {
  const response = await send(path, { signal, headers: { Accept: "text/event-stream" } });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (;;) {
      const { value, done } = await reader.read().catch((error) => { throw error.name === "AbortError" ? error : silence(); });
      if (done) return;
      const blocks = (text + value).replaceAll("\r\n", "\n").split("\n\n");
      text = blocks.pop();
      for (const block of blocks) {
        const found = parse(block);
        if (found) yield found;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function parse(block) {
  let event = "message";
  const data = [];
  for (const line of block.split("\n")) {
    const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
    if (field === "event") event = value;
    if (field === "data") data.push(value);
  }
  if (!data.length) return null;
  try { return { event, data: JSON.parse(data.join("\n")) }; } catch { return { event, data: data.join("\n") }; }
}

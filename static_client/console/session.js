// Who asks: the token, what it may do, and what the server says of itself.

const SLOT = "roost-admin-token";
export const SCOPES = ["read", "publish", "activate", "operate"];

export const session = {
  /** Only for as long as this tab is open. */
  token: sessionStorage.getItem(SLOT) ?? "",
  /** The last `ServerInfo`; `null` until the token was accepted. */
  server: null,
  /** Why there is none any more: a `Refusal`. */
  refused: null,
  /** The server's clock less ours, in milliseconds. */
  skew: 0,
};

export function remember(token) {
  session.token = token;
  sessionStorage.setItem(SLOT, token);
}

export function forget(refusal = null) {
  session.token = "";
  session.server = null;
  session.refused = refusal;
  sessionStorage.removeItem(SLOT);
}

export const may = (scope) => session.server?.you.scopes.includes(scope) ?? false;

/** The server's time, in Unix milliseconds. */
export const now = () => Date.now() + session.skew;

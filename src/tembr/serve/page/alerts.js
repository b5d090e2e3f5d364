// Errors, said at once in the language chosen with what to do; and the form for an API key.

import { EngineError } from "./engine.js";
import { $, element } from "./elements.js";
import { clock, has, number, t } from "./language.js";

const BY_STATUS = { 401: "key", 403: "forbidden", 413: "too_large", 415: "unreadable", 429: "busy", 503: "busy" };
const SAME = { audio: "unreadable", too_many: "busy", stopping: "busy", slow: "busy", origin: "forbidden", path: "unreachable" };
const DETAILED = ["unreadable", "speaker"]; // the service knows more than the page's sentence says
let shown = null;

/** Show an error. `retry` is offered where trying again may help; `limits` are the service's. */
export function showError(error, retry = null, limits = {}) {
  if (!(error instanceof EngineError)) console.error(error);
  shown = { error, retry, limits };
  draw();
}

export function clearError() {
  shown = null;
  $("alert").hidden = true;
  $("key-form").hidden = true;
  $("alert").replaceChildren();
}

/** The same error in the language chosen now. */
export function draw() {
  if (!shown) return;
  const { error, retry, limits } = shown;
  const kind = kindOf(error);
  const values = { message: error.message, seconds: error.seconds, max_time: clock(limits.max_seconds ?? 0, 0), max_size: size(limits.max_bytes ?? 0) };
  const again = retry && ["busy", "unreachable", "lost", "microphone_refused", "microphone_missing", "other"].includes(kind);
  const buttons = [
    again ? button(t("retry"), () => { clearError(); retry(); }) : null,
    button(t("close"), clearError),
  ];
  const detail = DETAILED.includes(kind) && error.message !== error.code ? element("p", { className: "detail", lang: "en" }, error.message) : null;
  $("alert").replaceChildren(element("p", {}, t(`error_${kind}`, values)), ...[detail].filter(Boolean), element("div", { className: "actions" }, ...buttons.filter(Boolean)));
  $("alert").hidden = false;
  $("key-form").hidden = kind !== "key";
  if (kind !== "key") return;
  $("key-form").onsubmit = (event) => submit(event, retry);
  $("key").focus();
}

function submit(event, retry) {
  event.preventDefault();
  const key = $("key").value.trim();
  clearError();
  retry?.(key);
}

function kindOf({ code, status }) {
  const known = SAME[code] ?? code;
  if (has(`error_${known}`)) return known;
  return BY_STATUS[status] ?? "other";
}

const button = (text, act) => {
  const made = element("button", { type: "button" }, text);
  made.addEventListener("click", act);
  return made;
};

const size = (bytes) => `${number(bytes / 1e6, bytes < 1e7 ? 1 : 0)} MB`;

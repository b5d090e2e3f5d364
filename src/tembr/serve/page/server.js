// The engine behind HTTP: recordings go to the service that showed the page.

import { EngineError } from "./engine.js";
import { ServerStream } from "./socket.js";

export const open = () => new ServerEngine(new URL(".", document.baseURI));

class ServerEngine {
  where = "server";
  key = ""; // kept here and nowhere else

  constructor(base) {
    this.base = base;
  }

  async load() {}

  model() {
    return this.#ask("v1/model");
  }

  predict(blob, options = {}) {
    return this.#ask("v1/predict", upload(blob, options.speaker), channelOf(options));
  }

  segments(blob, options = {}) {
    return this.#ask("v1/segments", upload(blob, options.speaker), { hop: 0.5, ...channelOf(options) });
  }

  enrol(blobs, name) {
    const form = new FormData();
    for (const blob of blobs) form.append("files", blob, blob.name ?? "recording");
    if (name) form.append("name", name);
    return this.#ask("v1/enrolments", form);
  }

  stream(rate, options, hooks) {
    const url = new URL("v1/stream", this.base);
    url.protocol = url.protocol.replace("http", "ws");
    const start = { hop: 0.5, ...(options.speaker ? { speaker: options.speaker } : {}) };
    return new ServerStream(url, rate, start, this.key, hooks);
  }

  async #ask(path, body, query = {}) {
    const url = new URL(path, this.base);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const headers = this.key ? { Authorization: `Bearer ${this.key}` } : {};
    let response;
    try {
      response = await fetch(url, { method: body ? "POST" : "GET", body, headers, cache: "no-store" });
    } catch {
      throw new EngineError("unreachable");
    }
    const content = await response.json().catch(() => null);
    if (response.ok && content) return content;
    throw refusal(response, content?.error);
  }
}

function upload(blob, speaker) {
  const form = new FormData();
  form.append("file", blob, blob.name ?? "recording");
  if (speaker) form.append("speaker", JSON.stringify(speaker));
  return form;
}

const channelOf = ({ channel }) => (channel && channel !== "mix" ? { channel } : {});

function refusal(response, error) {
  const seconds = Number(response.headers.get("Retry-After")) || 5;
  const message = error?.message ?? `${response.status} ${response.statusText}`;
  return new EngineError(error?.code ?? String(response.status), message, { status: response.status, seconds });
}

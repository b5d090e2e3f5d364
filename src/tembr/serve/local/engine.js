// The engine in this browser: recordings are decoded here and heard in a worker; nothing is sent anywhere.

import { EngineError } from "../engine.js";
import { decoded } from "./decoding.js";

export const open = () => new LocalEngine(new URL(".", document.baseURI));

class LocalEngine {
  where = "local";
  #waiting = new Map();
  #last = 0;

  constructor(base) {
    this.base = base;
    this.worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    this.worker.onmessage = ({ data }) => this.#take(data);
    this.worker.onerror = (event) => this.#broken(event.message);
  }

  async load(progress) {
    if (this.facts) return;
    this.progress = progress;
    this.facts = await this.#ask("load", { base: this.base.href, threads: threads() });
  }

  async model() {
    return this.facts;
  }

  async predict(blob, options = {}) {
    return this.#ask("predict", { sound: await decoded(blob, options.channel), speaker: options.speaker });
  }

  async segments(blob, options = {}) {
    return this.#ask("segments", { sound: await decoded(blob, options.channel), speaker: options.speaker, hop: options.hop ?? 0.5 });
  }

  async enrol(blobs, name) {
    const sounds = [];
    const unreadable = [];
    for (const blob of blobs) {
      try {
        sounds.push(await decoded(blob));
      } catch {
        unreadable.push(`left out: ${blob.name} cannot be decoded by this browser`);
      }
    }
    const found = await this.#ask("enrol", { sounds, name });
    return { ...found, warnings: [...unreadable, ...found.warnings] };
  }

  stream(rate, options, hooks) {
    return new LocalStream((method, values) => this.#ask(method, values), rate, options, hooks);
  }

  #ask(method, values) {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, method, values });
    });
  }

  #take({ id, progress, result, error }) {
    if (progress) return this.progress?.(...progress);
    if (!this.#waiting.has(id)) return;
    const { resolve, reject } = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) reject(new EngineError(error.code, error.message));
    else resolve(result);
  }

  #broken(message) {
    for (const { reject } of this.#waiting.values()) reject(new EngineError("worker", message ?? "the worker failed"));
    this.#waiting.clear();
  }
}

class LocalStream {
  constructor(ask, rate, options, hooks) {
    Object.assign(this, { ask, hooks });
    this.id = crypto.randomUUID();
    this.#tell(ask("open", { stream: this.id, rate, speaker: options.speaker, hop: options.hop }));
  }

  push(samples) {
    if (!this.over) this.#tell(this.ask("push", { stream: this.id, samples }));
  }

  async finish() {
    if (!this.over) await this.#tell(this.ask("finish", { stream: this.id }));
    this.over = true;
  }

  async #tell(events) {
    try {
      (await events)?.forEach((event) => this.hooks.event(event));
    } catch (error) {
      if (!this.over) {
        this.over = true;
        this.hooks.error(error);
      }
    }
  }
}

/** Several only where the page is isolated, as they share memory; half of the cores are left to all else. */
const threads = () => (crossOriginIsolated ? Math.min(4, Math.ceil((navigator.hardwareConcurrency || 1) / 2)) : 1);

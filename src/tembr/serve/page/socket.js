// A stream to the service over WebSocket that outlives its connections.
//
// Samples go out as 16 bits. They are kept until the service says that it has taken them, so that after a dropped
// connection the session is resumed where it was; where it has expired, a new one begins with what is kept.

import { EngineError } from "./engine.js";

const KEPT = 60; // seconds of audio that wait for a connection, as long as a session lives without one
const PATIENCE = 10_000; // ms without a word after which a connection counts as dead
const BEAT = 2_000; // ms between pings
const AHEAD = 1 << 20; // bytes handed to the browser and not sent yet
const LONGEST = 8_000; // ms between two attempts
const BUSY = new Set(["busy", "too_many", "stopping", "slow"]);
const FATAL = new Set([1003, 1007, 1008, 1009]);

export class ServerStream {
  #kept = []; // Int16Array, in order
  #first = 0; // number of the first sample kept
  #pushed = 0;
  #sent = 0;
  #base = 0; // sample at which the present session began
  #session = null;
  #received = 0;
  #ready = false;
  #over = false;
  #attempts = 0;
  #lostAt = 0;

  constructor(url, rate, start, key, hooks) {
    Object.assign(this, { url, rate, start, key, hooks });
    this.finished = new Promise((resolve) => (this.resolve = resolve));
    this.beat = setInterval(() => this.#check(), BEAT);
    this.#connect();
  }

  /** Take samples, Float32Array in [-1, 1]. */
  push(samples) {
    if (this.#over || this.finishing) return;
    this.#kept.push(Int16Array.from(samples, (x) => Math.round(Math.max(-1, Math.min(1, x)) * 32767)));
    this.#pushed += samples.length;
    if (this.#pushed - this.#first > KEPT * this.rate) this.#fail(new EngineError("lost"));
    else this.#flush();
  }

  /** No more samples come; resolves when the last event has. */
  finish() {
    this.finishing = true;
    this.#flush();
    return this.finished;
  }

  #connect() {
    this.#ready = false;
    this.heardAt = Date.now();
    const socket = (this.socket = new WebSocket(this.url));
    const mine = (act) => (event) => socket === this.socket && !this.#over && act(event);
    socket.onopen = mine(() => this.#greet());
    socket.onmessage = mine(({ data }) => this.#take(JSON.parse(data)));
    socket.onclose = mine(({ code }) => this.#dropped(code));
  }

  #greet() {
    const key = this.key ? { key: this.key } : {};
    if (this.#session) return this.#say({ type: "resume", session: this.#session, received: this.#received, ...key });
    this.#base = this.#sent = this.#first;
    this.#received = 0;
    this.#say({ type: "start", sample_rate: this.rate, encoding: "s16le", channels: 1, ...this.start, ...key });
  }

  #take(message) {
    this.heardAt = Date.now();
    if (message.type === "started") this.#began(message);
    else if (message.type === "resumed") this.#resumed(message);
    else if (message.type === "event") this.#tell(message);
    else if (message.type === "pong") this.#forget(this.#base + Math.floor(message.seconds * this.rate));
    else if (message.type === "finished") this.#finished(message);
    else if (message.type === "error") this.#refused(message);
  }

  #began({ session }) {
    if (this.#lostAt) this.hooks.state("anew", this.#base / this.rate);
    this.#session = session;
    this.#goOn();
  }

  #resumed({ samples }) {
    this.#sent = this.#base + samples;
    this.#forget(this.#sent);
    this.hooks.state("resumed");
    this.#goOn();
  }

  #goOn() {
    this.#ready = true;
    this.#attempts = this.#lostAt = 0;
    this.#flush();
  }

  #tell(event) {
    if (event.n <= this.#received) return;
    this.#received = event.n;
    const shift = this.#base / this.rate;
    const times = { time: event.time + shift, start: event.start + shift, end: event.end + shift };
    this.hooks.event({ ...event, ...times });
  }

  #finished({ seconds }) {
    if (this.finishing) return this.#end();
    this.#forget(this.#base + Math.floor(seconds * this.rate)); // the service stops: another session goes on
    this.#session = null;
  }

  #refused({ code, message }) {
    const resuming = this.#session && !this.#ready;
    if (this.#lostAt && BUSY.has(code)) return; // it closes, and is asked again
    if (!resuming || code !== "session") return this.#fail(new EngineError(code, message, { status: BUSY.has(code) ? 503 : 0 }));
    this.#session = null; // it has expired: the next connection starts anew
    this.socket.close();
  }

  #dropped(code) {
    const opened = this.#ready || this.#lostAt;
    if (FATAL.has(code) && this.#ready) return this.#fail(new EngineError("closed", `closed: ${code}`));
    if (!opened) return this.#fail(code === 1013 ? busy() : new EngineError("unreachable"));
    if (!this.#lostAt) this.hooks.state("lost");
    this.#lostAt ||= Date.now();
    this.#ready = false;
    if (Date.now() - this.#lostAt > KEPT * 1000) return this.#fail(new EngineError("lost"));
    this.retry = setTimeout(() => this.#connect(), Math.min(LONGEST, 300 * 2 ** this.#attempts++));
  }

  #check() {
    if (this.#ready) this.#say({ type: "ping" });
    if (this.#ready && Date.now() - this.heardAt > PATIENCE) this.#abandon();
    this.#flush();
  }

  #abandon() {
    const dead = this.socket;
    this.socket = null; // its own end may come a minute late
    dead.close();
    this.#dropped(0);
  }

  /** Send what is kept and was not sent, as far as the connection keeps up; then that it was all. */
  #flush() {
    if (!this.#ready) return;
    let at = this.#first;
    for (const samples of this.#kept) {
      const next = at + samples.length;
      if (next > this.#sent) {
        if (this.socket.bufferedAmount > AHEAD) return;
        this.socket.send(samples.subarray(Math.max(0, this.#sent - at)));
        this.#sent = next;
      }
      at = next;
    }
    if (this.finishing && this.saidLast !== this.socket) {
      this.saidLast = this.socket;
      this.#say({ type: "finish" });
    }
  }

  #forget(until) {
    while (this.#kept.length && this.#first + this.#kept[0].length <= until) this.#first += this.#kept.shift().length;
  }

  #say(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  #fail(error) {
    if (this.#over) return;
    this.#end();
    this.hooks.error(error);
  }

  #end() {
    this.#over = true;
    clearInterval(this.beat);
    clearTimeout(this.retry);
    this.socket?.close();
    this.resolve();
  }
}

const busy = () => new EngineError("busy", "busy", { status: 503 });

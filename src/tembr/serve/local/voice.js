// Where somebody speaks: Silero's detector and stretches cut by it, as tembr/recognize/voice.py.

import { joined } from "./windows.js";

const CHUNK = 512; // samples at 16 kHz
const CONTEXT = 64;
const QUIET = 1e-3;
const [BEGIN, GO_ON] = [0.5, 0.35];
const [PAUSE, MARGIN, SHORTEST] = [0.5, 0.1, 0.3]; // seconds
const ENOUGH = 3; // chunks
const PIECE = 3 * 16_000; // samples

/** Probability of speech, chunk by chunk; it remembers, so make one for each recording. */
export class Voice {
  #rest = new Float32Array(0);
  #context = new Float32Array(CONTEXT);
  #state = new Float32Array(256);

  constructor(network) {
    this.network = network;
  }

  async hear(block, last = false) {
    let samples = joined([this.#rest, block]);
    if (last && samples.length % CHUNK) samples = joined([samples, new Float32Array(CHUNK - (samples.length % CHUNK))]);
    const found = [];
    let at = 0;
    for (; at + CHUNK <= samples.length; at += CHUNK) found.push(await this.#probability(samples.subarray(at, at + CHUNK)));
    this.#rest = samples.slice(at);
    return found;
  }

  async #probability(chunk) {
    if (chunk.every((x) => Math.abs(x) < QUIET)) return 0;
    const [probability, state] = await this.network.voice(joined([this.#context, chunk]), this.#state);
    this.#context = chunk.slice(-CONTEXT);
    this.#state = state;
    return probability;
  }
}

/** Whether somebody speaks in a recording. Python asks a small network first; here Silero's detector alone says it. */
export async function speaks(network, samples) {
  for (let start = 0; start < samples.length; start += PIECE) {
    const found = await new Voice(network).hear(samples.subarray(start, start + PIECE));
    if (found.filter((probability) => probability >= BEGIN).length >= ENOUGH) return true;
  }
  return false;
}

/** Cuts the stretches of speech out of a stream, holding back only what is not decided yet. */
export class Cutter {
  #buffer = new Float32Array(0);
  #first = 0;
  #chunks = 0;
  #begin = null;
  #opened = 0;
  #heard = 0;
  #given = 0;

  constructor(voice, rate) {
    this.voice = voice;
    [this.pause, this.margin, this.shortest] = [PAUSE, MARGIN, SHORTEST].map((seconds) => Math.round(seconds * rate));
  }

  /** First sample that a stretch of which nothing was given yet may begin with. */
  get earliest() {
    return this.#begin ?? Math.max(this.#given, this.#chunks * CHUNK - this.margin);
  }

  /** Whether a stretch of which a piece was given goes on. */
  get open() {
    return this.#begin !== null && this.#given > this.#begin;
  }

  /** The pieces that `block` completes: first sample of the stretch, and samples. */
  async add(block, last = false) {
    this.#buffer = joined([this.#buffer, block]);
    const found = [];
    for (const probability of await this.voice.hear(block, last)) this.#step(probability, found);
    if (last) this.#close(found);
    this.#forget();
    return found;
  }

  #step(probability, found) {
    const [now, end] = [this.#chunks * CHUNK, (this.#chunks + 1) * CHUNK];
    this.#chunks += 1;
    if (this.#begin === null && probability >= BEGIN) {
      this.#begin = this.#given = Math.max(this.#given, now - this.margin);
      [this.#opened, this.#heard] = [now, end];
    } else if (this.#begin !== null && probability >= GO_ON) this.#heard = end;
    if (this.#begin !== null && this.#heard - this.#opened >= this.shortest) this.#give(this.#heard, found);
    if (this.#begin !== null && end - this.#heard >= this.pause) this.#close(found);
  }

  #close(found) {
    if (this.open) this.#give(this.#heard + this.margin, found);
    this.#begin = null;
  }

  #give(end, found) {
    const piece = this.#buffer.slice(this.#given - this.#first, Math.max(0, end - this.#first));
    if (!piece.length) return;
    this.#given += piece.length;
    found.push([this.#begin, piece]);
  }

  #forget() {
    const keep = this.#begin !== null ? this.#given : this.earliest;
    if (keep <= this.#first) return;
    this.#buffer = this.#buffer.slice(keep - this.#first);
    this.#first = keep;
  }
}

// Samples in, events out, as tembr/recognize/stream.py.

import { FULL_SCALE } from "./decoding.js";
import { Resampler } from "./resampling.js";
import { Hearing, Segmenter } from "./segments.js";
import { Cutter, Voice } from "./voice.js";
import { joined } from "./windows.js";

const BLOCK = 0.032; // seconds worked on at a time
const FIRST = 1.0; // seconds of speech after which the first answer is given

export class LiveStream {
  #waiting = [];
  #samples = 0;
  #full = 0;
  #early = FIRST;

  /** `told(posteriors, start, end, quality, label)` makes an answer of what was heard. */
  constructor(network, rate, told, { hop = 0.5, window = 3, lag = 3, smoothing = 1 } = {}) {
    Object.assign(this, { rate, told, hop, lag });
    this.heardRate = network.rate;
    this.resampler = new Resampler(rate, network.rate);
    this.cutter = new Cutter(new Voice(network), network.rate);
    this.hearing = new Hearing((samples) => network.posteriors(samples), network.rate, network.samplesOf(window), Math.round(hop * network.rate));
    this.segmenter = new Segmenter(smoothing);
  }

  get seconds() {
    return this.#samples / this.rate;
  }

  async push(samples) {
    this.#waiting.push(samples);
    const size = Math.round(BLOCK * this.rate);
    const all = joined(this.#waiting);
    const events = [];
    let at = 0;
    for (; at + size <= all.length; at += size) events.push(...(await this.#step(all.subarray(at, at + size))));
    this.#waiting = [all.slice(at)];
    return events;
  }

  async finish() {
    const events = await this.#step(joined(this.#waiting), true);
    return [...events, ...this.#segments(this.segmenter.settle())];
  }

  async #step(block, last = false) {
    this.#samples += block.length;
    for (const x of block) this.#full += Math.abs(x) >= FULL_SCALE;
    const events = [];
    for (const [begin, piece] of await this.cutter.add(this.resampler.add(block, last), last)) {
      events.push(...this.#answers(await this.hearing.add(begin, piece)));
    }
    if (this.hearing.inside && (last || !this.cutter.open)) {
      events.push(...this.#answers(await this.hearing.end()), ...this.#segments(this.segmenter.endStretch()));
      this.#early = FIRST;
    }
    events.push(...(await this.#earlyAnswer()), ...this.#segments(this.segmenter.tell(this.seconds - this.lag)));
    if (this.cutter.earliest / this.heardRate > this.segmenter.link) events.push(...this.#segments(this.segmenter.settle()));
    return events;
  }

  async #earlyAnswer() {
    const heard = await this.hearing.soFar(Math.round(this.#early * this.heardRate));
    if (heard === null) return [];
    this.#early += this.hop;
    return [this.#event("answer", heard)];
  }

  #answers(heard) {
    return heard.flatMap((one) => [this.#event("answer", one), ...this.#segments(this.segmenter.add(one))]);
  }

  #segments(told) {
    return told.map((each) => this.#event(each.kind, each));
  }

  #event(kind, { posteriors, start, end, label }) {
    const quality = { rate: this.rate, clipped: this.#full / Math.max(1, this.#samples) };
    return { event: kind, time: this.seconds, ...this.told(posteriors, start, end, quality, label) };
  }
}
